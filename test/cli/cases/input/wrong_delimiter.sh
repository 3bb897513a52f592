# SPDX-License-Identifier: MIT
echo "$header" | tr ',' ';' >contacts.csv
echo 'a;b;c@example.com;REVU-1;e;;;1' >>contacts.csv
fails steward merge --csv contacts.csv
echo "$header" | tr ',' '\t' >contacts.csv
fails steward merge --csv contacts.csv
