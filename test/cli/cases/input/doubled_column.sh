# SPDX-License-Identifier: MIT
echo "$header,EMAIL" >contacts.csv
echo 'a,b,c@example.com,REVU-1,e,,,1,d@example.com' >>contacts.csv
fails steward merge --csv contacts.csv
