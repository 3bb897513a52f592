# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
printf '%s,"One,c@example.com,REVU-3,One,,,1\n' "$(contact 31)" >>contacts.csv
pair 2 b@example.com >>contacts.csv
fails steward merge --csv contacts.csv
