# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
printf '%s,One,c@example.com,REVU-3,One,2024-13-01,,1\n' "$(contact 31)" >>contacts.csv
printf '%s,One,c@example.com,user_3,One,,,many\n' "$(contact 32)" >>contacts.csv
printf '%s,One,c@example.com,user_4,One,,,-1\n' "$(contact 33)" >>contacts.csv
fails steward merge --csv contacts.csv
