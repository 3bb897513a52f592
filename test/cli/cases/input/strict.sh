# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
echo 'x,y' >>contacts.csv
fails steward merge --csv contacts.csv --strict
steward runs --json | schema runs
