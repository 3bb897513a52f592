# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
fails steward merge --csv contacts.csv
printf '%s\r\n\r\n' "$header" >contacts.csv
fails steward merge --csv contacts.csv
