#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills and faults while a field of many issues is filled, and while that is undone.

backfill.py [SHARD/SHARDS]

What happened is read from the sandbox: each issue's field from its state, each write from its effects
log. Whatever is killed or breaks, at the end every planned issue holds its group, no issue was written
twice, and after an undo each holds what it held before.
"""

import collections
import csv
import json
import random
import sys
import urllib.request

from lab import KILLED, SANITIZED, Lab, Problem, Tap, shard, some_hits, trace

FIELD = "tnt__creator_group"
ISSUES = 16
NORMAL_CODES = (0, 1, 3, 6)


class Bench(Lab):
    """A lab whose CSV holds issues."""

    def __init__(self, issues=ISSUES, **more):
        super().__init__(contacts=4, **more)
        self.csv = self.top / "issues.csv"
        self.contacts_csv = self.top / "contacts.csv"
        self.arguments += ["--issues", str(issues), "--issues-csv", str(self.csv)]

    def start(self):
        """Only what can be done or is right already: the cases bring what is wrong themselves."""
        super().start()
        known = {work["id"] for work in self.ask_sandbox("/sandbox/state")["works"]}
        self.write_rows([row for row in self.rows()
                         if row["issue_id"] in known and row["assigned_group"]
                         and row["creator_group"] in ("", row["assigned_group"])])

    def plan(self, *more, codes=(0,), **environment):
        return self.steward("backfill", "--csv", self.csv, *more, codes=codes, **environment)

    def rows(self):
        with self.csv.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write_rows(self, rows):
        with self.csv.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["issue_id", "creator_user_id", "assigned_group",
                                           "creator_group"])
            writer.writeheader()
            writer.writerows(rows)

    def values(self):
        """What the field of each issue holds now, "" for nothing."""
        return {work["id"]: work["custom_fields"].get(FIELD) or ""
                for work in self.ask_sandbox("/sandbox/state")["works"] if work["type"] == "issue"}

    def writes(self):
        """(issue, value) in the order in which they happened."""
        return [(effect["body"]["id"], effect["body"]["custom_fields"][FIELD] or "")
                for effect in self.lines(self.effects_file) if effect["call"] == "works.update"]

    def call(self, name, body):
        """A call of somebody else."""
        request = urllib.request.Request(
            f"{self.remote['DEVREV_BASE_URL']}/{name}", data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json",
                     "Authorization": f"Bearer {self.remote['DEVREV_API_TOKEN']}"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def human_sets(self, issue, value):
        self.call("works.update", {"id": issue, "type": "issue", "custom_fields": {FIELD: value},
                                   "custom_schema_spec": {"tenant_fragment": True}})


def state_of(lab, run="last"):
    return {change["target"]: change for change in lab.json("show", run)["changes"]}


def problems(lab, before, states, writes_a_change=1):
    """`before`: the values when the run began."""
    changes = state_of(lab)
    now = lab.values()
    written = collections.Counter(issue for issue, _ in lab.writes())
    for issue, change in changes.items():
        wanted = change["set"][FIELD]
        name = f"{change['id'][:8]} ({change['state']})"
        if change["state"] not in states:
            yield f"{name}: {change['error']}"
        if change["state"] == "verified" and now[issue] != wanted:
            yield f"{name} is not there"
        if change["state"] == "verified" and change["backup"] != "journal":
            yield f"{name} names {change['backup']} as its backup"
        if change["state"] in ("planned", "skipped", "failed") and now.get(issue, "") != before.get(issue, ""):
            yield f"{name} has changed its issue"
        if written[issue] > writes_a_change:
            yield f"{name} was written {written[issue]} times"
    for issue in set(written) - set(changes):
        yield f"{issue} was written and not planned"
    for issue, value in now.items():
        if issue not in changes and value != before.get(issue, ""):
            yield f"{issue} has changed"
    audit = lab.steward("audit", "verify")
    if audit.code != 0:
        yield f"audit verify: {audit.err}"
    verified = lab.steward("verify", "last")
    if verified.code != 0:
        yield f"verify: exit status {verified.code}: {verified.err}{verified.out}"
    if lab.sandbox.poll() is not None:
        yield f"the sandbox died: {lab.sandbox_output()}"


def failpoint(name, hit):
    return {"STEWARD_FAILPOINTS": f"{name}=kill@{hit}"}


def killed(name, hit, places, seed):
    draw = random.Random(seed)
    with Bench(seed=1 + seed % 7) as lab:
        before = lab.values()
        lab.plan()
        first = lab.steward("apply", "last", "--yes", codes=(0, KILLED), **failpoint(name, hit))
        if hit == 1 and first.code != KILLED:
            raise Problem("it was not killed there")
        other = draw.choice(sorted(places))
        lab.go_on((0, KILLED), **failpoint(other, draw.randint(1, max(1, places[other] // 2))))
        lab.go_on((0,))
        yield from problems(lab, before, {"verified"})


def undo_killed(name, hit):
    with Bench(seed=3) as lab:
        before = lab.values()
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        lab.steward("undo", "1", "--yes", codes=(0, KILLED), **failpoint(name, hit))
        for _ in range(3):
            lab.steward("resume", "last", "--yes")
            lab.steward("undo", "1", "--yes")
        if lab.values() != before:
            yield "the old values are not back"
        shown = lab.json("show", "1")
        if shown["state"] != "undone" or shown["counts"]["undone"] != len(shown["changes"]):
            yield f"run 1 is {shown['state']}: {shown['counts']}"
        twice = [issue for issue, n in collections.Counter(lab.writes()).items() if n > 1]
        if twice:
            yield f"written twice with the same value: {twice}"


def faulty(fault, states, resume_codes=(0, 3)):
    with Bench(faults=[fault], READ_TIMEOUT="1") as lab:
        before = lab.values()
        if lab.plan(codes=NORMAL_CODES).code != 0:
            lab.set_faults()
            lab.plan()
        lab.steward("apply", "last", "--yes", codes=NORMAL_CODES)
        if not any(call.get("cause") for call in lab.ask_sandbox("/sandbox/calls")["calls"]):
            raise Problem("the fault did not happen")
        lab.set_faults()
        lab.go_on(resume_codes)
        yield from problems(lab, before, states)


def never_happens():
    with Bench(faults=["works.update@2=never"]) as lab:
        before = lab.values()
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(3,))
        lab.go_on((3,))
        if lab.json("show", "last")["counts"]["unknown"] != 1:
            yield f"{lab.json('show', 'last')['counts']}: not 1 unknown"
        yield from problems(lab, before, {"verified", "unknown"})


def others_have_been_there():
    """Between plan and apply: filled with the same, filled with another, created by somebody else."""
    with Bench() as lab:
        lab.plan()
        changes = state_of(lab)
        same, other, *_ = sorted(changes)
        groups = sorted({change["set"][FIELD] for change in changes.values()})
        another = next(group for group in groups if group != changes[other]["set"][FIELD])
        lab.human_sets(same, changes[same]["set"][FIELD])
        lab.human_sets(other, another)
        before = lab.values()
        lab.effects_file.write_text("", encoding="utf-8")
        lab.steward("apply", "last", "--yes", codes=(3,))
        after = state_of(lab)
        if after[same]["state"] != "verified" or same in dict(lab.writes()):
            yield f"the right value was not left alone: {after[same]}"
        if after[other]["state"] != "skipped" or "holds another value" not in (after[other]["error"] or ""):
            yield f"another value: {after[other]}"
        yield from problems(lab, before, {"verified", "skipped"})
        # an undo leaves what was not ours, and what somebody has changed since
        mine = next(issue for issue in sorted(after) if issue not in (same, other))
        lab.human_sets(mine, another if after[mine]["set"][FIELD] != another else groups[0])
        kept = lab.values()
        lab.steward("undo", "1", "--yes", codes=(3,))
        now = lab.values()
        for issue in (same, other, mine):
            if now[issue] != kept[issue]:
                yield f"the undo has changed {issue}"
        for issue in set(after) - {same, other, mine}:
            if now[issue] != "":
                yield f"the undo left {issue}"


def overwrites():
    with Bench() as lab:
        rows = lab.rows()
        filled = [row for row in rows if row["creator_group"]]
        groups = sorted({row["creator_group"] for row in filled})
        issue = filled[0]["issue_id"]
        another = next(group for group in groups if group != filled[0]["creator_group"])
        lab.human_sets(issue, another)
        filled[0]["creator_group"] = another
        lab.write_rows(rows)
        before = lab.values()
        lab.effects_file.write_text("", encoding="utf-8")
        lab.plan()
        if issue in state_of(lab):
            yield "a different value is planned over without --overwrite"
        lab.plan("--overwrite")
        if issue not in state_of(lab):
            yield "--overwrite does not plan over a different value"
        lab.steward("apply", "last", "--yes", codes=(0,))
        yield from problems(lab, before, {"verified"})
        lab.steward("undo", "last", "--yes", codes=(0,))
        if lab.values() != before:
            yield "the undo of an overwrite does not bring the old value back"


def bad_creators():
    """Unknown, of two groups without an assigned one, of an assigned group that is none of theirs or none
    at all; an issue that is gone, one of another tenant, rows that contradict each other."""
    with Bench() as lab:
        rows = lab.rows()
        ambiguous = json.loads(lab.steward("validate", "groups", "--json", codes=(0,)).out)["ambiguous"]
        groups = {group["display_id"]: group["id"] for group in
                  json.loads(lab.steward("validate", "groups", "--json", codes=(0,)).out)["groups"]}
        two = ambiguous[0]
        foreign = next(group for name, group in groups.items() if name not in two["groups"].split(", "))
        tenant = rows[0]["issue_id"].split(":issue/")[0]
        def row(number, creator, assigned=""):
            return {"issue_id": f"{tenant}:issue/{number}", "creator_user_id": creator,
                    "assigned_group": assigned, "creator_group": ""}
        gone = row(99990, rows[0]["creator_user_id"], rows[0]["assigned_group"])
        extra = [row(99991, "don:identity:dvrv-us-1:devo/0sandbox:devu/77777"),
                 row(99992, two["user"]), row(99993, two["user"], foreign),
                 row(99994, two["user"], "Nobody's group"), gone,
                 {**row(99995, two["user"]), "issue_id": "don:core:dvrv-us-1:devo/other:issue/5"},
                 row(99996, "a"), row(99996, "b"), {**row(1, "x"), "issue_id": "TKT-5"},
                 {**row(1, ""), "issue_id": "ISS-99997"}]
        lab.write_rows(rows[:4] + extra)
        out = lab.top / "decisions.csv"
        lab.plan("--csv-out", out, codes=(3,))
        with out.open(encoding="utf-8", newline="") as file:
            reasons = {line["issue_id"]: (line["action"], line["reason"]) for line in csv.DictReader(file)}
        for number, word in ((99991, "unknown:"), (99992, "ambiguous:"), (99993, "ambiguous:"),
                             (99994, "no-such-group:"), (99996, "bad-row:")):
            action, reason = reasons[f"{tenant}:issue/{number}"]
            if action != "review" or not reason.startswith(word):
                yield f"{number}: {action}, {reason}"
        for issue in ("TKT-5", "ISS-99997", "don:core:dvrv-us-1:devo/other:issue/5"):
            if not reasons[issue][1].startswith("bad-row: line "):
                yield f"{issue}: {reasons[issue]}"
        before = lab.values()
        lab.steward("apply", "last", "--yes", codes=(3,))
        change = state_of(lab)[gone["issue_id"]]
        if change["state"] != "skipped" or "it is gone" not in (change["error"] or ""):
            yield f"the issue that is gone: {change}"
        yield from problems(lab, before, {"verified", "skipped"})


def groups_are_cached():
    with Bench(CACHE_TTL="600") as lab:
        def asked():
            return sum(call["count"] for call in lab.ask_sandbox("/sandbox/calls")["calls"]
                       if call["call"].startswith("groups."))
        lab.plan()
        first = asked()
        lab.plan()
        if first == 0 or asked() != first:
            yield f"the groups were asked for again: {first}, then {asked()}"
        lab.plan(CACHE_TTL="0")
        if asked() != 2 * first:
            yield f"CACHE_TTL=0 does not ask again: {asked()}, not {2 * first}"


def nobody_answers_while_planning():
    with Bench() as lab:
        lab.kill_sandbox()
        done = lab.plan(codes=(1,))
        if "hint: Check the network and DEVREV_BASE_URL, then plan again." not in done.err:
            yield f"there is no run to resume: {done.err}"


def decisions_never_replace_the_input():
    with Bench() as lab:
        before = lab.csv.read_bytes()
        done = lab.plan("--csv-out", lab.csv, codes=(2,))
        if not done.err.startswith(f"steward: could not write '{lab.csv}': it is the input"):
            yield done.err
        if lab.csv.read_bytes() != before:
            yield "the input was written over"
        out = lab.top / "decisions.csv"
        lab.csv.write_text(before.decode().splitlines()[0] + "\nTKT-1,a,b,c\n", encoding="utf-8")
        lab.plan("--csv-out", out, codes=(64,))
        if out.exists() or list(lab.top.glob("*.tmp")):
            yield "decisions of a plan that was not made"


def stale_plan():
    with Bench() as lab:
        lab.plan()
        lab.write_rows(lab.rows()[:-1])
        done = lab.steward("apply", "last", "--yes", codes=(4,))
        if "has changed since the plan" not in done.err:
            yield f"a changed CSV: {done.err}"
        if lab.writes():
            yield "something was written"


def wrong_fields():
    with Bench() as lab:
        for field, text in (
                ("creator_group", "could not use the field 'creator_group': it is no custom field"),
                ("tnt__nothing", "could not use the field 'tnt__nothing': the tenant's schema of "
                                 "issues has none such"),
                ("tnt__note", "could not use the field 'tnt__note': it takes text, not the id of a group")):
            done = lab.plan("--field", field, codes=(2,))
            if text not in done.err:
                yield f"--field {field}: {done.err}"
        if lab.writes():
            yield "something was written"


def main():
    with Bench() as lab:
        lab.plan()
        places = trace(lab, "apply", "last", "--yes")
        undoing = trace(lab, "undo", "1", "--yes")
    cases = [("others have been there", others_have_been_there), ("overwrite", overwrites),
             ("creators and rows that are wrong", bad_creators), ("groups are cached", groups_are_cached),
             ("fields that are wrong", wrong_fields), ("the CSV changes after planning", stale_plan),
             ("decisions never replace the input", decisions_never_replace_the_input),
             ("nobody answers while planning", nobody_answers_while_planning), ("works.update never happens", never_happens)]
    for name, count in sorted(places.items()):
        for hit in some_hits(count, 17, few=True)[:1 if SANITIZED else None]:
            cases.append((f"apply killed at {name}@{hit}",
                          lambda n=name, h=hit, s=len(cases): killed(n, h, places, s)))
    for name, count in sorted(undoing.items()):
        for hit in some_hits(count, 19, few=True)[:1 if SANITIZED else None]:
            cases.append((f"undo killed at {name}@{hit}", lambda n=name, h=hit: undo_killed(n, h)))
    planning = () if SANITIZED else ("groups.list", "groups.members.list", "schemas.custom.list",
                                     "auth-tokens.info")
    for call in ("works.get", "works.update", *planning):
        for action in ("drop-before", "drop-after", "reset-mid", "status:429:1", "status:503:1", "truncate",
                       "garbage", "slow:2", "stale:1", "status:403", "status:404", "redirect"):
            cases.append((f"{call} {action}", lambda c=call, a=action: faulty(
                f"{c}@2={a}" if c.startswith("works") else f"{c}@1={a}",
                {"verified", "failed", "skipped"})))
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"), threads=4 if SANITIZED else 6)
    tap.finish()


main()
