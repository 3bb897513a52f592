#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`steward merge --source snowflake|devrev` against the sandbox: what is read, how it signs in, and that
nothing is planned from half an input."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sandbox"))

from harness import Sandbox, equal, main, wait_for  # noqa: E402

STEWARD = os.path.abspath(sys.argv[2])
QUERIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "queries")
CONTACTS = 700  # four partitions: 100, 200, 400 and none
PIVOT_LABELS = slice(14, 16)


class Lab(Sandbox):
    """A sandbox and a workspace beside it."""

    def __init__(self, exe, *args):
        super().__init__(
            exe, "--contacts", CONTACTS, "--env-file", "env", "--contacts-csv", "contacts.csv",
            "--pivot-csv", "pivot.csv", "--requests", "requests", *args,
        )

    def command(self, *args, **settings):
        env = {name: value for name, value in os.environ.items() if not name.startswith("SNOWFLAKE")}
        env.update({"RATE_LIMIT_CALLS": "0", "RETRY_BACKOFF": "0.01", "NO_COLOR": "1"} | settings)
        return [STEWARD, *args, "--workspace", self.path("w"), "--env", self.path("env")], env

    def steward(self, *args, **settings):
        line, env = self.command(*args, **settings)
        return subprocess.run(line, env=env, capture_output=True, text=True, timeout=120)

    def rows(self, name):
        with open(self.path(name), newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    def calls(self, name):
        return [line for line in self.lines("requests") if line["call"] == name]

    def nothing_planned(self):
        """No plan, no input, not even a part of one."""
        for name in ("plans", "sources"):
            directory = self.path(os.path.join("w", name))
            equal(os.listdir(directory) if os.path.isdir(directory) else [], [])


def by_id(rows, column):
    return [rows[0]] + sorted(rows[1:], key=lambda row: row[column].encode())


def ends(result, code, error, hint=None):
    """The error line and, where given, the hint."""
    lines = result.stderr.splitlines()
    equal((result.returncode, lines[0]), (code, f"steward: {error}"))
    if hint is not None:
        equal(lines[1], f"hint: {hint}")


# --- what is read --------------------------------------------------------------------------------


def test_issues_for_a_backfill(exe):
    with Lab(exe, "--issues", 150, "--issues-csv", "issues.csv") as lab:
        result = lab.steward("backfill", "--source", "snowflake", "--json")
        equal((result.returncode, result.stderr), (0, ""))
        spooled = lab.rows(os.path.join("w", "sources", "1.csv"))
        equal([name.lower() for name in spooled[0]], lab.rows("issues.csv")[0])
        equal(spooled[1:], by_id(lab.rows("issues.csv"), 0)[1:])
        planned = json.loads(result.stdout)
        equal(planned["counts"]["planned"] > 75, True)
        equal(planned["changes"][0]["set"].keys(), {"tnt__creator_group"})


def test_contacts_are_those_of_the_csv(exe):
    with Lab(exe) as lab:
        result = lab.steward("merge", "--source", "snowflake", "--csv-out", lab.path("a.csv"))
        equal((result.returncode, result.stderr), (0, ""))
        rows = lab.rows("w/sources/1.csv")
        equal(rows, by_id(lab.rows("contacts.csv"), 0))
        equal(len(rows), CONTACTS + 1)
        equal(os.stat(lab.path("w/sources/1.csv")).st_mode & 0o777, 0o600)
        equal([c["status"] for c in lab.calls("statements.submit")], [202])
        equal([c["status"] for c in lab.calls("statements.get")], [202, 200])
        equal([c["status"] for c in lab.calls("statements.partition")], [200, 200])

        # the decisions are those of the same file given by hand
        shutil.copy(lab.path("w/sources/1.csv"), lab.path("by_hand.csv"))
        result = lab.steward("merge", "--csv", lab.path("by_hand.csv"), "--csv-out", lab.path("b.csv"))
        equal(result.returncode, 0)
        equal(lab.rows("a.csv"), lab.rows("b.csv"))
        shown = [lab.steward("show", str(run), "--json").stdout for run in (1, 2)]
        assert '"state":"planned"' in shown[0].replace(" ", "")
        result = lab.steward("runs", "--json")
        assert "snowflake:contacts" in result.stdout + shown[0] + lab.steward("show", "1").stdout


def test_pivot_is_that_of_the_csv(exe):
    with Lab(exe) as lab:
        result = lab.steward("merge", "--source", "snowflake", "--query", "pivot")
        equal((result.returncode, result.stderr), (0, ""))
        rows = lab.rows("w/sources/1.csv")
        expected = by_id(lab.rows("pivot.csv"), 3)
        for row in expected[1:]:
            row[PIVOT_LABELS] = ["", ""]  # a person's, no query has them
        equal(rows[0], expected[0])
        equal(rows, expected)


def test_a_query_of_ones_own(exe):
    with Lab(exe) as lab:
        with open(lab.path("own.sql"), "w", encoding="utf-8") as file:
            file.write(
                "-- columns in another order, fewer of them\n"
                "select u.EXTERNAL_REF as EXTERNAL_REF, u.ID as REV_USER_ID, u.EMAIL as EMAIL\n"
                "from CRM.DEVREV.REV_USERS u limit 150;\n"
            )
        result = lab.steward("merge", "--source", "snowflake", "--query", lab.path("own.sql"))
        equal((result.returncode, result.stderr), (0, ""))
        expected = [[row[3], row[0], row[2]] for row in by_id(lab.rows("contacts.csv"), 0)]
        equal(lab.rows("w/sources/1.csv"), expected[:151])


def test_devrev_is_scanned(exe):
    with Lab(exe, "--contacts", 60, "--merge-delay", "0") as lab:
        result = lab.steward("merge", "--source", "devrev")
        equal((result.returncode, result.stderr), (0, ""))
        expected = [row[:7] + [""] for row in lab.rows("contacts.csv")]
        expected[0][7] = "TICKET_COUNT"
        equal(sorted(lab.rows("w/sources/1.csv")), sorted(expected))

        # a merged contact does not come again
        result = lab.steward("apply", "1", "--yes", MERGE_SETTLE_SECONDS="1")
        equal(result.returncode, 0)
        merged = sum(c["merged_into"] is not None for c in lab.state()["contacts"])
        assert merged > 0
        result = lab.steward("merge", "--source", "devrev")
        equal((result.returncode, result.stderr), (0, ""))
        equal(len(lab.rows("w/sources/2.csv")), len(expected) - merged)
        result = lab.steward("merge", "--source", "snowflake")
        equal(len(lab.rows("w/sources/3.csv")), len(expected) - merged)


def test_the_scan_keeps_the_rate_limit(exe):
    with Lab(exe, "--limit", "3/2") as lab:
        began = time.monotonic()
        result = lab.steward(
            "merge", "--source", "devrev", RATE_LIMIT_CALLS="3", RATE_LIMIT_PERIOD="2"
        )
        equal((result.returncode, result.stderr), (0, ""))
        calls = lab.calls("rev-users.scan")
        assert len(calls) > 3, "too few pages to say anything"
        equal({call["status"] for call in calls}, {200})
        assert time.monotonic() - began > 2


# --- signing in ----------------------------------------------------------------------------------


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_key(lab, name, *encryption):
    os.makedirs(lab.dir, exist_ok=True)
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
            "-out", lab.path("plain.pem"))
    openssl("pkey", "-in", lab.path("plain.pem"), "-pubout", "-out", lab.path(name + ".pub"))
    openssl("pkcs8", "-topk8", "-in", lab.path("plain.pem"), "-out", lab.path(name), *encryption)


