#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What stands in the logs, and what never does.

logs.py [SHARD/SHARDS]

Every request that the sandbox got is looked for in steward.log by its id, across files that were put
aside and compressed and across kills; and nothing personal may stand in any log, in the audit trail or
on stderr, whatever went wrong.
"""

import json
import sys
import urllib.request

from lab import KILLED, SANITIZED, Lab, Problem, Tap, leak_problems, personal, shard, unpacked

NEEDED = {
    "api call": {"run.id", "change.id", "remote", "call", "status", "attempt", "error", "duration_us",
                 "request_id"},
    "change not done": {"run.id", "change.id", "state", "error.kind", "error.message"},
    "run ended": {"run.id", "state"},
    "planned": {"run.id", "changes"},
}
KILLS = ["logfile.renamed=kill@1", "logfile.compress=kill@4", "logfile.compressed=kill@1"]


def log_lines(lab):
    """All lines of steward.log, oldest file first, and what is wrong with them."""
    logs = lab.workspace / "logs"
    lines = []
    for path in [*sorted(logs.glob("steward-*")), logs / "steward.log"]:
        for line in unpacked(path).decode().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                raise Problem(f"no JSON in {path.name}: {line[:200]}") from None
    return lines


def line_problems(lines):
    for line in lines:
        missing = ({"@timestamp", "log.level", "message"} | NEEDED.get(line["message"], set())) - set(line)
        if missing:
            yield f"'{line['message']}' lacks {sorted(missing)}"
            return


def write_to_remote(lab, call, body):
    request = urllib.request.Request(
        f"{lab.remote['DEVREV_BASE_URL']}/{call}", data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {lab.remote['DEVREV_API_TOKEN']}",
                 "Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return answer.status


def backup_log_problems(lab):
    """Each of the three logs of each backup: JSON lines that tell when, of which run and change."""
    for logs in (lab.workspace / "backups").glob("*/logs"):
        for name, needed in (("merge_operations.log", {"at", "level", "run", "change", "event"}),
                             ("errors.log", {"at", "level", "run", "change", "step", "error", "detail"}),
                             ("api_calls.log", {"at", "remote", "call", "attempt", "status", "error",
                                                "duration_us", "waited_us", "request_id"})):
            for line in (logs / name).read_text(encoding="utf-8").splitlines():
                if needed - set(json.loads(line)):
                    yield f"a line of {name} lacks {sorted(needed - set(json.loads(line)))}"
                    return


def nothing_personal():
    """Faults, failures, drift, bad rows, a broken backup place, a lying remote, an undo."""
    faults = ["rev-users.merge@2=status:400", "rev-users.merge@3=drop-after", "rev-users.merge@4=never",
              "rev-users.get@9=garbage", "works.list@5=truncate", "timeline-entries.list@4=status:500",
              "rev-users.get@p0.02=drop-before", "conversations.list@3=status:403"]
    with Lab(contacts=64, faults=faults, persistent=True, LOG_LEVEL="debug", READ_TIMEOUT="2") as lab:
        with lab.csv.open("a", encoding="utf-8") as file:
            file.write("REVU-1,Ann Unreadable,ann.unreadable@example.com,REVU-1,Ann Unreadable,never,never,x\n"
                       'torn,"Bob Unreadable",bob.unreadable@example.com\n')
        lab.steward("merge", "--csv", lab.csv, codes=(3,))
        targets = [change["target"] for change in lab.json("show", "last")["changes"]]
        for number, target in enumerate(targets[-2:]):
            write_to_remote(lab, "rev-users.update",
                            {"id": target, "email": f"somebody.else{number}@example.com",
                             "display_name": "Somebody Else"})
        lab.steward("apply", "last", "--yes", "--verbose", codes=(3,))
        states = {change["state"] for change in lab.json("show", "last")["changes"]}
        if not {"verified", "failed", "skipped"} <= states:
            raise Problem(f"not everything happened that was meant to: {states}")
        lab.set_faults()
        lab.steward("resume", "last", "--yes", "--verbose")
        (lab.workspace / "backups").rename(lab.workspace / "away")
        (lab.workspace / "backups").write_text("", encoding="ascii")
        lab.steward("merge", "--csv", lab.csv, "--apply", "--yes", "--verbose")
        (lab.workspace / "backups").unlink()
        (lab.workspace / "away").rename(lab.workspace / "backups")
        lab.steward("verify", "1", "--verbose")
        lab.set_faults("rev-users.create@1=status:400", "works.update@1=status:400",
                       "rev-users.update@1=drop-after")
        lab.steward("undo", "1", "--yes", "--verbose")
        lab.steward("undo", "1", "--only", "feed", "--verbose")
        lab.steward("report", "1")
        lab.steward("doctor", "--verbose")
        lab.kill_sandbox()
        lab.steward("resume", "1", "--yes", "--verbose", CONNECT_TIMEOUT="1", MAX_RETRIES="1")
        lab.start()
        if not personal(lab).search((lab.workspace / "reports" / "run-1.json").read_bytes()):
            yield "nothing personal is found in a report, which is full of it"
        yield from line_problems(log_lines(lab))
        yield from backup_log_problems(lab)
        yield from leak_problems(lab)


def every_request_is_in_the_log(kills):
    """Files of 1 MB, put aside while several threads write and the program is killed."""
    contacts = 300 + 130 * len(kills)
    with Lab(contacts=contacts, LOG_LEVEL="debug", LOG_MAX_MB="1", LOG_KEEP="50", WORKERS="8") as lab:
        lab.plan()
        for kill in kills:
            done = lab.steward("resume" if kill != kills[0] else "apply", "last", "--yes",
                               STEWARD_FAILPOINTS=kill)
            if done.code != KILLED:
                raise Problem(f"{kill}: it was not reached: exit status {done.code}")
        lab.go_on((0,))
        lines = log_lines(lab)
        yield from line_problems(lines)
        aside = sorted(path.name for path in (lab.workspace / "logs").iterdir())
        if len(aside) < 1 + max(1, len(kills)) or any(not name.endswith(".log.zst") for name in aside if "-" in name):
            yield f"files were not put aside and compressed: {aside}"
        logged = [int(line["request_id"]) for line in lines
                  if line["message"] == "api call" and line["request_id"]]
        sent = {line["seq"] for line in lab.lines(lab.requests_file) if line["status"] != 0}
        if len(logged) != len(set(logged)):
            yield "a line is doubled"
        lost = sent - set(logged)
        if len(lost) > 8 * len(kills):  # answers that a killed process had not read or written down yet
            yield f"{len(lost)} of {len(sent)} requests are not in the log"
        if set(logged) - sent:
            yield f"requests are in the log that nobody got: {sorted(set(logged) - sent)[:5]}"


def main():
    cases = [
        ("nothing personal, whatever goes wrong", nothing_personal),
        ("every request is in the log, once", lambda: every_request_is_in_the_log([])),
        ("the same when killed while a log is put aside", lambda: every_request_is_in_the_log(
            KILLS[:1] if SANITIZED else KILLS)),
    ]
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"), threads=1 if SANITIZED else 2)
    tap.finish()


if __name__ == "__main__":
    main()
