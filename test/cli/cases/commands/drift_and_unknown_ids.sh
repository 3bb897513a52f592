# SPDX-License-Identifier: MIT
# A record that changed since the plan is skipped; one that the remote does not know fails. 3, not 0.
contacts 3
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl
pair 7 nobody@example.com >>contacts.csv
steward merge --csv contacts.csv --quiet >/dev/null
"$PYTHON" - <<'EDIT'
import json, urllib.request
env = dict(line.strip().split("=", 1) for line in open(".env") if "=" in line)
body = {"id": "don:identity:dvrv-us-1:devo/0:revu/11", "email": "moved@example.com"}
request = urllib.request.Request(
    env["DEVREV_BASE_URL"] + "/rev-users.update", data=json.dumps(body).encode(),
    headers={"Authorization": "Bearer " + env["DEVREV_API_TOKEN"], "Content-Type": "application/json"})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(request).status)
EDIT
fails steward apply last --quiet
merges
steward show last --changes >changes
schema changes --lines <changes
"$PYTHON" -c '
import json
for line in open("changes"):
    change = json.loads(line)
    print(change["state"], change["error"])'
