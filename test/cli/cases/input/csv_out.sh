# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
pair 2 b@example.com >>contacts.csv
steward merge --csv contacts.csv --csv-out decisions.csv >/dev/null
cat decisions.csv
mkdir -p directory
fails steward merge --csv contacts.csv --csv-out directory
fails steward merge --csv contacts.csv --csv-out nowhere/decisions.csv
