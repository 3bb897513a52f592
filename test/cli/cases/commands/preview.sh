# SPDX-License-Identifier: MIT
# What a person sees before anything happens.
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
pair 2 b@example.com >>contacts.csv
printf '%s,Alone,alone@example.com,user_9,Alone,,,0\n' "$(contact 91)" >>contacts.csv
steward merge --csv contacts.csv
steward runs
steward show last
