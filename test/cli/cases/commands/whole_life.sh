# SPDX-License-Identifier: MIT
# Plan, apply, verify, report against the stand-in; every document fits its schema.
contacts 12
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl
steward merge --csv contacts.csv --csv-out decisions.csv --quiet >preview
grep -c ',merge,' decisions.csv
steward apply last --quiet
merges
steward verify last --quiet
steward verify last --quiet --json | schema verify
steward show last --json >show.json
schema show <show.json
steward show last --changes | schema changes --lines
steward runs --json | schema runs
steward report last
steward report last --json >report.json
schema report <report.json
schema report <reports/run-1.json
steward report last --json elsewhere.json
schema report <elsewhere.json
steward audit verify --json | schema audit-verify
steward audit show --run 1 | schema audit-entry --lines
"$PYTHON" - <<'CHECK'
import json
show = json.load(open("show.json"))
print(show["run"], show["job"], show["rules"], show["state"], show["counts"])
print(sorted(show["changes"][0]))
CHECK
# A run that is done is not applied again, and resuming it sends nothing.
fails steward apply last
steward resume last --quiet
merges
