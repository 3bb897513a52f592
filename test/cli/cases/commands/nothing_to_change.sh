# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
printf '%s,Alone,alone@example.com,user_9,Alone,,,0\n' "$(contact 91)" >>contacts.csv
steward merge --csv contacts.csv
DEVREV_API_TOKEN=abc DEVREV_BASE_URL=http://127.0.0.1:1 steward apply last --quiet
