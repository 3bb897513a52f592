#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Merges: acknowledged at once, done later, what moves, jobs, errors."""

import time

from harness import Sandbox, equal, main, pages, pair, wait_for


def body_of(box):
    survivor, loser = pair(box)
    return {"primary_user": survivor, "secondary_user": loser}


def find(items, ident):
    return next(item for item in items if item["id"] == ident)


def done(box, loser):
    return find(box.state()["contacts"], loser)["merged_into"]


def test_asynchronous(exe):
    with Sandbox(exe, "--merge-delay", "400", "--effects", "e") as box:
        client = box.client()
        body = body_of(box)
        loser = body["secondary_user"]
        old = client.post("rev-users.get", {"id": loser}).json["rev_user"]
        begin = time.monotonic()
        answer = client.post("rev-users.merge", body)
        equal((answer.status, answer.json), (200, {}))
        states = []
        while time.monotonic() - begin < 0.9:
            job = client.post("jobs.list", {"category": ["merge_revuser"]}).json["jobs"][0]
            user = client.post("rev-users.get", {"id": loser}).json["rev_user"]
            merged = "primary_identity" in user
            effects = [line["call"] for line in box.lines("e")]
            # what a read shows was written before
            assert not merged or "rev-users.merge/done" in effects
            if not states or states[-1] != job["state"]:
                states.append(job["state"])
            time.sleep(0.005)
        equal(states, ["queued", "started", "in_progress", "completed"])
        user = client.post("rev-users.get", {"id": loser}).json["rev_user"]
        equal(user["primary_identity"]["id"], body["primary_user"])
        equal(user["primary_identity"]["type"], "rev_user")
        equal(user["state"], "deactivated")
        for key in ("display_name", "email", "external_ref", "created_date", "rev_org"):
            equal(user.get(key), old.get(key))
        metadata = {entry["key"]: (entry["type"], entry["value"]) for entry in job["metadata_list"]}
        equal(metadata, {key: ("don", value) for key, value in body.items()})
        equal(client.post("jobs.get", {"id": job["id"]}).json["job"], job)
        equal(client.post("jobs.list", {"state": ["queued", "failed"]}).json["jobs"], [])
        equal(client.post("jobs.list", {"category": ["merge_account"]}).json["jobs"], [])
        effects = box.lines("e")
        equal([line["body"] for line in effects], [body, body])
        assert 400 <= effects[1]["at_ms"] - effects[0]["at_ms"] < 800


def test_what_moves(exe):
    for moves in (None, "all", "reported", "conversations"):
        args = ["--merge-delay", "0"] + (["--merge-moves", moves] if moves else [])
        with Sandbox(exe, *args) as box:
            client = box.client()
            for _ in range(12):
                body = body_of(box)
                winner, loser = body["primary_user"], body["secondary_user"]
                old = box.state()
                equal(client.post("rev-users.merge", body).status, 200)
                new = box.state()

                def expected(users, when):
                    if not when or loser not in users:
                        return users
                    moved = [winner if user == loser else user for user in users]
                    return list(dict.fromkeys(moved))

                every = moves == "all"
                reported = every or moves in (None, "reported")
                member = every or moves in (None, "conversations")
                for before, after in zip(old["works"], new["works"]):
                    equal(after["reported_by"], expected(before["reported_by"], reported))
                    equal(after["owned_by"], expected(before["owned_by"], every))
                    equal([after["created_by"]], expected([before["created_by"]], every))
                for before, after in zip(old["conversations"], new["conversations"]):
                    equal(after["members"], expected(before["members"], member))
                    equal([after["created_by"]], expected([before["created_by"]], every))
                listed = pages(client, "works.list", {"reported_by": [winner]}, "works")
                equal(
                    {work["id"] for page in listed for work in page},
                    {work["id"] for work in new["works"] if winner in work["reported_by"]},
                )
                listed = pages(client, "conversations.list", {"members": [winner]}, "conversations")
                equal(
                    {talk["id"] for page in listed for talk in page},
                    {talk["id"] for talk in new["conversations"] if winner in talk["members"]},
                )


def test_errors(exe):
    with Sandbox(exe, "--merge-delay", "300", "--effects", "e") as box:
        client = box.client()
        body = body_of(box)
        winner, loser = body["primary_user"], body["secondary_user"]
        other = next(c["id"] for c in box.state()["contacts"] if c["id"] not in (winner, loser))

        def refused(primary, secondary, status, kind, reason=None):
            answer = client.post(
                "rev-users.merge", {"primary_user": primary, "secondary_user": secondary}
            )
            equal((answer.status, answer.json["type"]), (status, kind))
            equal(answer.json.get("reason"), reason)

        refused(winner, winner, 400, "value_not_permitted", "a user cannot be merged into itself")
        refused(winner, "REVU-999999", 404, "not_found")
        refused("REVU-999999", loser, 404, "not_found")
        refused(winner, "DEVU-1", 400, "unexpected_id_type")
        refused(winner, "TKT-1", 400, "unexpected_id_type")
        equal(client.post("rev-users.merge", body).status, 200)
        refused(winner, loser, 400, "value_not_permitted", "a merge of the user is under way")
        refused(loser, other, 400, "value_not_permitted", "a merge of the user is under way")
        wait_for(lambda: done(box, loser))
        gone = "the user was merged into another one"
        refused(winner, loser, 400, "value_not_permitted", gone)
        refused(loser, winner, 400, "value_not_permitted", gone)
        update = client.post("rev-users.update", {"id": loser, "email": "x@example.com"})
        equal((update.status, update.json["reason"]), (400, gone))
        # still listed, still readable; its reference is free for the survivor
        state = find(box.state()["contacts"], loser)
        equal(state["merged_into"], winner)
        listed = client.post("rev-users.list", {"email": [state["email"]]}).json["rev_users"]
        equal({user["id"] for user in listed}, {winner, loser})
        carried = client.post(
            "rev-users.update", {"id": winner, "external_ref": state["external_ref"]}
        )
        equal(carried.json["rev_user"]["external_ref"], state["external_ref"])
        # a chain: the survivor goes on into a third one, and so does what it had taken over
        equal(client.post("rev-users.merge", {"primary_user": other, "secondary_user": winner}).status, 200)
        wait_for(lambda: done(box, winner))
        equal(done(box, loser), winner)
        works = client.post("works.list", {"reported_by": [winner]}).json["works"]
        equal(works, [])
        equal([line["call"] for line in box.lines("e")], [
            "rev-users.merge", "rev-users.merge/done", "rev-users.update",
            "rev-users.merge", "rev-users.merge/done"])


def test_old_comments_keep_their_author(exe):
    with Sandbox(exe, "--merge-delay", "0") as box:
        client = box.client()
        body = body_of(box)
        loser = body["secondary_user"]
        works = client.post("works.list", {"reported_by": [loser]}).json["works"]
        objects = [work["id"] for work in works] + [loser]

        def timelines():
            return [
                [entry["id"] for page in found for entry in page]
                for found in (
                    pages(client, "timeline-entries.list", {"object": obj}, "timeline_entries")
                    for obj in objects
                )
            ]

        before = timelines()
        equal(client.post("rev-users.merge", body).status, 200)
        equal(timelines(), before)


main(test_asynchronous, test_what_moves, test_errors, test_old_comments_keep_their_author)
