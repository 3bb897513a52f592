# SPDX-License-Identifier: MIT
# Some are approved, some refused, the rest neither: exactly the approved ones are carried out.
sandbox --contacts 32 --contacts-csv contacts.csv --effects effects.jsonl --merge-delay 10
plain='s/ by [^ ]*@.*/ by SOMEBODY/'
steward merge --csv contacts.csv >plan.txt
set -- $(steward show 1 --changes | sed 's/.*"id":"\([0-9a-f]*\).*/\1/')
steward approve 1 "$1" "$(echo "$2" | cut -c-8)" "$3" | sed "$plain"
steward refuse 1 "$3" "$(echo "$4" | tr a-f A-F)" | sed "$plain"
steward show 1 | sed -n '/^Changes/,/^$/p'
steward show 1 | grep '^  [0-9a-f]\{8\} '
steward approve 1 "$5" --json >approved.json && schema approve <approved.json
steward refuse 1 "$6" --json >refused.json && schema refuse <refused.json
sed 's/"by":"[^"]*"/"by":"SOMEBODY"/' approved.json refused.json
steward apply 1 --quiet
echo "merges: $(merges)"
for id in "$1" "$2" "$5"; do
    target=$(steward show 1 --changes | sed -n "s/.*\"id\":\"$id\".*\"target\":\"\([^\"]*\)\".*\"state\":\"verified\".*/\1/p")
    grep -c "rev-users.merge/done.*\"$target\"" effects.jsonl
done
steward show 1 --changes | grep refused | sed 's/.*"state"/"state"/' | sort | uniq -c | sed 's/^ *//'
steward runs | awk '{ print $1, $2, $NF }'
steward verify 1
steward report 1 --json >report.json && schema report <report.json
"$PYTHON" -c 'import json; print(json.load(open("report.json"))["counts"])'
grep -o '<[^>]*>refused[^<]*<' reports/run-1.html | head -n 1
steward links list --json | tee links.json | grep -c '"kind":"cannot".*"why":"refused","run":1,'
schema links <links.json
