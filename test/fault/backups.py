#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Backups under faults: a bit that flips before the seal, kills with encryption and compression, an undo from
an encrypted backup, kills in the middle of pruning.

backups.py [SHARD/SHARDS]
"""

import json
import sqlite3
import sys
import threading
import time

from lab import KILLED, Lab, Problem, Tap, problems, shard

KEY = "00112233445566778899aabbccddeeff" * 2
DAY_MS = 86400000


def keep_key(lab):
    path = lab.workspace / "backup.key"
    path.write_text(KEY + "\n", encoding="ascii")
    path.chmod(0o600)


def encrypted_lab(**more):
    lab = Lab(contacts=12, BACKUP_KEY_FILE="backup.key", ENABLE_COMPRESSION="true", **more)
    keep_key(lab)
    return lab


def stored_text(lab):
    """Files of backups that are readable and should not be."""
    for path in (lab.workspace / "backups").glob("*/*/**/*"):
        if path.is_file() and path.suffix == ".zst":
            content = path.read_bytes()
            if b"don:" in content or content.startswith(b"\x28\xb5\x2f\xfd"):
                yield f"'{path.name}' is not encrypted"


# --- a bit flips between writing and reading back ---------------------------------------------------


def flip_first(lab, flipped, until):
    """Flips a bit of the first tickets.json that is whole, while the seal waits for the disk."""
    while time.monotonic() < until and not flipped:
        for path in (lab.workspace / "backups").glob("*/tickets/tickets.json"):
            written = path.parent.parent / "metadata" / "contact_info.json"  # the last file before the seal
            if written.exists() and written.stat().st_size != 0:
                content = bytearray(path.read_bytes())
                content[len(content) // 2] ^= 1
                path.write_bytes(bytes(content))
                flipped.append(path.parent.parent.name)
                return
        time.sleep(0.005)


def flipped_before_the_seal():
    with Lab(contacts=12, WORKERS="1") as lab:
        lab.plan()
        flipped = []
        thread = threading.Thread(target=flip_first, args=(lab, flipped, time.monotonic() + 30))
        thread.start()
        lab.steward("apply", "last", "--yes", codes=(3,), STEWARD_FAILPOINTS="fs.fsync=sleep:400@1+")
        thread.join()
        if not flipped:
            raise Problem("no bit was flipped: the test shows nothing")
        skipped = [change for change in lab.json("show", "last")["changes"] if change["state"] == "skipped"]
        if [change["error"] for change in skipped] != [
                "could not seal the backup: 'tickets/tickets.json' does not read back as it was written"]:
            yield f"skipped: {[change['error'] for change in skipped]}"
        yield from problems(lab, {"verified", "skipped"})


# --- encryption and compression ----------------------------------------------------------------------


def killed(rule):
    with encrypted_lab() as lab:
        lab.plan()
        done = lab.steward("apply", "last", "--yes", STEWARD_FAILPOINTS=rule)
        if done.code != KILLED:
            yield f"it was not killed: exit status {done.code}: {done.err.strip()[-300:]}"
        refused = lab.steward("resume", "last", "--yes", BACKUP_KEY_FILE="")
        if refused.code not in (2, 4) or (refused.code == 2 and "no key is given" not in refused.err):
            yield f"without the key: exit status {refused.code}: {refused.err.strip()[-300:]}"
        lab.go_on((0,))
        yield from problems(lab, {"verified"})
        yield from stored_text(lab)
        checked = lab.json("backups", "verify", "--verify-contacts", "--verify-tickets", "--verify-conversations")
        if checked["different"] or checked["unfinished"] or checked["unproven"] or not checked["sound"]:
            yield f"{checked}"


def undone_from_encrypted():
    with encrypted_lab() as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        lab.steward("undo", "1", "--yes", codes=(0,))
        states = {change["state"] for change in lab.json("show", "1")["changes"]}
        if states != {"undone"}:
            yield f"states after the undo: {states}"
        created = [effect for effect in lab.lines(lab.effects_file) if effect["call"] == "rev-users.create"]
        if len(created) != len(lab.json("show", "1")["changes"]):
            yield f"{len(created)} contacts came back"
        checked = lab.json("backups", "verify", "--verify-contacts", "--verify-tickets", "--verify-conversations")
        if checked["different"] or checked["missing"] or checked["unproven"]:
            yield f"{checked}"
        yield from stored_text(lab)


# --- pruning -----------------------------------------------------------------------------------------


def age(lab, days):
    """As if the run had been so many days ago."""
    with sqlite3.connect(lab.workspace / "steward.db") as db:
        db.execute("UPDATE change SET updated_at_ms = updated_at_ms - ?", (days * DAY_MS,))


def pruning_killed(rule):
    with Lab(contacts=16) as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        changes = {change["id"] for change in lab.json("show", "1")["changes"]}
        kept = lab.json("backups", "prune", "--apply", "--yes")
        if kept["remove"] != 0 or kept["keep"] != len(changes):
            yield f"young ones were pruned: {kept}"
        age(lab, 31)
        done = lab.steward("backups", "prune", "--apply", "--yes", STEWARD_FAILPOINTS=rule)
        if done.code != KILLED:
            yield f"it was not killed: exit status {done.code}: {done.err.strip()[-300:]}"
        places = [path for path in (lab.workspace / "backups").iterdir() if not path.name.startswith(".")]
        lab.steward("backups", "verify", codes=(0,))
        whole = [path for path in places if (path / "metadata" / "verification.json").exists()]
        if len(whole) != len(places):
            yield "a part of a backup is left under its name"
        last = lab.json("backups", "prune", "--apply", "--yes")
        if last["keep"] != 0 or list((lab.workspace / "backups").iterdir()):
            yield f"the next prune does not finish: {last}"
        for change in changes:
            said = lab.steward("backups", "show", change, codes=(1,)).err
            if "it was pruned at " not in said:
                yield f"{change[:8]}: {said.strip()}"
        audit = [json.loads(line) for line in lab.steward("audit", "show", codes=(0,)).out.splitlines()]
        noted = {entry["detail"]["change"] for entry in audit if entry.get("event") == "prune"}
        if noted != changes:
            yield f"{len(noted)} of {len(changes)} removals are in the audit trail"


def main():
    cases = [("a bit flipped between writing and reading back", flipped_before_the_seal),
             ("undo from an encrypted backup", undone_from_encrypted)]
    for rule in ("fs.write=kill@20", "fs.fsync=kill@1", "journal.after_commit=kill@6", "journal.before_commit=kill@9"):
        cases.append((f"encrypted and compressed, {rule}", lambda r=rule: killed(r)))
    for rule in ("fs.rename=kill@2", "vault.remove=kill@1", "vault.remove=kill@3"):
        cases.append((f"pruning, {rule}", lambda r=rule: pruning_killed(r)))
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


main()
