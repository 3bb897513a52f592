# SPDX-License-Identifier: MIT
contacts 3
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl
steward merge --csv contacts.csv --apply --yes --quiet --json >shown.json
schema show <shown.json
merges
steward merge --csv contacts.csv --apply --confirm 3 --quiet | tail -5
