# SPDX-License-Identifier: MIT
# The whole plan; and a plan of which everything is refused.
sandbox --contacts 32 --contacts-csv contacts.csv --effects effects.jsonl --merge-delay 10
plain='s/ by [^ ]*@.*/ by SOMEBODY/'
steward merge --csv contacts.csv >plan.txt
steward merge --csv contacts.csv >plan.txt
first=$(steward show 1 --changes | sed -n '1s/.*"id":"\([0-9a-f]*\).*/\1/p')
steward approve 1 "$first" | sed "$plain"
steward approve last | sed "$plain"
echo '-- all of it refused'
steward refuse 2 --strategy revu-pairs | sed "$plain"
steward refuse 2 --strategy revu-pairs | sed "$plain"
fails steward approve 2 --strategy nobody
steward approve 2 --strategy revu-pairs | sed "$plain"
steward apply 2 --quiet
echo "merges: $(merges)"
echo '-- so the plan from before is stale'
fails_into out steward apply 1 2>apply.err
steward links list --json | grep -c '"kind":"cannot"'
steward merge --csv contacts.csv | sed -n '2p;/Nothing\|nothing/p'
steward links list --json | sed -n 's/.*"a":"\([^"]*\)","b":"\([^"]*\)".*/\1 \2/p' |
    while read -r a b; do steward links forget "$a" "$b" >forget.txt; done
steward apply 1 --quiet
echo "merges: $(merges)"
