#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The data: the same seed gives the same bytes, pairs, CSVs, --load."""

import collections
import csv
import os
import subprocess
import tempfile

from harness import Sandbox, equal, main, pages

CSVS = ["--contacts-csv", "c.csv", "--pivot-csv", "p.csv", "--issues-csv", "i.csv"]
CONTACT_HEADER = (
    "REV_USER_ID,DISPLAY_NAME,EMAIL,EXTERNAL_REF,FULL_NAME,CREATED_AT,UPDATED_AT,TICKET_COUNT"
)
PIVOT_HEADER = (
    "Email,External Ref,Modified By Name,User ID,Type,Display ID,Devrev Account ID,"
    "Devrev Account Name,Updated At,CXP User id,Updated by BI service,,Linked to acc,Tickets,"
    "Action,Strategy"
)
ISSUE_HEADER = "issue_id,creator_user_id,assigned_group,creator_group"


def everything(exe, *args):
    with Sandbox(exe, *CSVS, *args) as box:
        client = box.client()
        parts = [client.get("sandbox/state", {}).body]
        parts += [open(box.path(name), "rb").read() for name in ("c.csv", "p.csv", "i.csv")]
        for kind in ("TKT", "CONV"):
            for number in range(1, 40):
                answer = client.post("timeline-entries.list", {"object": f"{kind}-{number}"})
                parts.append(answer.body)
        return parts, box.token


def test_same_seed_same_bytes(exe):
    first, first_token = everything(exe, "--seed", 7, "--contacts", 200, "--issues", 40)
    second, second_token = everything(exe, "--seed", 7, "--contacts", 200, "--issues", 40)
    assert first == second
    equal(first_token, second_token)
    other, _ = everything(exe, "--seed", 8, "--contacts", 200, "--issues", 40)
    assert all(a != b for a, b in zip(first[:4], other[:4]))


def shape(ref):
    for start in ("REVU-", "user_"):
        if ref.startswith(start):
            return start
    return "other"


def test_contacts_hold_pairs_and_more(exe):
    for count in (2, 5, 40, 1000):
        with Sandbox(exe, "--contacts", count, "--issues", 0, *CSVS) as box:
            rows = list(csv.DictReader(open(box.path("c.csv"), encoding="utf-8", newline="")))
            equal(len(rows), count)
            groups = {}
            for row in rows:
                groups.setdefault(row["EMAIL"], []).append(shape(row["EXTERNAL_REF"]))
            pairs = sum(sorted(group) == ["REVU-", "user_"] for group in groups.values())
            assert pairs >= count // 4, (count, pairs)
            if count == 1000:
                assert any(len(group) > 2 for mail, group in groups.items() if mail)
                assert "" in groups
                assert any("+" in mail for mail in groups)
                assert any('"' in mail for mail in groups)
                assert any(not mail.isascii() for mail in groups)
                assert any(not row["DISPLAY_NAME"].isascii() for row in rows)
                assert any(mail != mail.lower() for mail in groups)
                assert any(int(row["TICKET_COUNT"]) > 50 for row in rows)
                pivot = list(csv.DictReader(open(box.path("p.csv"), encoding="utf-8", newline="")))
                refs = [(row["Devrev Account ID"], row["External Ref"]) for row in pivot]
                equal(len(set(refs)), len(refs))
                labels = {(row["Action"], row["Strategy"]) for row in pivot}
                equal(labels, {("", ""), *((action, number) for action in ("Main", "Merge") for number in "12345")})


def test_csvs_agree_with_the_api(exe):
    with Sandbox(exe, "--contacts", 120, "--issues", 40, *CSVS) as box:
        client = box.client()
        text = open(box.path("c.csv"), encoding="utf-8", newline="").read()
        equal(text.splitlines()[0], CONTACT_HEADER)
        for row in list(csv.DictReader(text.splitlines()))[:30]:
            user = client.post("rev-users.get", {"id": row["REV_USER_ID"]}).json["rev_user"]
            equal(user.get("email", ""), row["EMAIL"])
            equal(user["external_ref"], row["EXTERNAL_REF"])
            equal(user["display_name"], row["DISPLAY_NAME"])
            equal(user["modified_date"], row["UPDATED_AT"])
            works = pages(client, "works.list", {"reported_by": [row["REV_USER_ID"]]}, "works")
            equal(sum(map(len, works)), int(row["TICKET_COUNT"]))
        pivot = open(box.path("p.csv"), encoding="utf-8", newline="").read().splitlines()
        equal(pivot[0], PIVOT_HEADER)
        equal(len(pivot), 121)
        labels = {row["Action"] for row in csv.DictReader(pivot)}
        equal(labels, {"Main", "Merge", ""})
        issues = open(box.path("i.csv"), encoding="utf-8", newline="").read().splitlines()
        equal(issues[0], ISSUE_HEADER)
        rows = list(csv.DictReader(issues))
        gone = 0
        kinds = collections.Counter()
        member_of = collections.defaultdict(set)
        for group in client.post("groups.list", {}).json["groups"]:
            for member in client.post("groups.members.list", {"group": group["id"]}).json["members"]:
                member_of[member["member"]["id"]].add(group["id"])
        for row in rows:
            answer = client.post("works.get", {"id": row["issue_id"]})
            if answer.status == 404:
                gone += 1
                continue
            work = answer.json["work"]
            groups = member_of[row["creator_user_id"]]
            equal(work["created_by"]["id"], row["creator_user_id"])
            equal(work["custom_fields"].get("tnt__creator_group", ""), row["creator_group"])
            if row["assigned_group"]:
                assert row["assigned_group"] in groups
                kinds["empty" if not row["creator_group"] else
                      "filled" if row["creator_group"] == row["assigned_group"] else "differently"] += 1
            else:
                kinds["no group" if not groups else "several groups"] += 1
                assert len(groups) != 1
        equal((len(rows) - gone, gone), (40, 3))
        equal(kinds, {"empty": 23, "filled": 10, "differently": 2, "no group": 3, "several groups": 2})


