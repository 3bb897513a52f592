# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
printf '%s,O\000ne,c@example.com,REVU-3,One,,,1\n' "$(contact 31)" >>contacts.csv
fails steward merge --csv contacts.csv
