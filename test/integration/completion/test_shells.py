#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bash, zsh and fish offer when a line is completed with `steward completion`'s scripts: the shells
themselves, zsh in a terminal of its own. A shell that is not installed is skipped; with CI=true it is a
failure.

Usage: test_shells.py STEWARD. Prints TAP.
"""

import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# a line, and all that is offered for its last word
CASES = {
    "steward me": ["merge"],
    "steward sam": ["sample"],
    "steward sample --s": ["--seed", "--size"],
    "steward merge --source ": ["csv", "devrev", "snowflake"],
    "steward merge --verify-": ["--verify-contacts", "--verify-conversations", "--verify-tickets"],
    "steward merge --sc": ["--score"],
    "steward rules ": ["check", "explain", "list"],
    "steward rules ex": ["explain"],
    "steward doctor s": ["slack", "snowflake"],
    "steward audit v": ["verify"],
    "steward backups ": ["export", "list", "prune", "show", "verify"],
    "steward backups verify --verify-t": ["--verify-tickets"],
    "steward undo --on": ["--only"],
    "steward completion z": ["zsh"],
    "steward help sam": ["sample"],
    "steward --json sa": ["sample", "sandbox"],
    "steward --ver": ["--verbose", "--version"],
    "steward rules --ma": ["--map"],
    "steward --json sample --se": ["--seed"],
    "steward --workspace w merge --dry": ["--dry-run"],
    "steward --log-level err": ["error"],
    "steward sample --input co": ["contacts.csv"],
    "steward merge --backup-dir di": ["directory"],
    "steward runs --log-level e": ["error"],
}

BASH = """\
. ./script
COMP_LINE=$1
read -r -a COMP_WORDS <<<"$1"
[ "${1: -1}" = ' ' ] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMPREPLY=()
$(complete -p steward | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""

# Each word that is offered goes to the file `hits`; the terminal shows what it likes.
ZSHRC = """\
PROMPT=
fpath=($PWD/functions $fpath)
autoload -U compinit
compinit -u -D
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
        builtin compadd "$@"
        return $?
    fi
    typeset -a found
    builtin compadd -A found "$@"
    for word in $found; do print -r -- $word >>$HITS; done
    builtin compadd "$@"
}
finished() { print -r -- DONE >>$HITS }
comppostfuncs=(finished)
print -r -- READY >>$HITS
"""


class Lab:
    def __init__(self, steward):
        self.directory = Path(tempfile.mkdtemp(prefix="steward-shells-"))
        self.steward = steward
        (self.directory / "contacts.csv").touch()
        (self.directory / "directory").mkdir()
        functions = self.directory / "functions"
        functions.mkdir()
        self.script("bash", self.directory / "script")
        self.script("zsh", functions / "_steward")
        self.script("fish", self.directory / "script.fish")
        (self.directory / "try.bash").write_text(BASH, encoding="utf-8")
        (self.directory / ".zshrc").write_text(ZSHRC, encoding="utf-8")
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "TERM": "dumb",
                    "ZDOTDIR": str(self.directory), "HITS": str(self.directory / "hits"), "LC_ALL": "C"}

    def script(self, shell, path):
        path.write_bytes(subprocess.run([self.steward, "completion", shell], check=True,
                                        capture_output=True).stdout)

    def output(self, *command):
        done = subprocess.run(command, cwd=self.directory, env=self.env, capture_output=True, text=True,
                              timeout=30, check=False)
        return done.stdout.splitlines() + done.stderr.splitlines()

    def bash(self, line):
        return [word for word in self.output("bash", "try.bash", line) if word]

    def fish(self, line):
        words = self.output("fish", "--no-config", "-c", 'source script.fish; complete -C "$argv[1]"', line)
        return [word.split("\t")[0].rstrip("/") for word in words]

    def zsh(self, line):
        hits = self.directory / "hits"
        hits.unlink(missing_ok=True)
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.directory)
            os.execvpe("zsh", ["zsh", "-i"], self.env)
        try:
            self.await_line(hits, "READY", terminal)
            os.write(terminal, line.encode() + b"\t")
            self.await_line(hits, "DONE", terminal)
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            os.close(terminal)
        words = hits.read_text(encoding="utf-8").splitlines()
        return [word for word in words if word not in ("READY", "DONE")]

    @staticmethod
    def await_line(path, line, terminal):
        end = time.monotonic() + 20
        shown = b""
        while time.monotonic() < end:
            if path.exists() and line in path.read_text(encoding="utf-8").splitlines():
                return
            if select.select([terminal], [], [], 0.02)[0]:
                shown += os.read(terminal, 4096)
        raise RuntimeError(f"zsh did not come to {line}: {shown.decode(errors='replace')}")


def check(lab, shell):
    if shutil.which(shell) is None:
        return None
    problems = []
    for line, expected in CASES.items():
        offered = sorted(set(getattr(lab, shell)(line)))
        if offered != expected:
            problems.append(f"'{line}' offers {offered}, not {expected}")
    return problems


def main():
    lab = Lab(os.path.abspath(sys.argv[1]))
    shells = ["bash", "zsh", "fish"]
    print(f"1..{len(shells)}")
    failed = False
    for number, shell in enumerate(shells, 1):
        problems = check(lab, shell)
        if problems is None:
            required = os.environ.get("CI") == "true"
            failed = failed or required
            print(f"{'not ok' if required else 'ok'} {number} - {shell} # SKIP it is not installed")
            continue
        failed = failed or bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} - {shell}", flush=True)
        for problem in problems:
            print(f"# {problem}", flush=True)
    shutil.rmtree(lab.directory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
