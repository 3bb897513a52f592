# SPDX-License-Identifier: MIT
# On a terminal it asks; only y or yes is a yes.
contacts 2
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl
cat >ask.py <<'ASK'
import os, pty, re, sys
answer = sys.argv[1].encode() + b"\n"
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "dumb"
    os.execvp("steward", ["steward", "merge", "--csv", "contacts.csv", "--apply", "--quiet"])
text, answered = b"", False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        piece = b""
    if not piece:
        break
    text += piece
    if not answered and b"[y/N] " in text:
        os.write(terminal, answer)
        answered = True
_, status = os.waitpid(pid, 0)
lines = text.decode().replace("\r\n", "\n").splitlines()
print("\n".join(line for line in lines if "[y/N]" in line or line.startswith(("steward:", "Run", "  verified"))))
print("exit", os.waitstatus_to_exitcode(status))
ASK
"$PYTHON" ask.py n
"$PYTHON" ask.py ''
"$PYTHON" ask.py perhaps
merges
"$PYTHON" ask.py YES
merges
