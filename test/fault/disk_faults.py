#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The disk fails: ENOSPC or EIO at every place that writes, once and from then on.

disk_faults.py [SHARD/SHARDS]

steward must end by itself with a message, or skip what it could not back up. Once the disk is well
again, the run is resumed and whatever it says must be true.
"""

import sys

from lab import SANITIZED, Lab, Tap, problems, shard, some_hits, trace

# The places that take an error; the others only kill.
PLACES = ("fs.", "csv.", "journal.before_commit", "vault.", "plan.", "lock.", "logfile.")
NORMAL_CODES = (0, 1, 3, 6)


def while_applying(rule):
    with Lab() as lab:
        lab.plan()
        done = lab.steward("apply", "last", "--yes", codes=NORMAL_CODES, STEWARD_FAILPOINTS=rule)
        if done.code == 1 and "steward: could not " not in done.err:
            yield f"no message: {done.err.strip()[-300:]}"
        lab.go_on((0, 3))
        yield from problems(lab, {"verified", "skipped", "failed"})


def while_planning(rule):
    with Lab() as lab:
        done = lab.steward("merge", "--csv", lab.csv, codes=(0, 1), STEWARD_FAILPOINTS=rule)
        if done.code == 1 and "steward: could not " not in done.err:
            yield f"no message: {done.err.strip()[-300:]}"
        if lab.lines(lab.effects_file):
            yield "planning changed something"
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        yield from problems(lab, {"verified"})


def main():
    with Lab() as lab:
        planning = trace(lab, "merge", "--csv", lab.csv)
        applying = trace(lab, "apply", "last", "--yes")
    cases = []
    for verb, places, run in (("plan", planning, while_planning), ("apply", applying, while_applying)):
        for name, count in sorted(places.items()):
            if not name.startswith(PLACES):
                continue
            for number, hit in enumerate(some_hits(count, 17, few=True)):
                rules = [f"{name}={('ENOSPC', 'EIO')[number % 2]}@{hit}"]
                if not SANITIZED:
                    rules.append(f"{name}=ENOSPC@{hit}+")
                cases += [(f"{verb} with {rule}", lambda f=run, r=rule: f(r)) for rule in rules]
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


main()
