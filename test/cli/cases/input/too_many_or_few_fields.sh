# SPDX-License-Identifier: MIT
# Listed with line and reason; the good rows are planned.
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
echo 'x,y' >>contacts.csv
echo 'x,y,z@example.com,REVU-9,v,,,1,one too many' >>contacts.csv
pair 2 b@example.com >>contacts.csv
fails steward merge --csv contacts.csv