def test_key_pair(exe):
    lab = Lab(exe, "--snowflake-key", "key.p8.pub")
    make_key(lab, "key.p8", "-passout", "pass:opensesame")
    with lab:
        settings = {
            "SNOWFLAKE_PRIVATE_KEY_PATH": lab.path("key.p8"),
            "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "opensesame",
            "SNOWFLAKE_USER": "steward",
            "SNOWFLAKE_ACCOUNT": "sandbox-steward",
        }
        result = lab.steward("merge", "--source", "snowflake", **settings)
        equal((result.returncode, result.stderr), (0, ""))
        equal(lab.rows("w/sources/1.csv"), by_id(lab.rows("contacts.csv"), 0))

        # another user, and a token that ends in the middle of the run
        result = lab.steward("merge", "--source", "snowflake", **dict(settings, SNOWFLAKE_USER="x"))
        ends(result, 1, "could not query Snowflake: the sign-in was refused (401, code 390144)")
        client = lab.client()
        client.post("sandbox/faults", {"faults": ["statements.partition@1=expire"]})
        result = lab.steward("merge", "--source", "snowflake", **settings)
        equal((result.returncode, result.stderr), (0, ""))
        equal([c["status"] for c in lab.calls("statements.partition")][-3:], [401, 200, 200])


