#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills steward, and at times the sandbox too, at random moments.

random_kill.py [SHARD/SHARDS]

STEWARD_KILLS is the number of kills (default 30), STEWARD_KILL_SEED where the draw begins. Each case
plans once and is killed until nothing is left to do; its name holds its seed.
"""

import os
import random
import sys
import time

from lab import KILLED, SANITIZED, Lab, Tap, problems, shard

KILLS_A_CASE = 3


def case(seed):
    draw = random.Random(seed)
    with Lab(seed=1 + seed % 5, persistent=True, merge_delay=draw.choice((0, 20, 150)),
             WORKERS=str(draw.choice((1, 4, 8)))) as lab:
        lab.plan()
        whole = 3.0 if SANITIZED else 0.8  # about as long as a run takes
        verb = "apply"
        for _ in range(KILLS_A_CASE):
            arguments = (verb, "last", "--yes")
            process = lab.spawn(*arguments)
            time.sleep(draw.uniform(0, whole))
            process.kill()
            lab.collect(process, arguments, (0, KILLED))
            if draw.random() < 0.3:
                lab.kill_sandbox()
                lab.start()
            verb = "apply" if lab.json("show", "last")["state"] == "planned" else "resume"
        lab.go_on((0,))
        yield from problems(lab, {"verified"})


def main():
    kills = int(os.environ.get("STEWARD_KILLS", "30"))
    first = int(os.environ.get("STEWARD_KILL_SEED", "1"))
    seeds = range(first, first + max(1, kills // KILLS_A_CASE))
    cases = [(f"{KILLS_A_CASE} random kills, seed {seed}", lambda s=seed: case(s)) for seed in seeds]
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


main()
