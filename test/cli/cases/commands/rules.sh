# SPDX-License-Identifier: MIT
steward rules list --json | schema rules
steward rules list --json | "$PYTHON" -c '
import json, sys
for rules in json.load(sys.stdin)["rules"]:
    print(rules["name"], len(rules["lists"]) > 0)'
steward rules check revu-pairs | head -1
