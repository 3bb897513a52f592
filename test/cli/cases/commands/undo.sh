# SPDX-License-Identifier: MIT
contacts 2
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl
steward merge --csv contacts.csv --quiet >/dev/null
fails steward undo 1 --yes
fails steward undo 9 --yes
steward apply 1 --yes --quiet >/dev/null
fails steward undo 1 --only 12 --yes
fails steward undo 1 --only none --yes
fails steward undo 1 --only 00000000 --yes
steward undo 1 --preview | sed 's/change [0-9a-f]\{8\}/change (id)/'
fails steward undo 1 --quiet --json >refused.json
sed -n '/^exit/p' refused.json
sed '/^exit/d' refused.json | schema show
steward undo 1 --yes --quiet --json >shown.json
schema show <shown.json
steward show 1 --json | schema show
steward show 1 | sed -n '1p;/^  undone/p'
steward report 4 --json | schema report
steward undo 1 --yes
steward undo 1 --yes --json | schema show
fails steward undo 4 --yes
grep -c rev-users.create effects.jsonl
