# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
echo 'short,row' >>contacts.csv
fails steward merge --csv contacts.csv
