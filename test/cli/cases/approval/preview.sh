# SPDX-License-Identifier: MIT
# No plan without a preview: --quiet prints it, --json is one.
contacts 1
steward merge --csv contacts.csv --quiet
steward merge --csv contacts.csv --json >plan.json
schema show <plan.json
"$PYTHON" - <<'CHECK'
import json
plan = json.load(open("plan.json"))
print(plan["state"], [(change["target"], change["survivor"]) for change in plan["changes"]])
CHECK
