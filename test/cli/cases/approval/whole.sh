# SPDX-License-Identifier: MIT
# The whole plan; and a plan of which everything is refused.
sandbox --contacts 32 --contacts-csv contacts.csv --effects effects.jsonl --merge-delay 10
plain='s/ by [^ ]*@.*/ by SOMEBODY/'
steward merge --csv contacts.csv >plan.txt
first=$(steward show 1 --changes | sed -n '1s/.*"id":"\([0-9a-f]*\).*/\1/p')
steward approve 1 "$first" | sed "$plain"
steward approve last | sed "$plain"
steward merge --csv contacts.csv >plan.txt
steward refuse 2 --strategy revu-pairs | sed "$plain"
steward refuse 2 --strategy revu-pairs | sed "$plain"
fails steward approve 2 --strategy nobody
steward approve 2 | sed "$plain"
steward apply 2 --quiet
echo "merges: $(merges)"
steward apply 1 --quiet | sed '/^Report/d'
echo "merges: $(merges)"
