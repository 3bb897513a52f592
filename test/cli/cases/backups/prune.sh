# SPDX-License-Identifier: MIT
# Old backups go only with --apply, those of an open run only with --force; afterwards it is known when.
sandbox --contacts 12 --seed 3 --issues 0 --contacts-csv contacts.csv
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --yes --quiet >/dev/null
mkdir -p backups/strange_20250101_000000 && touch -d 2025-01-01 backups/strange_20250101_000000
steward backups list | sed 's/ [0-9.]* kB/ @SIZE@/'
steward backups prune | sed 's/ [0-9.]* kB/ @SIZE@/; s/([^)]*)/(@SIZE@)/g'
fails steward backups prune --apply >out
cat out | tail -1
steward backups prune --apply --yes | tail -1 | sed 's/([^)]*)/(@SIZE@)/g'
steward backups list | tail -1 | sed 's/, .*//'
# a month and a day later
"$PYTHON" - <<'PY'
import sqlite3
db = sqlite3.connect("steward.db")
db.execute("UPDATE change SET updated_at_ms = updated_at_ms - 31 * 86400000")
db.commit()
PY
id=$(steward show last --changes | sed -n '1s/.*"id":"\([0-9a-f]*\)".*/\1/p')
steward backups prune | sed 's/ [0-9.]* kB/ @SIZE@/; s/([^)]*)/(@SIZE@)/g'
steward backups prune --retention-days 60 | tail -1 | sed 's/([^)]*)/(@SIZE@)/g'
steward backups prune --apply --yes --json >out && schema backups-prune <out
steward backups list
fails steward backups show "$id" | sed 's/[0-9a-f]\{32\}/@ID@/'
steward undo last --yes --quiet >/dev/null 2>&1 || echo "undo $?"
steward show last --changes | sed 's/.*"state":"\([a-z]*\)".*"error":\([^}]*\),"backup.*/\1 \2/'
ls -A backups
steward audit show | grep -c '"event":"prune"'
steward audit verify | sed 's/[0-9][0-9]* entries/@N@ entries/'
