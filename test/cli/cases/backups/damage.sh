# SPDX-License-Identifier: MIT
# A flipped bit, a missing file, an extra file, a backup that is gone: each is named, and nothing is undone
# from it.
sandbox --contacts 20 --seed 3 --issues 0 --contacts-csv contacts.csv
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --yes --quiet >/dev/null
"$PYTHON" - <<'PY'
import json, pathlib, subprocess
listed = json.loads(subprocess.run(["steward", "backups", "list", "--json"], capture_output=True).stdout)
places = [pathlib.Path(entry["directory"]) for entry in sorted(listed["backups"], key=lambda e: e["change"])]
flipped = places[0] / "tickets/relationships.json"
content = bytearray(flipped.read_bytes())
content[5] ^= 1
flipped.write_bytes(content)
(places[1] / "tickets/tickets.json").unlink()
(places[2] / "tickets/more.txt").write_text("more")
(places[3]).rename("elsewhere")
list_file = places[4] / "metadata/verification.json"
list_file.write_text(list_file.read_text()[:-3])
PY
fails steward backups verify | sed 's/^[0-9a-f]\{8\}/@ID@/' | LC_ALL=C sort
fails_into out steward backups verify --json
schema backups-verify <out
steward undo last --yes --quiet >/dev/null 2>&1 || echo "undo $?"
steward show last --changes | sed 's/.*"state":"\([a-z]*\)".*"error":\([^}]*\),"backup.*/\1 \2/' | LC_ALL=C sort
steward show 1 --changes | sed 's/.*"state":"\([a-z]*\)".*/\1/' | LC_ALL=C sort
