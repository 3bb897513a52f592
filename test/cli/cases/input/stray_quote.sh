# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
printf '%s,On"e,c@example.com,REVU-3,One,,,1\n' "$(contact 31)" >>contacts.csv
printf '%s,"One" x,c@example.com,user_3,One,,,1\n' "$(contact 32)" >>contacts.csv
fails steward merge --csv contacts.csv