def test_contacts_have_something_to_lose(exe):
    with Sandbox(exe, "--contacts", 400) as box:
        client = box.client()
        state = box.state()
        assert any(len(work["reported_by"]) == 1 for work in state["works"])
        contacts = {contact["id"] for contact in state["contacts"]}
        assert any(work["created_by"] in contacts for work in state["works"])
        assert any(set(work["owned_by"]) & contacts for work in state["works"])
        assert any(len(set(c["members"]) & contacts) > 1 for c in state["conversations"])
        links = artifacts = 0
        for work in state["works"][:200]:
            links += len(client.post("links.list", {"object": work["id"]}).json["links"])
            listed = client.post("artifacts.list", {"parent_id": work["id"]}).json
            artifacts += len(listed["artifacts"])
        assert links > 0 and artifacts > 0
        mine = [client.post("timeline-entries.list", {"object": c}).json for c in contacts]
        assert any(page["timeline_entries"] for page in mine)


def test_load(exe):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "in.csv")
        rows = [
            ["u1", "Ann", "ann@example.com", "REVU-5", "Ann, B", "2024-01-01", "2024-01-02", "3"],
            ["REVU-77", "Ann", "ann@example.com", "user_1", "Ann", "2024-01-01", "2024-01-02", "0"],
            ["don:identity:dvrv-us-1:devo/x:revu/9", "C", "", "crm-1", "", "2024-01-01", "", ""],
        ]
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([CONTACT_HEADER.split(","), *rows])
        with Sandbox(exe, "--load", f"contacts={path}", "--contacts-csv", "c.csv") as box:
            state = box.state()
            equal([c["id"] for c in state["contacts"]], [row[0] for row in rows])
            equal(
                [c["display_id"] for c in state["contacts"]][1:], ["REVU-77", "REVU-9"]
            )
            got = list(csv.reader(open(box.path("c.csv"), encoding="utf-8", newline="")))[1:]
            equal([row[:5] for row in got], [row[:5] for row in rows])
            equal([row[7] for row in got], ["3", "0", "0"])
            user = box.post("rev-users.get", {"id": "u1"}).json["rev_user"]
            equal(user["external_ref"], "REVU-5")
            equal(user["created_date"], "2024-01-01T00:00:00.000Z")
        for text, why in (
            ("", "it is empty"),
            ("a,b\n", "REV_USER_ID"),
        ):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            run = subprocess.run(
                [exe, "--load", f"contacts={path}"], capture_output=True, text=True, check=False
            )
            equal(run.returncode, 64)
            assert run.stderr.startswith("steward-sandbox: could not"), run.stderr
            assert why in run.stderr, run.stderr


def test_load_leaves_out_what_is_no_contact(exe):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "in.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                "REV_USER_ID,EMAIL,EXTERNAL_REF\n"
                "u1,a@example.com,x1\n"
                ",b@example.com,x2\n"
                "u1,c@example.com,x3\n"
                'u2,d"d@example.com,x4\n'
                "u3\n"
            )
        with Sandbox(exe, "--load", f"contacts={path}") as box:
            equal([c["id"] for c in box.state()["contacts"]], ["u1", "u3"])
            user = box.post("rev-users.get", {"id": "u1"}).json["rev_user"]
            equal(user["email"], "a@example.com")
            box.stop()
        run = subprocess.Popen(
            [exe, "--load", f"contacts={path}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while run.stdout.readline() != "READY\n":
            pass
        run.terminate()
        equal(
            run.communicate()[1].replace(path, "F").splitlines(),
            [
                "steward-sandbox: line 3 of 'F' is left out: no id",
                "steward-sandbox: line 4 of 'F' is left out: an earlier row has its id",
                "steward-sandbox: line 5 of 'F' is left out: a quote inside a field that is not quoted",
            ],
        )


def test_usage(exe):
    for args, message in (
        (["--limit", "5"], "could not read --limit '5': not CALLS/SECONDS"),
        (["--faults", "x"], "could not read the fault 'x': not CALL@WHICH=ACTION"),
        (["--nope"], "could not read the command line: unknown option '--nope'"),
        (["extra"], "could not read the command line: what is 'extra'"),
        (["--leads", "5"], "could not read --leads '5': not a number from 0 to 0"),
    ):
        run = subprocess.run([exe, *args], capture_output=True, text=True, check=False)
        equal((run.returncode, run.stderr), (2, f"steward-sandbox: {message}\n"))
    run = subprocess.run([exe, "--help"], capture_output=True, text=True, check=False)
    equal(run.returncode, 0)
    assert all(len(line) <= 80 for line in run.stdout.splitlines())


def test_ends_on_signals(exe):
    import signal

    for number in (signal.SIGTERM, signal.SIGINT):
        with Sandbox(exe, "--contacts", 4, "--env-file", "env") as box:
            lines = open(box.path("env"), encoding="utf-8").read().splitlines()
            equal(lines[:2], [f"DEVREV_BASE_URL={box.base}", f"DEVREV_API_TOKEN={box.token}"])
            equal(box.stop(number), 0)


main(
    test_same_seed_same_bytes,
    test_contacts_hold_pairs_and_more,
    test_csvs_agree_with_the_api,
    test_contacts_have_something_to_lose,
    test_load,
    test_load_leaves_out_what_is_no_contact,
    test_usage,
    test_ends_on_signals,
)
