# SPDX-License-Identifier: MIT
# The table as JSON, for tools.
steward --dump-cli >cli.json
"$PYTHON" - <<'CHECK'
import json
cli = json.load(open("cli.json"))
for command in cli["commands"]:
    print(command["name"], command["safety"])
known = {setting["name"] for setting in cli["settings"]}
for command in cli["commands"]:
    for option in command["options"]:
        assert option.get("setting", "WORKERS") in known, option
        assert len(option.get("help", option.get("same_as", ""))) > 0, option
CHECK
