# SPDX-License-Identifier: MIT
"""The program under test, as the oracles' tests drive it: the planner, a file at a time."""
import csv
import io
import json
import os
import subprocess
from pathlib import Path


class Planner:
    def __init__(self, driver, directory, rules="revu-pairs"):
        self.driver = driver
        self.directory = Path(directory)
        self.rules = rules

    def run(self, name, data, threads=1, locale="C", plan=False):
        """(exit code, decisions file or None, stderr, result)"""
        source = self.directory / f"{name}.csv"
        target = self.directory / f"{name}.out"
        source.write_bytes(data)
        target.unlink(missing_ok=True)
        args = [self.driver, "--rules", self.rules, "--csv", source, "--csv-out", target,
                "--threads", str(threads)]
        if plan:
            args += ["--plan", self.directory / f"{name}.plan"]
        done = subprocess.run(args, capture_output=True, check=False, timeout=120,
                              env={**os.environ, "LC_ALL": locale})
        result = json.loads(done.stdout) if done.returncode == 0 else None
        return done.returncode, target.read_bytes() if target.exists() else None, done.stderr.decode(), result

    def forget(self, name):
        for kind in ("csv", "out", "plan"):
            (self.directory / f"{name}.{kind}").unlink(missing_ok=True)


def rows_of(out):
    """The decisions of a --csv-out file, its header left out."""
    return list(csv.reader(io.StringIO(out.decode("utf-8"), newline="")))[1:]


def expected_csv(decisions):
    out = io.StringIO()
    out.write("user_id,action,strategy,survivor_id,reason\n")
    for decision in decisions:
        quoted = ['"' + f.replace('"', '""') + '"' if any(c in f for c in ',"\n\r') else f for f in decision]
        out.write(",".join(quoted) + "\n")
    return out.getvalue().encode("utf-8")
