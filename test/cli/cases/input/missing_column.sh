# SPDX-License-Identifier: MIT
echo 'REV_USER_ID,DISPLAY_NAME,FULL_NAME' >contacts.csv
echo 'a,b,c' >>contacts.csv
fails steward merge --csv contacts.csv
