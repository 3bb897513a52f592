# SPDX-License-Identifier: MIT
# Ctrl-C: what was begun is finished, the code is 130, and resume does the rest.
contacts 30
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl --latency 30
steward merge --csv contacts.csv --quiet >/dev/null
# A background job of a shell ignores SIGINT; Python gives it back.
"$PYTHON" - <<'INTERRUPT'
import signal, subprocess, time
signal.signal(signal.SIGINT, signal.default_int_handler)
apply = subprocess.Popen(["steward", "apply", "last", "--quiet", "--workers", "2"], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
def merged():
    try:
        return open("effects.jsonl").read().count("rev-users.merge/done")
    except FileNotFoundError:
        return 0
while merged() < 2:
    time.sleep(0.02)
apply.send_signal(signal.SIGINT)
out, err = apply.communicate()
print("exit", apply.returncode)
import re
print(re.sub(r"with \d+ changes", "with N changes", err), end="")
INTERRUPT
steward runs | cut -c 1-15
steward show last --json >show.json
"$PYTHON" -c '
import json
counts = json.load(open("show.json"))["counts"]
print("nothing is in the air:", counts["sent"] == counts["unknown"] == 0)'
steward resume --quiet
merges