def test_a_key_that_is_not_registered(exe):
    lab = Lab(exe, "--snowflake-key", "key.p8.pub")
    make_key(lab, "key.p8", "-nocrypt")
    make_key(lab, "other.p8", "-nocrypt")
    with lab:
        result = lab.steward(
            "merge", "--source", "snowflake", SNOWFLAKE_PRIVATE_KEY_PATH=lab.path("other.p8")
        )
        ends(result, 1, "could not query Snowflake: the sign-in was refused (401, code 390144)")
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-in", lab.path("other.p8.pub"), "-outform", "DER"],
            check=True, capture_output=True,
        ).stdout
        digest = subprocess.run(
            ["openssl", "dgst", "-sha256", "-binary"], input=der, check=True, capture_output=True
        ).stdout
        text = subprocess.run(
            ["openssl", "base64", "-A"], input=digest, check=True, capture_output=True
        ).stdout.decode()
        assert f"SHA256:{text}" in result.stderr, result.stderr
        lab.nothing_planned()


def test_a_password_is_explained(exe):
    with Lab(exe) as lab:
        result = lab.steward("merge", "--source", "snowflake", SNOWFLAKE_PASSWORD="hunter2")
        ends(
            result, 1,
            "could not query Snowflake: the sign-in was refused (401, code 390303)",
            "Snowflake's SQL API takes no passwords. Set SNOWFLAKE_PRIVATE_KEY_PATH, or "
            "SNOWFLAKE_TOKEN to a programmatic access token (ALTER USER ... ADD PROGRAMMATIC ACCESS "
            "TOKEN).",
        )
        assert "hunter2" not in result.stdout + result.stderr
        with open(lab.path("w/logs/steward.log"), encoding="utf-8") as file:
            assert "hunter2" not in file.read()
        lab.nothing_planned()


# --- what goes wrong and passes ------------------------------------------------------------------


def test_passing_faults_change_nothing(exe):
    faults = (
        "statements.submit@1=drop-after", "statements.submit@2=status:503",
        "statements.get@1=status:429:1", "statements.get@2=garbage", "statements.get@3=drop-before",
        "statements.partition@1=truncate", "statements.partition@2=reset-mid",
        "statements.partition@4=status:500", "statements.partition@5=garbage",
    )
    args = [arg for spec in faults for arg in ("--faults", spec)]
    with Lab(exe, *args) as lab:
        result = lab.steward("merge", "--source", "snowflake", MAX_RETRIES="4")
        equal((result.returncode, result.stderr), (0, ""))
        equal(lab.rows("w/sources/1.csv"), by_id(lab.rows("contacts.csv"), 0))
        causes = {call["cause"] for call in lab.lines("requests")} - {None}
        equal(causes, {spec.split("=")[1] for spec in faults})


def test_a_partition_that_fails_for_good(exe):
    for action, error in (
        ("truncate", None),
        ("reset-mid", None),
        ("garbage", "could not query Snowflake: partition 3 of 3: could not read the partition: it is "
                    "not JSON (3 attempts)"),
        ("status:500", "could not query Snowflake: it answered 500, code 000000 (3 attempts)"),
        ("drop-before", None),
    ):
        with Lab(exe, "--faults", f"statements.partition@2-9={action}") as lab:
            result = lab.steward("merge", "--source", "snowflake")
            equal(result.returncode, 1)
            first = result.stderr.splitlines()[0]
            assert first.startswith("steward: could not query Snowflake: "), first
            assert first.endswith("(3 attempts)"), first
            if error is not None:
                equal(first, f"steward: {error}")
            lab.nothing_planned()
            assert "failed" in lab.steward("runs").stdout
            equal(lab.steward("merge", "--source", "snowflake").returncode, 1)


def test_a_scan_that_fails_for_good(exe):
    with Lab(exe, "--faults", "rev-users.scan@3-9=status:500") as lab:
        result = lab.steward("merge", "--source", "devrev")
        equal(result.returncode, 1)
        assert result.stderr.startswith("steward: could not call rev-users.scan: "), result.stderr
        lab.nothing_planned()


def test_a_token_that_ends_in_the_middle(exe):
    with Lab(exe, "--faults", "statements.partition@2=expire") as lab:
        result = lab.steward("merge", "--source", "snowflake")
        ends(result, 1, "could not query Snowflake: the sign-in was refused (401, code 390303)")
        lab.nothing_planned()


# --- what is wrong with query or settings --------------------------------------------------------


def test_settings(exe):
    with Lab(exe) as lab:
        for settings, error in (
            ({"SNOWFLAKE_WAREHOUSE": "SUSPENDED_WH"}, "no warehouse is active (422, code 000606)"),
            ({"SNOWFLAKE_WAREHOUSE": "OTHER"}, "there is no such object, or the role may not use it "
                                               "(422, code 002043)"),
            ({"SNOWFLAKE_DATABASE": "OTHER"}, "there is no such object, or the role may not use it: "
                                              "'REV_USERS' (422, code 002003)"),
            ({"SNOWFLAKE_ROLE": "ADMIN"}, "the role is not granted to the user (400, code 390186)"),
        ):
            ends(lab.steward("merge", "--source", "snowflake", **settings), 1,
                 f"could not query Snowflake: {error}")
        lab.nothing_planned()
        result = lab.steward("merge", "--source", "snowflake", SNOWFLAKE_ROLE="STEWARD_READER")
        equal(result.returncode, 0)


