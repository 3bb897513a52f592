# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
steward merge --csv contacts.csv --quiet >/dev/null
fails steward show first
fails steward show 0
fails steward show -- -1
fails steward show 2
fails steward apply 99999999999999999999
