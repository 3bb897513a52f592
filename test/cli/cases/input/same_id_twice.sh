# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
printf '%s,Other,z@example.com,REVU-77,Other,,,1\n' "$(contact 11)" >>contacts.csv
pair 2 b@example.com >>contacts.csv
fails steward merge --csv contacts.csv
