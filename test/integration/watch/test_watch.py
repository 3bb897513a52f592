#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Metrics as Prometheus reads them: scraped while a run works, and the textfile when it has ended.

What they count is held against the sandbox's own counts and the journal; promtool (Debian's package
prometheus) checks their form, the alert rules and the tests of these. Without promtool that part is
skipped, with CI=true it fails.
"""

import collections
import http.client
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

from issues import Issues
from lab import Problem, Tap, leak_problems, personal
from mailserver import free_port

CONTRIB = Path(__file__).resolve().parents[3] / "contrib"
SAMPLE = re.compile(r'(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)')
LABELS = {
    "version": r"\d+\.\d+\.\d+", "run": r"\d+", "kind": r"backfill", "remote": r"devrev",
    "outcome": r"verified|failed|skipped", "call": r"[a-z]+(-[a-z]+)*(\.[a-z]+)+", "code": r"none|\d{3}",
    "le": r"\+Inf|[\d.]+", "state": r"[a-z-]+"}


def promtool(*arguments, **more):
    if shutil.which("promtool") is None:
        if os.environ.get("CI") == "true":
            raise Problem("promtool is not installed (Debian's package prometheus)")
        print("# NOT CHECKED: promtool is not installed (Debian's package prometheus)", flush=True)
        return []
    done = subprocess.run(["promtool", *map(str, arguments)], text=True, check=False, capture_output=True,
                          timeout=60, **more)
    said = (done.stdout + done.stderr).strip()
    return [] if done.returncode == 0 else [f"promtool {arguments[0]} {arguments[1]}: {said}"]


def check_form(text):
    found = promtool("check", "metrics", input=text)
    if not text.endswith("\n"):
        found.append("the text does not end with a line")
    return found


def samples(text):
    """{(name, ((label, value), ...)): number}"""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            if match is None:
                raise Problem(f"no sample: {line}")
            labels = tuple(re.findall(r'(\w+)="([^"]*)"', match["labels"] or ""))
            if (match["name"], labels) in found:
                raise Problem(f"twice: {line}")
            found[match["name"], labels] = float(match["value"])
    return found


def names_used():
    """Every metric that rules and dashboard speak of."""
    dashboard = json.loads((CONTRIB / "grafana" / "steward.json").read_text(encoding="utf-8"))
    texts = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    texts += [variable["query"] for variable in dashboard["templating"]["list"]]
    texts += [path.read_text(encoding="utf-8") for path in (CONTRIB / "prometheus").glob("*.yml")]
    return {name for text in texts for name in re.findall(r"\b(?:steward|process)_[a-z_]+\b", text)
            if name not in ("steward_rules",)}


class Scraper:
    def __init__(self, port):
        self.port = port

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()


def scrape_all(process, port):
    """All texts that the run gave before it ended, and what else it answered."""
    scraper = Scraper(port)
    texts, others, deadline = [], None, time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            status, headers, text = scraper.ask("GET", "/metrics")
        except OSError:
            time.sleep(0.02)  # not listening yet, or no longer
            continue
        if (status, headers["Content-Type"]) != (200, "text/plain; version=0.0.4; charset=utf-8"):
            raise Problem(f"/metrics: {status} {headers['Content-Type']}")
        texts.append(text)
        if others is None:
            others = [scraper.ask(method, path)[::2] for method, path in (
                ("GET", "/-/healthy"), ("GET", "/"), ("POST", "/metrics"), ("HEAD", "/metrics"))]
        time.sleep(0.15)
    return texts, others


def calls_made(lab):
    calls = collections.Counter()
    for row in lab.ask_sandbox("/sandbox/calls")["calls"]:
        if row["call"] == "webhook":
            continue  # Slack's: alerts are no part of the work
        calls[row["call"], str(row["status"] or "none")] += row["count"]
    return calls


def count_problems(found, shown, calls):
    """A textfile's samples against the journal and the sandbox."""
    outcomes = {dict(labels)["outcome"]: value for (name, labels), value in found.items()
                if name == "steward_changes_total"}
    counts = shown["counts"]
    wanted = {"verified": counts["verified"], "failed": counts["failed"] + counts["unknown"],
              "skipped": counts["skipped"]}
    if outcomes != wanted:
        yield f"steward_changes_total says {outcomes}, the journal {wanted}"
    counted = {(dict(labels)["call"], dict(labels)["code"]): value for (name, labels), value in found.items()
               if name == "steward_http_requests_total"}
    if counted != dict(calls):
        yield f"steward_http_requests_total says {counted}, the sandbox {dict(calls)}"
    by_call = collections.Counter()
    for (call, _), count in calls.items():
        by_call[call] += count
    for call, count in by_call.items():
        labels = (("remote", "devrev"), ("call", call))
        if found["steward_http_request_duration_seconds_count", labels] != count:
            yield f"the histogram of {call} does not count {count}"
        if found["steward_http_request_duration_seconds_bucket", (*labels, ("le", "+Inf"))] != count:
            yield f"the last bucket of {call} does not count {count}"


