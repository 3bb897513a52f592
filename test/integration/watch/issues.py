# SPDX-License-Identifier: MIT
"""A lab (test/fault/lab.py) whose CSV holds issues to be filled."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fault"))

from lab import Lab  # noqa: E402


class Issues(Lab):
    def __init__(self, issues=60, latency=0, **more):
        super().__init__(contacts=4, **more)
        self.issues_csv = self.top / "issues.csv"
        self.arguments += ["--issues", str(issues), "--issues-csv", str(self.issues_csv),
                           "--latency", str(latency)]

    def start(self):
        super().start()
        self.settings.setdefault("SLACK_WEBHOOK", self.remote["#SLACK_WEBHOOK"])

    def plan(self):
        """Only what can be done: a run without faults ends with 0."""
        known = {work["id"] for work in self.ask_sandbox("/sandbox/state")["works"]}
        header, *rows = self.issues_csv.read_text(encoding="utf-8").splitlines()
        rows = [row for row in rows if row.split(",")[0] in known]
        self.issues_csv.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
        self.steward("backfill", "--csv", self.issues_csv, codes=(0,))

    def posted(self):
        """What arrived at Slack, whatever was answered."""
        return [line for line in self.lines(self.requests_file) if line.get("remote") == "slack"]

    def log(self):
        return self.lines(self.workspace / "logs" / "steward.log")
