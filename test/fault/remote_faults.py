#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every fault of the sandbox against every kind of call that a merge makes.

remote_faults.py [SHARD/SHARDS]

A run without faults says which calls there are. With a fault, apply may end well or badly; then the
fault is lifted, the run is resumed, and whatever it says must be true: nothing twice, no change that
is reported done and is not, none that is reported failed and is, a backup before each.
"""

import sys

from lab import SANITIZED, Lab, Problem, Tap, problems, shard

# Faults that pass by themselves when the same read is tried again.
PASSING = ["drop-before", "drop-after", "reset-mid", "status:500", "status:503:1", "status:429:1"]
# What may end a change, but never a promise.
LASTING = ["truncate", "garbage", "redirect", "status:400", "status:403", "status:404", "slow:2",
           "stale:1"]
MERGE = "rev-users.merge"
NORMAL_CODES = (0, 1, 3, 6)


def calls_of_a_run():
    with Lab() as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        return sorted({line["call"] for line in lab.lines(lab.requests_file)
                       if not line["call"].startswith("/")})


def faulty(fault, states, apply_codes=NORMAL_CODES, resume_codes=(0, 3), **settings):
    with Lab(faults=[fault], **settings) as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=apply_codes)
        if not any(call.get("cause") for call in lab.ask_sandbox("/sandbox/calls")["calls"]):
            raise Problem("the fault did not happen")
        lab.set_faults()
        lab.go_on(resume_codes)
        yield from problems(lab, states)


def any_end(fault):
    """The change that met the fault may have failed or been skipped; the others are done."""
    return lambda: faulty(fault, {"verified", "failed", "skipped"}, READ_TIMEOUT="1")


def good_end(fault):
    """Retrying and resuming is enough."""
    return lambda: faulty(fault, {"verified"}, resume_codes=(0,))


def acknowledged_and_not_done():
    """Acknowledged but never seen: unknown, with its reason, and never sent again."""
    with Lab(faults=[f"{MERGE}@2=never"]) as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(3,))
        lab.go_on((3,))
        shown = lab.json("show", "last")
        if shown["counts"]["unknown"] != 1:
            yield f"{shown['counts']['unknown']} are unknown, not 1"
        yield from problems(lab, {"verified", "unknown"})


def token_expires():
    """The run pauses instead of failing everything that is left, and goes on with a new token."""
    with Lab(faults=[f"{MERGE}@3=expire"]) as lab:
        lab.plan()
        done = lab.steward("apply", "last", "--yes", codes=(6,))
        shown = lab.json("show", "last")
        if shown["state"] != "paused":
            yield f"the run is {shown['state']}, not paused"
        if shown["counts"]["failed"]:
            yield f"{shown['counts']['failed']} changes failed because of the token"
        if "token" not in done.err.lower():
            yield f"the message does not speak of the token: {done.err.strip()[-300:]}"
        lab.set_faults()
        lab.go_on((0,))
        yield from problems(lab, {"verified"})


def main():
    cases = [(f"{MERGE} never happens", acknowledged_and_not_done), ("the token expires", token_expires)]
    # The slow ones first; each answer with Retry-After makes the run wait for so long.
    for share, action in (("0.02", "status:429:1"), ("0.05", "status:503:1"), ("0.1", "drop-before"),
                          ("0.1", "drop-after"), ("0.1", "truncate"), ("0.1", "reset-mid")):
        cases.append((f"{share} of all calls {action}", any_end(f"*@p{share}={action}")))
    for call in calls_of_a_run():
        for action in PASSING:
            # A write that was answered with an error may be failed; nothing may happen twice.
            make = any_end if call == MERGE and action.startswith("status") else good_end
            cases.append((f"{call} {action}", make(f"{call}@2={action}")))
        for action in LASTING:
            cases.append((f"{call} {action}", any_end(f"{call}@2-3={action}")))
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"), threads=4 if SANITIZED else 6)
    tap.finish()


main()
