#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`external-contacts` from the pivot export to a verified run, against the sandbox.

What is to happen is the oracle's word (test/integration/oracle), what has happened is read from the
sandbox's state and effects: every merge that the oracle decides, nothing else, each at most once, and no
ticket or conversation of a merged contact left behind, with and without kills on the way. Environment as
for test/fault/lab.py.
"""
import collections
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "fault"), str(HERE.parents[1] / "oracle")]
import external  # noqa: E402
from lab import KILLED, SANITIZED, Lab, Problem, Tap, problems  # noqa: E402
from oracle import Lists  # noqa: E402
from planner import rows_of  # noqa: E402

LISTS = Lists(HERE.parents[3] / "rules" / "lists")
CONTACTS = 90 if SANITIZED else 120


class PivotLab(Lab):
    def __init__(self, **settings):
        super().__init__(contacts=CONTACTS, **settings)
        self.pivot = self.top / "pivot.csv"
        self.decisions = self.top / "decisions.csv"
        self.arguments += ["--pivot-csv", str(self.pivot)]

    def plan(self, **environment):
        return self.steward("merge", "--rules", "external-contacts", "--csv", self.pivot, "--csv-out", self.decisions,
                            codes=(0,), **environment)


def plan_problems(lab):
    """What differs between the plan and the oracle; the sandbox's data must be worth it."""
    expected = external.decide(lab.pivot.read_bytes(), LISTS)
    rows = rows_of(lab.decisions.read_bytes())
    got = [(*row[:4], row[4].split(":")[0] if row[1] == "review" else "") for row in rows]
    if got != expected:
        yield f"the plan differs: {[pair for pair in zip(expected, got) if pair[0] != pair[1]][:3]}"
    into = {row[0]: row[3] for row in expected if row[1] == "merge"}
    changes = {change["target"]: change["survivor"] for change in lab.json("show", "last")["changes"]}
    if changes != into:
        yield f"{len(changes)} changes are planned, {len(into)} decided"
    used = {name for row in expected if row[1] == "merge" for name in row[2].split("+")}
    missing = {name for name, _, _ in external.STRATEGIES} - used
    if missing or max(collections.Counter(into.values()).values()) < 2 or not any("+" in row[2] for row in expected):
        yield f"the sandbox's contacts do not show everything: {missing} {collections.Counter(into.values())}"


def state_problems(lab, before):
    """The sandbox holds what the oracle decides: contacts, and all that hung on them."""
    into = {row[0]: row[3] for row in external.decide(lab.pivot.read_bytes(), LISTS) if row[1] == "merge"}
    after = lab.ask_sandbox("/sandbox/state")
    for contact in after["contacts"]:
        if contact["merged_into"] != into.get(contact["id"]):
            yield f"{contact['id']} went into {contact['merged_into']}, not {into.get(contact['id'])}"
    for kind, field in (("works", "reported_by"), ("conversations", "members")):
        now = {thing["id"]: set(thing[field]) for thing in after[kind]}
        for thing in before[kind]:
            if now[thing["id"]] != {into.get(user, user) for user in thing[field]}:
                yield f"{thing['id']}: {field} is not what it was, with survivors for losers"


def whole(seed):
    with PivotLab(seed=seed) as lab:
        before = lab.ask_sandbox("/sandbox/state")
        lab.plan()
        yield from plan_problems(lab)
        if lab.lines(lab.effects_file):
            yield "planning has changed something"
        lab.steward("apply", "last", "--yes", codes=(0,))
        yield from state_problems(lab, before)
        yield from problems(lab, {"verified"})


def killed(seed, share):
    """kill -9 when about this share of the merges has been sent."""
    with PivotLab(seed=seed, WORKERS="2") as lab:
        before = lab.ask_sandbox("/sandbox/state")
        lab.plan()
        count = len(lab.json("show", "last")["changes"])
        arguments = ("apply", "last", "--yes")
        process = lab.spawn(*arguments)
        while process.poll() is None:
            sent = sum(effect["call"] == "rev-users.merge" for effect in lab.lines(lab.effects_file))
            if sent >= max(1, count * share):
                break
            time.sleep(0.005)
        process.kill()
        if lab.collect(process, arguments, (0, KILLED)).code == 0:
            raise Problem("the run ended before it could be killed")
        lab.go_on((0,))
        yield from state_problems(lab, before)
        yield from problems(lab, {"verified"})


def from_snowflake(seed):
    """The query that ships gives what the export gives, so the same is decided."""
    with PivotLab(seed=seed) as lab:
        lab.plan()
        exported = lab.decisions.read_bytes()
        lab.steward("merge", "--rules", "external-contacts", "--source", "snowflake", "--csv-out", lab.decisions,
                    codes=(0,))
        if sorted(rows_of(lab.decisions.read_bytes())) != sorted(rows_of(exported)):
            yield "Snowflake's rows are decided in another way"
        elif not any(row[1] == "merge" for row in rows_of(exported)):
            yield "nothing is merged"


def main():
    cases = [("plan, apply, verify", lambda: whole(1)), ("planned from Snowflake", lambda: from_snowflake(2))]
    cases += [(f"killed after {int(share * 100)} % of the merges", lambda s=share: killed(1, s))
              for share in (0, 0.5, 0.9)]
    tap = Tap()
    tap.run(cases, threads=2)
    tap.finish()


main()