def label_problems(found):
    for (name, labels), _ in found.items():
        for label, value in labels:
            if not re.fullmatch(LABELS.get(label, "(?!)"), value):
                yield f"{name} has the label {label}={value}"


def monotonic_problems(texts):
    last = {}
    for text in texts:
        now = samples(text)
        for key, value in last.items():
            if key[0].endswith(("_total", "_count", "_bucket", "_sum")) and now.get(key, 0) < value:
                yield f"{key} fell from {value} to {now.get(key)}"
        last = now


def watched():
    port = free_port()
    with Issues(issues=240, latency=20, faults=["works.get@20-23=status:503", "works.update@9=status:400"],
                WORKERS="6", METRICS_LISTEN=f"127.0.0.1:{port}") as lab:
        textfile = lab.top / "steward.prom"
        lab.settings["METRICS_FILE"] = str(textfile)
        lab.plan()
        before = calls_made(lab)
        process = lab.spawn("apply", "last", "--yes")
        texts, others = scrape_all(process, port)
        lab.collect(process, ["apply"], (3,))
        if len(texts) < 4:
            raise Problem(f"only {len(texts)} scrapes")
        if others != [(200, "working\n"), (404, "not found\n"), (405, "only GET\n"), (200, "")]:
            yield f"answers: {others}"
        for text in (texts[0], texts[-1], textfile.read_text(encoding="utf-8")):
            yield from check_form(text)
            yield from label_problems(samples(text))
        yield from monotonic_problems(texts)
        if samples(texts[-1])["steward_run_state", (("state", "applying"),)] != 1:
            yield "a scrape does not say applying"
        ended = samples(textfile.read_text(encoding="utf-8"))
        if ended["steward_run_state", (("state", "done"),)] != 1:
            yield "the textfile does not say done"
        yield from count_problems(ended, lab.json("show", "last"), calls_made(lab) - before)
        if any(name.startswith("process_") for name, _ in ended):
            yield "the textfile has process_*: the collector exposes these of itself"
        missing = names_used() - {name for name, _ in {**samples(texts[-1]), **ended}}
        if missing:
            yield f"contrib uses {sorted(missing)}: never exposed"
        if stat.S_IMODE(textfile.stat().st_mode) != 0o644:
            yield f"the textfile's mode is {stat.S_IMODE(textfile.stat().st_mode):o}"
        leaked = personal(lab).search("".join(texts).encode() + textfile.read_bytes())
        if leaked or lab.remote["DEVREV_API_TOKEN"] in texts[-1]:
            yield f"personal data: {leaked}"
        yield from leak_problems(lab)


def success_is_remembered():
    """The textfile of a run that was interrupted still says when the last one came to its end."""
    with Issues(issues=60, latency=20) as lab:
        textfile = lab.top / "steward.prom"
        lab.settings["METRICS_FILE"] = str(textfile)
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0, 3))
        first = samples(textfile.read_text(encoding="utf-8"))
        lab.steward("undo", "1", "--yes", codes=(0, 3))
        lab.plan()
        process = lab.spawn("apply", "last", "--yes", WORKERS="1")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        lab.collect(process, ["apply"], (130,))
        second = samples(textfile.read_text(encoding="utf-8"))
        if second["steward_run_state", (("state", "interrupted"),)] != 1:
            yield "the textfile does not say interrupted"
        success = ("steward_run_last_success_timestamp_seconds", ())
        ended = ("steward_run_last_completion_timestamp_seconds", ())
        if not first[success] <= second[success] < second[ended]:
            yield f"last success {first[success]}, then {second.get(success)}; ended {second[ended]}"


def nowhere_to_write_or_listen():
    """Neither stops a run; both are told in the log."""
    with Issues(issues=20, METRICS_LISTEN="192.0.2.1:1", METRICS_FILE="/proc/nowhere/steward.prom") as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0, 3))
        told = {line["message"]: line.get("error.message") for line in lab.log()}
        if "Cannot assign requested address" not in (told.get("metrics cannot be read") or ""):
            yield f"the log does not say why nobody can read metrics: {told}"
        if "/proc/nowhere/steward.prom" not in (told.get("could not write the metrics") or ""):
            yield f"the log does not say why the textfile is missing: {told}"


def rules():
    folder = CONTRIB / "prometheus"
    yield from promtool("check", "rules", folder / "steward.rules.yml")
    yield from promtool("test", "rules", folder / "steward.rules.test.yml")


def main():
    tap = Tap()
    tap.run([("a run is watched", watched), ("the last success is remembered", success_is_remembered),
             ("nowhere to write or to listen", nowhere_to_write_or_listen), ("alert rules", rules)])
    tap.finish()


main()
