# SPDX-License-Identifier: MIT
# Somebody changed the survivor after the run: 5, and each difference by name.
contacts 2
sandbox --issues 0 --seed 5 --load contacts=contacts.csv
steward merge --csv contacts.csv --apply --yes --quiet >/dev/null
steward verify last --quiet
"$PYTHON" - <<'EDIT'
import json, urllib.request
env = dict(line.strip().split("=", 1) for line in open(".env") if "=" in line)
body = {"id": "don:identity:dvrv-us-1:devo/0:revu/12", "display_name": "Somebody Else"}
request = urllib.request.Request(
    env["DEVREV_BASE_URL"] + "/rev-users.update", data=json.dumps(body).encode(),
    headers={"Authorization": "Bearer " + env["DEVREV_API_TOKEN"], "Content-Type": "application/json"})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(request).status)
EDIT
fails steward verify last --quiet
fails_into verify.json steward verify last --json --quiet
schema verify <verify.json
