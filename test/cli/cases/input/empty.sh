# SPDX-License-Identifier: MIT
: >contacts.csv
fails steward merge --csv contacts.csv
printf '\357\273\277' >contacts.csv
fails steward merge --csv contacts.csv
printf '\n\n' >contacts.csv
fails steward merge --csv contacts.csv
