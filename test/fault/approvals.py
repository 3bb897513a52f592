#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Approving, refusing, stale plans and what is remembered, judged by what the sandbox has carried out.

approvals.py [SHARD/SHARDS]
"""

import csv
import json
import sys

from lab import KILLED, Lab, Problem, Tap, problems, shard, trace


def failpoint(name, hit):
    return {"STEWARD_FAILPOINTS": f"{name}=kill@{hit}"}


def changes(lab, run="last"):
    return lab.json("show", run)["changes"]


def happened(lab):
    """The merges that the sandbox has carried out, as (loser, survivor) by its state."""
    return {(contact["id"], contact["merged_into"])
            for contact in lab.ask_sandbox("/sandbox/state")["contacts"] if contact["merged_into"]}


def pairs(listed):
    return {(change["target"], change["survivor"]) for change in listed}


def check_exactly(lab, approved):
    """Exactly these were merged, the others are refused, and everything else is in order."""
    if happened(lab) != pairs(approved):
        yield f"{len(happened(lab))} merges happened, {len(approved)} were approved"
    for change in changes(lab):
        wanted = "verified" if change["id"] in {one["id"] for one in approved} else "refused"
        if change["state"] != wanted:
            yield f"{change['id'][:8]} is {change['state']}, not {wanted}"
    yield from problems(lab, {"verified", "refused"})


def links(lab):
    return lab.json("links", "list")["links"]


# --- approving and refusing


def some_of_each():
    with Lab() as lab:
        lab.plan()
        listed = changes(lab)
        lab.steward("approve", "last", *[change["id"] for change in listed[:4]], codes=(0,))
        lab.steward("refuse", "last", listed[3]["id"], listed[4]["id"][:10], codes=(0,))
        lab.steward("apply", "last", codes=(0,))
        yield from check_exactly(lab, listed[:3])
        remembered = {frozenset((link["a"], link["b"])) for link in links(lab)}
        if remembered != {frozenset(pair) for pair in pairs(listed[3:5])}:
            yield f"{len(remembered)} pairs are remembered"


def killed_while_applying(name, hit):
    """Killed while others are refused, or soon after it: only what was approved ever happens."""
    with Lab() as lab:
        lab.plan()
        listed = changes(lab)
        lab.steward("approve", "last", listed[1]["id"], listed[5]["id"], codes=(0,))
        done = lab.steward("apply", "last", codes=(0, KILLED), **failpoint(name, hit))
        if done.code != KILLED:
            raise Problem("it was not killed there")
        if happened(lab) - pairs([listed[1], listed[5]]):
            yield "something happened that was not approved"
        if lab.json("show", "last")["state"] == "planned":
            late = next((change for change in changes(lab) if change["state"] == "refused"), None)
            if late is not None and lab.steward("approve", "last", late["id"]).code != 4:
                yield "what is refused already was approved"
        lab.go_on((0,))
        yield from check_exactly(lab, [listed[1], listed[5]])


def killed_while_refusing(name, hit):
    """Nothing is sent by it, and refusing again settles it."""
    with Lab() as lab:
        lab.plan()
        listed = changes(lab)
        done = lab.steward("refuse", "last", "--strategy", "revu-pairs", codes=(0, KILLED),
                           **failpoint(name, hit))
        if done.code != KILLED:
            raise Problem("it was not killed there")
        lab.steward("refuse", "last", "--strategy", "revu-pairs", codes=(0,))
        lab.steward("apply", "last", codes=(0,))
        if len(links(lab)) != len(listed):
            yield f"{len(links(lab))} pairs are remembered, {len(listed)} were refused"
        yield from check_exactly(lab, [])
        lab.plan()
        if changes(lab):
            yield "they are proposed again"


# --- stale plans


def rewrite(path):
    text = path.read_text(encoding="utf-8")
    path.write_text(text + text.splitlines()[-1].replace("revu/", "revu/9") + "\n", encoding="utf-8")


def stale_is_refused_and_a_begun_run_is_not():
    with Lab() as lab:
        lab.plan()
        rewrite(lab.csv)
        refused = lab.steward("apply", "last", codes=(4,))
        if "has changed since the plan" not in refused.err:
            yield f"it does not say what changed: {refused.err}"
        if lab.lines(lab.requests_file):
            yield "a stale plan asked the remote something"
        lab.plan()
        lab.steward("apply", "last", codes=(KILLED,), **failpoint("apply.after_intent", 2))
        rewrite(lab.csv)
        before = len(lab.lines(lab.requests_file))
        lab.steward("resume", "last", "--max-changes", "1", codes=(4,))
        if len(lab.lines(lab.requests_file)) != before:
            yield "a run above the limit asked the remote something"
        lab.steward("resume", "last", codes=(0,))
        yield from problems(lab, {"verified"})


def at_once_is_fresh():
    with Lab() as lab:
        lab.steward("merge", "--csv", lab.csv, "--apply", "--yes", "--quiet", codes=(0,))
        yield from problems(lab, {"verified"})


# --- memory

CONTACT = "don:identity:dvrv-us-1:devo/0:revu/"
HEADER = ["REV_USER_ID", "DISPLAY_NAME", "EMAIL", "EXTERNAL_REF", "FULL_NAME", "CREATED_AT",
          "UPDATED_AT", "TICKET_COUNT"]


def write_contacts(path, contacts):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for contact, email, ref in contacts:
            writer.writerow([contact, "Some Body", email, ref, "Some Body", "2024-01-01", "2024-01-02", 0])


def export(lab):
    """The CSV as an export of now would be."""
    write_contacts(lab.csv, [(contact["id"], contact["email"], contact["external_ref"])
                             for contact in lab.ask_sandbox("/sandbox/state")["contacts"]
                             if not contact["merged_into"]])


def planned(lab):
    export(lab)
    lab.plan()
    return pairs(changes(lab))


def apply_only(lab, loser):
    (only,) = [change["id"] for change in changes(lab) if change["target"] == loser]
    lab.steward("approve", "last", only, codes=(0,))
    lab.steward("apply", "last", codes=(0,))
    return lab.json("show", "last")["run"]


def memory_through_a_chain():
    """a goes into b, b into c: what was said of a and z holds for c and z, until the chain is undone."""
    a, b, c, z = (CONTACT + number for number in ("11", "12", "13", "14"))
    lab = Lab()
    loaded = lab.top / "loaded.csv"
    write_contacts(loaded, [(a, "one@example.com", "REVU-11"), (b, "one@example.com", "user_12"),
                            (c, "two@example.com", "user_13"), (z, "two@example.com", "REVU-14")])
    lab.arguments[:2] = ["--load", f"contacts={loaded}"]
    with lab:
        if planned(lab) != {(a, b), (z, c)}:
            raise Problem("the rules do not pair as this test needs it")
        apply_only(lab, a)
        lab.steward("links", "must", b, c, codes=(0,))
        if (b, c) not in planned(lab):
            yield "a must-link is not planned"
        second = apply_only(lab, b)
        if happened(lab) != {(a, b), (b, c)}:
            yield f"not the chain: {happened(lab)}"
        if planned(lab) != {(z, c)}:
            yield "without a link the two are not planned"
        lab.steward("links", "cannot", z, a, codes=(0,))
        if lab.steward("apply", "last").code != 4:
            yield "a plan from before the link is applied"
        if planned(lab):
            yield "what was said of a is not inherited by c"
        (link,) = [link for link in links(lab) if link["kind"] == "cannot"]
        if {link["a_lives_on_as"], link["b_lives_on_as"]} != {None, c}:
            yield f"the list does not say where a lives on: {json.dumps(link)}"
        if link["a_missing"] or link["b_missing"]:
            yield "a contact that lives on is called missing"
        lab.steward("links", "forget", a, z, codes=(0,))
        if planned(lab) != {(z, c)}:
            yield "what was forgotten is still remembered"
        lab.steward("links", "cannot", a, z, codes=(0,))
        if planned(lab):
            yield "the link is not remembered anew"
        lab.steward("undo", second, "--yes", codes=(0,))
        if (z, c) not in planned(lab):
            yield "a merge that was undone still hands links on"
        # what is said twice more: neither runs nor undo take it back
        if not [link for link in links(lab) if link["kind"] == "cannot" and link["why"] == "command"]:
            yield "the link did not outlive undo"


def main():
    with Lab() as lab:
        lab.plan()
        listed = changes(lab)
        lab.steward("approve", "last", listed[1]["id"], codes=(0,))
        applying = trace(lab, "apply", "last")
    with Lab() as lab:
        lab.plan()
        refusing = trace(lab, "refuse", "last", "--strategy", "revu-pairs")

    cases = [("some approved, some refused, the rest neither", some_of_each),
             ("a stale plan is refused, a run that has begun is not", stale_is_refused_and_a_begun_run_is_not),
             ("planned and applied at once is fresh", at_once_is_fresh),
             ("memory through a chain of merges", memory_through_a_chain)]
    cases += [(f"apply of some killed at {name}@{hit}",
               lambda n=name, h=hit: killed_while_applying(n, h))
              for name in ("apply.after_refusals", "apply.before_check", "journal.before_commit",
                           "journal.after_commit")
              for hit in range(1, min(applying[name], 3) + 1)]
    cases += [(f"refuse killed at {name}@{hit}", lambda n=name, h=hit: killed_while_refusing(n, h))
              for name in ("journal.before_commit", "journal.after_commit")
              for hit in range(1, min(refusing[name], 4) + 1)]
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


main()
