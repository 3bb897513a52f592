# SPDX-License-Identifier: MIT
"""A sandbox, a workspace and the questions that every fault test asks at the end.

What happened is never taken from steward's words: which merges took place is read from the sandbox's
effects log, what they did from the sandbox's state, and what was saved before from the backup's files
and their times. steward's own account (`show --json`) is then held against that.

Environment: STEWARD is the program under test; STEWARD_TEST_FLAVOR says with which sanitizer it was
built, so that slow builds can try fewer cases.
"""

import collections
import csv
import ctypes
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

STEWARD = os.environ.get("STEWARD", "steward")
SANITIZED = os.environ.get("STEWARD_TEST_FLAVOR", "") in ("asan", "tsan")
PATIENCE = 240 if SANITIZED else 90  # seconds that one command may take
SETTINGS = {
    "RATE_LIMIT_CALLS": "0",
    "MERGE_SETTLE_SECONDS": "0.5",
    "RETRY_BACKOFF": "0.02",
    "READ_TIMEOUT": "20",
    "MAX_RETRIES": "6",  # a change that was killed three times between intent and send may go on
    "WORKERS": "4",
    "MAX_BATCH_FAILURES": "0",
    "CANARY": "0",
}
KILLED = -signal.SIGKILL


class Problem(Exception):
    """Something that must not be, found in the middle of a case."""


Result = collections.namedtuple("Result", "code out err")


