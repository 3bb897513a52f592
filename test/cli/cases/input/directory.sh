# SPDX-License-Identifier: MIT
mkdir contacts.csv
fails steward merge --csv contacts.csv
