# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "short,$n" >>contacts.csv; done
fails steward merge --csv contacts.csv
steward report last --json | "$PYTHON" -c 'import json, sys; print(len(json.load(sys.stdin)["bad_rows"]), "bad rows in the report")'