def test_queries_that_cannot_be_used(exe):
    with open(os.path.join(QUERIES, "contacts.sql"), encoding="utf-8") as file:
        shipped = file.read()
    with Lab(exe) as lab:
        for name, text, code, error in (
            ("column", shipped.replace("u.EMAIL AS", "u.EMIAL AS"), 1,
             "could not query Snowflake: there is no such column: 'U.EMIAL' (422, code 000904)"),
            ("table", shipped.replace("FROM REV_USERS", "FROM REV_USER"), 1,
             "could not query Snowflake: there is no such object, or the role may not use it: "
             "'REV_USER' (422, code 002003)"),
            ("syntax", "SELEKT 1", 1,
             "could not query Snowflake: the query has a syntax error (422, code 001003)"),
            ("no rows", shipped + "LIMIT 0\n", 64,
             "could not plan from snowflake: it gave no row"),
            ("missing", shipped.replace("    u.EMAIL AS EMAIL,\n", ""), 64, None),
            ("empty", " \n", 64, f"could not use '{lab.path('q.sql')}': it is empty"),
        ):
            with open(lab.path("q.sql"), "w", encoding="utf-8") as file:
                file.write(text)
            result = lab.steward("merge", "--source", "snowflake", "--query", lab.path("q.sql"))
            equal((name, result.returncode), (name, code))
            if error is not None:
                ends(result, code, error)
            else:
                assert "email" in result.stderr.splitlines()[0].lower(), result.stderr
                os.unlink(next(os.scandir(lab.path("w/sources"))).path)  # kept: it was read whole
            lab.nothing_planned()
        result = lab.steward("merge", "--source", "snowflake", "--query", "nonesuch")
        equal(result.returncode, 64)


def test_flags(exe):
    with Lab(exe) as lab:
        for args, error in (
            (("--source", "snowflake", "--csv", "x.csv"),
             "could not use '--csv' together with '--source snowflake'"),
            (("--csv", "x.csv", "--query", "pivot"),
             "could not use '--query' without '--source snowflake'"),
            (("--source", "devrev", "--query", "pivot"),
             "could not use '--query' without '--source snowflake'"),
        ):
            ends(lab.steward("merge", *args), 2, error)
        equal(lab.lines("requests"), [])
        result = lab.steward("merge", "--source", "snowflake", "--rules", "nonesuch")
        equal(result.returncode, 2)
        equal(lab.lines("requests"), [])


# --- stopping ------------------------------------------------------------------------------------


def test_ctrl_c_cancels_the_statement(exe):
    with Lab(exe, "--faults", "statements.submit@1=never") as lab:
        line, env = lab.command("merge", "--source", "snowflake")
        process = subprocess.Popen(
            line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: len(lab.calls("statements.get")) >= 2)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        equal(process.returncode, 130)
        assert "could not query Snowflake: interrupted" in stderr, stderr
        assert "The statement was cancelled; nothing was planned." in stderr, stderr
        equal([call["status"] for call in lab.calls("statements.cancel")], [200])
        lab.nothing_planned()


def test_a_kill_leaves_nothing_that_is_planned_from(exe):
    with Lab(exe, "--faults", "statements.partition@2=slow:30") as lab:
        line, env = lab.command("merge", "--source", "snowflake")
        process = subprocess.Popen(
            line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: len(lab.calls("statements.partition")) >= 2)
        process.kill()
        process.communicate(timeout=30)
        equal(os.listdir(lab.path("w/sources")), ["1.csv.part"])
        result = lab.steward("merge", "--source", "snowflake")
        equal((result.returncode, result.stderr), (0, ""))
        equal(os.listdir(lab.path("w/sources")), ["2.csv"])


main(
    test_contacts_are_those_of_the_csv,
    test_pivot_is_that_of_the_csv,
    test_issues_for_a_backfill,
    test_a_query_of_ones_own,
    test_devrev_is_scanned,
    test_the_scan_keeps_the_rate_limit,
    test_key_pair,
    test_a_key_that_is_not_registered,
    test_a_password_is_explained,
    test_passing_faults_change_nothing,
    test_a_partition_that_fails_for_good,
    test_a_scan_that_fails_for_good,
    test_a_token_that_ends_in_the_middle,
    test_settings,
    test_queries_that_cannot_be_used,
    test_flags,
    test_ctrl_c_cancels_the_statement,
    test_a_kill_leaves_nothing_that_is_planned_from,
)
