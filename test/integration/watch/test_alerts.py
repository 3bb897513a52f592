#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Alerts of whole runs: e-mails at a real server (aiosmtpd), posts at the sandbox's Slack.

What was told is read from what the servers got. An alert that fails is in the log and the audit trail
and changes no exit code; addresses of people, the webhook and passwords stand nowhere.
"""

import collections
import json
import re
import signal
import tempfile
import time
from pathlib import Path

from issues import Issues
from lab import Tap, leak_problems, unpacked
from mailserver import PASSWORD, USER, Hanging, Mailbox, Server, make_certificate

OPERATORS = ["night@example.com", "day@example.org"]
END = re.compile(r"steward: run (\d+) is (\w+)")
QUIET = {"ALERT_ERROR_RATE": "0", "ALERT_BATCH_SECONDS": "0", "ALERT_API_ERRORS": "0"}


def titles(posts):
    return [post["body"]["text"].split("\n")[0] for post in posts]


def audited(lab):
    """(condition, by, sent) of every alert in the audit trail."""
    lines = lab.steward("audit", "show", "--json", codes=(0,)).out.splitlines()
    entries = [json.loads(line) for line in lines]
    return [tuple(entry["detail"][name] for name in ("condition", "by", "sent"))
            for entry in entries if entry["event"] == "alert"]


def failures(lab):
    """What the log says about alerts that could not be sent: {(condition, by): message}"""
    return {(line["condition"], line["by"]): line["error.message"] for line in lab.log()
            if line["message"] == "could not send an alert"}


def secret_problems(lab):
    """The webhook's path, operators' addresses and passwords are nowhere in the workspace or on stderr."""
    words = [lab.remote["#SLACK_WEBHOOK"].split("/", 3)[3].encode(), PASSWORD,
             *(address.encode() for address in OPERATORS)]
    places = {path.name: unpacked(path) for path in lab.workspace.rglob("*") if path.is_file()}
    places["stderr"] = "".join(lab.stderr).encode()
    for name, content in places.items():
        for word in words:
            if word in content:
                yield f"{word.decode()} stands in {name}"
    yield from leak_problems(lab)


def once_problems(posts):
    twice = [title for title, count in collections.Counter(titles(posts)).items() if count > 1]
    if twice:
        yield f"told twice: {twice}"


def run(lab, codes=(0, 3)):
    lab.plan()
    return lab.steward("apply", "last", "--yes", codes=codes)


def mailed(top, tls):
    """The end of a run, signed in and encrypted, to two operators."""
    mailbox = Mailbox()
    with Server(mailbox, tls, True, top) as address, \
            Issues(issues=8, ALERT_EMAIL=", ".join(OPERATORS), SMTP_USER=USER.decode(),
                   SMTP_PASSWORD=PASSWORD.decode(), SMTP_CA_FILE=str(top / "ca.pem"),
                   SMTP_FROM="steward@example.com",
                   SMTP_HOST=address if tls == "starttls" else f"smtps://{address}", **QUIET) as lab:
        run(lab)
        if [to for to, _ in mailbox.messages] != [OPERATORS]:
            yield f"mail to {[to for to, _ in mailbox.messages]}: {failures(lab)}"
            return
        text = mailbox.messages[0][1].decode()
        shown = lab.json("show", "1")
        line = f"verified   {shown['counts']['verified']:10}\r\n"
        if "Subject: steward: run 1 is done\r\n" not in text or line not in text:
            yield f"the message: {text}"
        if audited(lab) != [("end", "mail", True), ("end", "slack", True)]:
            yield f"audit: {audited(lab)}"
        yield from secret_problems(lab)


def mail_is_refused():
    """A relay without STARTTLS, one that wants to know who it is, and no server at all."""
    mailbox = Mailbox()
    with Server(mailbox, auth=True) as address, \
            Issues(issues=8, ALERT_EMAIL=OPERATORS[0], SMTP_HOST=address, **QUIET) as lab:
        for server, words in ((address, "it offers no STARTTLS"), (f"smtp://{address}", "it answered 530"),
                              ("smtp://127.0.0.1:1", "Couldn't connect to server"),
                              ("", "SMTP_HOST is not set")):
            lab.settings["SMTP_HOST"] = server
            code = run(lab).code
            if code != 0:
                yield f"exit code {code}"
            if not failures(lab).get(("end", "mail"), "").endswith(words):
                yield f"the log does not say '{words}': {failures(lab)}"
        if [by for by in audited(lab) if by[1] == "mail"] != [("end", "mail", False)] * 4:
            yield f"audit: {audited(lab)}"
        if mailbox.messages:
            yield "a message arrived"
        yield from secret_problems(lab)


def mail_server_hangs():
    """The run works at its pace; what cannot be told holds its end up for a bounded time."""
    with Hanging() as address, \
            Issues(issues=60, latency=100, faults=["works.get@2=status:503"], ALERT_EMAIL=OPERATORS[0],
                   SMTP_HOST=f"smtp://{address}",
                   **{**QUIET, "ALERT_API_ERRORS": "1"}) as lab:
        lab.plan()
        begun = time.time()
        lab.steward("apply", "last", "--yes", codes=(0, 3))
        took = time.time() - begun
        worked = max(line["at_ms"] for line in lab.lines(lab.effects_file)) / 1000 - begun
        print(f"# worked for {worked:.1f} s, ended after {took:.1f} s")
        if worked > 8:
            yield f"the work took {worked:.1f} s"
        if took > 32:
            yield f"the run ended after {took:.1f} s"
        if sorted(failures(lab)) != [("api-errors", "mail"), ("end", "mail")]:
            yield f"the log: {failures(lab)}"
        if titles(lab.posted())[-1] != "steward: run 1 is done":
            yield f"Slack was not told: {titles(lab.posted())}"


def slack_is_told_once():
    """Every write fails: error rate, API errors and the end are told, each once."""
    with Issues(issues=80, faults=["works.update@*=status:400"], WORKERS="2", latency=20) as lab:
        run(lab, (3,))
        wanted = ["steward: api-errors in run 1", "steward: error-rate in run 1", "steward: run 1 is done"]
        if sorted(titles(lab.posted())) != wanted:
            yield f"posts: {titles(lab.posted())}"
        counts = lab.json("show", "1")["counts"]
        end = lab.posted()[-1]["body"]["text"]
        if not re.search(rf"^failed +{counts['failed']}$", end, re.M) or "steward verify 1" not in end:
            yield f"the end: {end}"
        yield from secret_problems(lab)


def slow_batch():
    with Issues(issues=30, latency=150, WORKERS="1", **{**QUIET, "ALERT_BATCH_SECONDS": "1"}) as lab:
        run(lab)
        if titles(lab.posted()) != ["steward: batch-time in run 1", "steward: run 1 is done"]:
            yield f"posts: {titles(lab.posted())}"


def quiet_run():
    """Nothing is wrong, and nothing but the end is told."""
    with Issues(issues=8) as lab:
        run(lab, (0,))
        if titles(lab.posted()) != ["steward: run 1 is done"]:
            yield f"posts: {titles(lab.posted())}"


def breaker():
    with Issues(issues=60, faults=["works.*@20-40=status:503", "works.get@20-40=status:503"],
                BREAKER_OPEN_SECONDS="0.3", RETRY_BACKOFF="0.1", **QUIET) as lab:
        run(lab)
        if titles(lab.posted()) != ["steward: breaker-open in run 1", "steward: run 1 is done"]:
            yield f"posts: {titles(lab.posted())}"


def paused_and_interrupted():
    """A run that stops itself, and one that is stopped, say so and what goes on with them."""
    with Issues(issues=60, latency=20, faults=["works.update@*=status:400"], WORKERS="2",
                MAX_BATCH_FAILURES="3", **QUIET) as lab:
        run(lab, (6,))
        lab.set_faults()
        process = lab.spawn("resume", "last", "--yes", WORKERS="1")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        lab.collect(process, ["resume"], (130,))
        posts = lab.posted()
        if titles(posts) != ["steward: run 1 is paused", "steward: run 1 is interrupted"]:
            yield f"posts: {titles(posts)}"
        for post in posts:
            if "\nsteward resume 1" not in post["body"]["text"]:
                yield f"it does not say what helps: {post['body']['text']}"
        if "stopped after 3 failures in batch 1" not in posts[0]["body"]["text"]:
            yield f"it does not say why: {posts[0]['body']['text']}"
        yield from secret_problems(lab)


def slack_fails(fault, words):
    """One attempt each, told in log and audit; the exit code stays."""
    with Issues(issues=8, faults=[f"webhook@*={fault}"], **QUIET) as lab:
        code = run(lab, (0,)).code
        if code != 0:
            yield f"exit code {code}"
        if len(lab.posted()) > 1:
            yield f"posted {len(lab.posted())} times"
        yield from once_problems([post for post in lab.posted() if post["body"]])
        if words not in failures(lab).get(("end", "slack"), ""):
            yield f"the log does not say '{words}': {failures(lab)}"
        if audited(lab) != [("end", "slack", False)]:
            yield f"audit: {audited(lab)}"
        yield from secret_problems(lab)


def slack_webhook_is_gone():
    with Issues(issues=8, **QUIET) as lab:
        base = lab.remote["#SLACK_WEBHOOK"].rsplit("/", 1)[0]
        lab.settings["SLACK_WEBHOOK"] = f"{base}/deleted-one"
        run(lab, (0,))
        if failures(lab) != {("end", "slack"): "could not post to Slack: the webhook answered 404"}:
            yield f"the log: {failures(lab)}"
        if "deleted-one" in "".join(lab.stderr) + json.dumps(lab.log()):
            yield "the webhook stands in the log"
        yield from secret_problems(lab)


def main():
    with tempfile.TemporaryDirectory(prefix="alerts-") as name:
        top = make_certificate(Path(name))
        cases = [("a mail server that hangs", mail_server_hangs),
                 ("mail by STARTTLS", lambda: mailed(top, "starttls")),
                 ("mail by TLS", lambda: mailed(top, "smtps")), ("mail is refused", mail_is_refused),
                 ("Slack is told once", slack_is_told_once), ("a slow batch", slow_batch),
                 ("nothing is wrong", quiet_run), ("the breaker", breaker),
                 ("paused and interrupted", paused_and_interrupted),
                 ("a webhook that is gone", slack_webhook_is_gone)]
        cases += [(f"Slack: {fault}", lambda f=fault, w=words: slack_fails(f, w)) for fault, words in (
            ("status:429:1", "429"), ("status:500", "500"), ("drop-after", "connection"),
            ("drop-before", "connection"), ("redirect", "301"))]
        tap = Tap()
        tap.run(cases, threads=6)
        tap.finish()


main()
