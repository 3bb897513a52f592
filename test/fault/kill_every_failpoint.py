#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills steward at every failpoint, while it plans, applies and resumes.

kill_every_failpoint.py [SHARD/SHARDS]

A traced run says which places there are and how often they are passed. For each place and some of its
passes: apply is killed there, resume is killed at another place, a second resume at the first one
again, and the third runs to its end. Then every planned merge must have happened exactly once, after
its backup was sealed.
"""

import random
import sys

from lab import KILLED, SANITIZED, Lab, Problem, Tap, problems, shard, some_hits, trace


def failpoint(name, hit):
    return {"STEWARD_FAILPOINTS": f"{name}=kill@{hit}"}


def killed_while_applying(name, hit, places, seed):
    draw = random.Random(seed)
    with Lab(seed=1 + seed % 7) as lab:
        lab.plan()
        first = lab.steward("apply", "last", "--yes", codes=(0, KILLED), **failpoint(name, hit))
        if hit == 1 and first.code != KILLED:
            raise Problem("it was not killed there")
        other = draw.choice(sorted(places))
        lab.go_on((0, KILLED), **failpoint(other, draw.randint(1, max(1, places[other] // 2))))
        lab.go_on((0, KILLED), **failpoint(name, 1))
        lab.go_on((0,))
        yield from problems(lab, {"verified"})


def killed_while_planning(name, hit):
    """Nothing remote has happened, and planning again works beside what was left behind."""
    with Lab() as lab:
        done = lab.steward("merge", "--csv", lab.csv, codes=(0, KILLED), **failpoint(name, hit))
        if hit == 1 and done.code != KILLED:
            raise Problem("it was not killed there")
        if lab.lines(lab.effects_file):
            yield "planning changed something"
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        yield from problems(lab, {"verified"})


def resume_places():
    """Places that only a resumed run passes, such as those of settling what was sent."""
    with Lab() as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(KILLED,), **failpoint("apply.after_intent", 3))
        return trace(lab, "resume", "last", "--yes")


def main():
    with Lab() as lab:
        planning = trace(lab, "merge", "--csv", lab.csv)
        applying = trace(lab, "apply", "last", "--yes")
    resuming = resume_places()
    places = applying | resuming

    cases = []
    for name, count in sorted(applying.items()):
        for hit in some_hits(count, 11, few=SANITIZED):
            seed = len(cases)
            cases.append((f"apply killed at {name}@{hit}",
                          lambda n=name, h=hit, s=seed: killed_while_applying(n, h, places, s)))
    for name, count in sorted(planning.items()):
        for hit in some_hits(count, 13, few=True):
            cases.append((f"plan killed at {name}@{hit}",
                          lambda n=name, h=hit: killed_while_planning(n, h)))
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


main()
