# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
steward merge --csv contacts.csv >/dev/null
fails steward apply last
steward show last --json | schema show