class Lab:
    """One sandbox and one workspace below a directory of their own. Use with `with`."""

    def __init__(self, contacts=32, seed=1, merge_delay=20, persistent=False, faults=(), **settings):
        self.top = Path(tempfile.mkdtemp(prefix="lab-"))
        self.workspace = self.top / "workspace"
        self.workspace.mkdir(mode=0o700)
        self.env_file = self.top / "sandbox.env"
        self.csv = self.top / "contacts.csv"
        self.effects_file = self.top / "effects.jsonl"
        self.requests_file = self.top / "requests.jsonl"
        self.sandbox = None
        self.sandbox_errors = (self.top / "sandbox.err").open("w+", encoding="utf-8")
        self.stderr = []
        self.settings = {**SETTINGS, **settings}
        self.arguments = ["--contacts", str(contacts), "--issues", "0", "--seed", str(seed),
                          "--merge-delay", str(merge_delay),
                          "--env-file", str(self.env_file), "--contacts-csv", str(self.csv),
                          "--effects", str(self.effects_file), "--requests", str(self.requests_file)]
        for fault in faults:
            self.arguments += ["--faults", fault]
        if persistent:
            self.arguments += ["--state", str(self.top / "state")]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # --- the sandbox

    def start(self):
        self.env_file.unlink(missing_ok=True)
        with (self.top / "sandbox.out").open("w", encoding="utf-8") as out:
            self.sandbox = subprocess.Popen([STEWARD, "sandbox", *self.arguments], cwd=self.top,
                                            env=self.environment(), stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=self.sandbox_errors)
        deadline = time.monotonic() + PATIENCE
        while "\nREADY\n" not in (self.top / "sandbox.out").read_text(encoding="utf-8"):
            if self.sandbox.poll() is not None or time.monotonic() > deadline:
                raise Problem(f"the sandbox did not become ready: {self.sandbox_output()}")
            time.sleep(0.01)
        lines = self.env_file.read_text(encoding="utf-8").splitlines()
        self.remote = dict(line.split("=", 1) for line in lines if "=" in line)

    def kill_sandbox(self):
        self.sandbox.kill()
        self.sandbox.wait()
        self.sandbox = None

    def sandbox_output(self):
        self.sandbox_errors.seek(0)
        return self.sandbox_errors.read()[-2000:]

    def close(self):
        if self.sandbox is not None:
            self.kill_sandbox()
        self.sandbox_errors.close()
        shutil.rmtree(self.top, ignore_errors=True)

    def ask_sandbox(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.remote["DEVREV_BASE_URL"] + path, data=data,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def set_faults(self, *faults):
        self.ask_sandbox("/sandbox/faults", {"faults": list(faults)})

    def lines(self, path):
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    # --- steward

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items()
                if name in ("PATH", "TMPDIR", "TZ", "LC_ALL") or name.endswith("SAN_OPTIONS")}
        return {**kept, "HOME": str(self.top), "NO_COLOR": "1", **self.settings, **more}

    def command(self, *arguments):
        return [STEWARD, "--workspace", str(self.workspace), "--env", str(self.env_file),
                *map(str, arguments)]

    def spawn(self, *arguments, **environment):
        return subprocess.Popen(self.command(*arguments), cwd=self.top, text=True, errors="replace",
                                env=self.environment(**environment), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def collect(self, process, arguments, codes=None):
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise Problem(f"steward {' '.join(map(str, arguments))} did not end: {err[-800:]}")
        self.stderr.append(err)
        if codes is not None and process.returncode not in codes:
            raise Problem(f"steward {' '.join(map(str, arguments))}: exit status "
                          f"{process.returncode}, not {' or '.join(map(str, codes))}: "
                          f"{(err.strip() or out.strip())[-800:]}")
        return Result(process.returncode, out, err)

    def steward(self, *arguments, codes=None, **environment):
        """Runs to its end. `codes`: the exit statuses that are right; None: any."""
        return self.collect(self.spawn(*arguments, **environment), arguments, codes)

    def json(self, *arguments, codes=(0,)):
        return json.loads(self.steward(*arguments, "--json", codes=codes).out)

    def plan(self, **environment):
        return self.steward("merge", "--csv", self.csv, codes=(0,), **environment)

    def go_on(self, codes, **environment):
        """Resumes, or applies where the run had not begun: what the operator is told to do."""
        done = self.steward("resume", "last", "--yes", **environment)
        if done.code == 4:
            if self.json("show", "last")["state"] != "planned":
                raise Problem(f"resume refuses a run that had begun: {done.err}")
            done = self.steward("apply", "last", "--yes", **environment)
        if codes is not None and done.code not in codes:
            raise Problem(f"going on: exit status {done.code}, not {' or '.join(map(str, codes))}: "
                          f"{done.err.strip()[-800:]}")
        return done

    # --- what is true at the end

    def addresses(self):
        with self.csv.open(encoding="utf-8", newline="") as file:
            return {row["EMAIL"] for row in csv.DictReader(file) if "@" in row["EMAIL"]}


def seal_problems(backup, before_ms):
    """What is wrong with a backup that must have been complete at a time."""
    manifest = backup / "metadata" / "verification.json"
    if not manifest.exists():
        yield "a change was made without a sealed backup"
        return
    listed = {entry["path"]: entry for entry in json.loads(manifest.read_bytes())["files"]}
    stored = {path.relative_to(backup).as_posix() for path in backup.rglob("*") if path.is_file()}
    stored = {path for path in stored
              if not path.startswith("logs/") and path != "metadata/merge_state.json"
              and path != manifest.relative_to(backup).as_posix()}
    for path in sorted(stored ^ set(listed)):
        yield f"'{path}' is {'not listed' if path in stored else 'missing'}"
    for path in sorted(stored & set(listed)):
        content = (backup / path).read_bytes()
        if hashlib.sha256(content).hexdigest() != listed[path]["sha256"]:
            yield f"'{path}' does not have the hash that was sealed"
        if len(content) != listed[path]["bytes"]:
            yield f"'{path}' does not have the size that was sealed"
    for path in [manifest, *(backup / path for path in stored & set(listed))]:
        if path.stat().st_mtime_ns // 1_000_000 > before_ms:
            yield f"'{path.relative_to(backup).as_posix()}' is younger than the change"
    if not listed:
        yield "an empty backup was sealed"


def unpacked(path):
    """The bytes of a file, decompressed where they are not encrypted as well."""
    content = path.read_bytes()
    if path.suffix != ".zst" or not content.startswith(b"\x28\xb5\x2f\xfd"):
        return content
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    room = zstd.ZSTD_getFrameContentSize(content, ctypes.c_size_t(len(content)))
    if room > 1 << 40:  # unknown, as of a stream: far more than any log is
        room = 64 << 20
    plain = ctypes.create_string_buffer(room)
    size = zstd.ZSTD_decompress(plain, ctypes.c_size_t(room), content, ctypes.c_size_t(len(content)))
    if zstd.ZSTD_isError(ctypes.c_size_t(size)):
        raise Problem(f"'{path.name}' cannot be decompressed")
    return plain.raw[:size]


def spellings(text):
    """How a text may stand in a log: as it is, in JSON, in a path."""
    return {text.encode(), json.dumps(text)[1:-1].encode(),
            json.dumps(text, ensure_ascii=False)[1:-1].encode(), urllib.parse.quote(text).encode()}


def personal(lab):
    """A pattern of all addresses, names and local parts that there are, here and at the remote."""
    words = lab.addresses()
    with lab.csv.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            words |= {row["DISPLAY_NAME"], row["FULL_NAME"]}
    for contact in lab.ask_sandbox("/sandbox/state")["contacts"]:
        words |= {contact["email"] or "", contact["display_name"] or ""}
    words |= {word.split("@")[0] for word in words if word.partition("@")[0].strip().count(".")}
    # "Li" or "bot" may be a word of ours
    found = {spelling for word in words if len(word) > 3 for spelling in spellings(word)}
    return re.compile(rb"(?<![\w.])(" + rb"|".join(map(re.escape, sorted(found, key=len, reverse=True)))
                      + rb")(?![\w])")


def leak_problems(lab):
    """Addresses, names or the token where nobody must find them."""
    token = lab.remote["DEVREV_API_TOKEN"].encode()
    pattern = personal(lab)
    places = {path.relative_to(lab.workspace).name: unpacked(path)
              for path in lab.workspace.rglob("*")
              if path.is_file() and "logs" in path.relative_to(lab.workspace).parts}
    places["stderr"] = "".join(lab.stderr).encode()
    places["audit show"] = lab.steward("audit", "show", codes=(0,)).out.encode()
    for name, content in places.items():
        found = pattern.search(content)
        if found:
            line = content[content.rfind(b"\n", 0, found.start()) + 1:].split(b"\n", 1)[0]
            yield f"'{found[0].decode()}' stands in {name}: {line[:300].decode(errors='replace')}"
    for path in lab.workspace.rglob("*"):
        if path.is_file() and token in unpacked(path):
            yield f"the token stands in {path.name}"
    if token in places["stderr"]:
        yield "the token stands on stderr"


def show_problems(shown):
    counted = collections.Counter(change["state"] for change in shown["changes"])
    for state, count in shown["counts"].items():
        if state != "review" and count != counted[state]:
            yield f"counts say {count} {state}, the changes say {counted[state]}"
    for change in shown["changes"]:
        if change["state"] in ("failed", "skipped", "unknown") and not change["error"]:
            yield f"{change['id'][:8]} is {change['state']} and does not say why"


def problems(lab, states):
    """Everything that is wrong at the end of a run whose changes may be in `states`."""
    shown = lab.json("show", "last")
    yield from show_problems(shown)

    world = lab.ask_sandbox("/sandbox/state")
    contacts = {}
    for contact in world["contacts"]:
        contacts[contact["id"]] = contacts[contact["display_id"]] = contact

    accepted = collections.defaultdict(list)
    done = set()
    for effect in lab.lines(lab.effects_file):
        pair = tuple(contacts[effect["body"][name]]["id"] for name in ("secondary_user", "primary_user")) \
            if effect["call"].startswith("rev-users.merge") else None
        if effect["call"] == "rev-users.merge":
            accepted[pair].append(effect)
        elif effect["call"] == "rev-users.merge/done":
            done.add(pair)
        else:
            yield f"something else was changed: {effect['call']}"

    planned = {}
    for change in shown["changes"]:
        pair = (contacts[change["target"]]["id"], contacts[change["survivor"]]["id"])
        planned[pair] = change
        name = f"{change['id'][:8]} ({change['state']})"
        if change["state"] not in states:
            yield f"{name}: {change['error']}"
        times = len(accepted[pair])
        if times > 1:
            yield f"{name} was sent {times} times"
        if change["state"] == "verified" and (times != 1 or pair not in done):
            yield f"{name} did not happen"
        if change["state"] in ("planned", "backed_up", "failed", "skipped", "refused") and times != 0:
            yield f"{name} happened"
        merged_into = contacts[pair[0]]["merged_into"]
        if (merged_into == pair[1]) != (pair in done):
            yield f"{name}: the sandbox contradicts itself"
        for effect in accepted[pair]:
            if not change["backup"]:
                yield f"{name} was sent and names no backup"
                continue
            for problem in seal_problems(lab.workspace / change["backup"], effect["at_ms"]):
                yield f"{name}: {problem}"
    for pair in set(accepted) - set(planned):
        if accepted[pair]:
            yield "a merge was sent that nobody planned"

    used = [change["backup"] for change in shown["changes"] if change["backup"]]
    if len(used) != len(set(used)):
        yield "two changes share a backup"
    stored = {f"backups/{path.name}" for path in (lab.workspace / "backups").iterdir() if path.is_dir()} \
        if (lab.workspace / "backups").is_dir() else set()
    if states == {"verified"} and stored != set(used):
        yield f"{len(stored)} backups for {len(used)} changes; not named: {stored - set(used)}"

    audit = lab.steward("audit", "verify")
    if audit.code != 0:
        yield f"audit verify: exit status {audit.code}: {audit.err.strip()[-300:]}"
    verified = lab.steward("verify", "last")
    if verified.code != 0:
        yield f"verify: exit status {verified.code}: {(verified.err + verified.out).strip()[-500:]}"
    report = json.loads(lab.steward("report", "last", "--json", codes=(0,)).out)
    if not isinstance(report, dict):
        yield "the report is no object"

    yield from leak_problems(lab)
    if lab.sandbox.poll() is not None:
        yield f"the sandbox died: {lab.sandbox_output()}"


class Tap:
    """Runs named cases in a few threads, because they mostly wait, and prints TAP."""

    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0
        self.failed = 0

    def report(self, name, found):
        with self.lock:
            self.count += 1
            self.failed += bool(found)
            for text in found:
                print("# " + text.replace("\n", "\n# "))
            print(f"{'not ok' if found else 'ok'} {self.count} - {name}", flush=True)

    def run(self, cases, threads=None):
        """`cases`: (name, function that returns or yields problems)."""

        def one(case):
            name, function = case
            try:
                found = list(function())
            except Problem as problem:
                found = [str(problem)]
            except Exception as error:  # a case that breaks is a case that failed
                found = [f"{type(error).__name__}: {error}"]
            self.report(name, found)

        with ThreadPoolExecutor(threads or (2 if SANITIZED else 4)) as pool:
            list(pool.map(one, cases))

    def finish(self):
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed or self.count == 0 else 0)


def shard(cases, text):
    """The part of the cases that "2/4" names; dealt out, so that each part has some of everything."""
    number, _, parts = text.partition("/")
    return cases[int(number) - 1 :: int(parts)]


def trace(lab, *arguments, codes=(0,), **environment):
    """Runs a command and counts the failpoints that it passed."""
    path = lab.top / "trace"
    path.unlink(missing_ok=True)
    lab.steward(*arguments, codes=codes, STEWARD_FAILPOINT_TRACE=str(path), **environment)
    names = path.read_text(encoding="ascii").split()
    if not names:
        raise Problem(f"steward {arguments[0]} passed no failpoint; was it built without them?")
    return collections.Counter(names)


def some_hits(count, seed, few=False):
    """Which of `count` times a place is tried: the first, the last and some between."""
    hits = {1, (count + 1) // 2} if few else {1, 2, (count + 1) // 2, count}
    if not few and count > 4:
        hits.add(random.Random(seed).randint(3, count - 1))
    return sorted(hit for hit in hits if 1 <= hit <= count)
