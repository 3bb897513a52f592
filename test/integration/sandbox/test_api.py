#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Routes, token, schema errors, GET and POST forms, paging, writes."""

import json
import urllib.request

from harness import Sandbox, equal, main, pages


def test_routes(exe):
    with Sandbox(exe, "--contacts", 8) as box:
        client = box.client()
        for method, path in (
            ("GET", "/rev-users/get"),
            ("POST", "/nope"),
            ("GET", "/"),
        ):
            answer = client.request(method, path)
            equal((answer.status, answer.json), (404, {"message": "route not found"}))
        for method, path, allow in (
            ("GET", "/rev-users.merge", "POST"),
            ("PUT", "/rev-users.get", "GET, POST"),
        ):
            answer = client.request(method, path)
            equal((answer.status, answer.json), (405, {"message": "method not allowed"}))
            equal(answer.headers["Allow"], allow)
        equal(client.request("GET", "/sandbox/nope").status, 404)


def test_token(exe):
    with Sandbox(exe, "--contacts", 8) as box:
        client = box.client()
        for header in (None, "", "Bearer", "Bearer x", f"Basic {box.token}", f"Bearer {box.token}x"):
            answer = client.request("GET", "/ping", headers={"Authorization": header})
            equal(answer.status, 401)
            equal(answer.json["type"], "unauthenticated")
        for header in (f"Bearer {box.token}", f"bearer {box.token}", box.token):
            equal(client.request("GET", "/ping", headers={"Authorization": header}).status, 200)
        for path in ("/sandbox/state", "/sandbox/calls"):
            equal(client.request("GET", path, headers={"Authorization": None}).status, 200)


BROKEN = (
    ("rev-users.get", {}, {"type": "missing_required_field", "field_name": "id"}),
    (
        "rev-users.get",
        {"id": 5},
        {
            "type": "unexpected_json_type",
            "field_name": "id",
            "expected": "string",
            "actual": "number",
        },
    ),
    ("rev-users.merge", {"primary_user": "REVU-1025"}, {"field_name": "secondary_user"}),
    ("rev-users.list", {"email": "a@example.com"}, {"expected": "array", "actual": "string"}),
    ("rev-users.list", {"email": [None]}, {"expected": "string", "actual": "null"}),
    ("rev-users.list", {"limit": "5"}, {"expected": "number"}),
    ("rev-users.list", {"limit": 1.5}, {"expected": "number"}),
    ("rev-users.list", {"limit": 1 << 40}, {"type": "value_not_permitted"}),
    ("rev-users.list", {"is_verified": "yes"}, {"expected": "bool"}),
    ("rev-users.list", {"sort_by": ["-created_date"]}, {"type": "invalid_field"}),
    ("rev-users.list", {"created_date": {"after": "yesterday"}}, {"type": "invalid_field"}),
    ("rev-users.list", {"cursor": "abc"}, {"type": "invalid_field", "field_name": "cursor"}),
    (
        "works.list",
        {"type": ["bug"]},
        {
            "type": "invalid_enum_value",
            "field_name": "type",
            "value": "bug",
            "allowed_values": ["issue", "opportunity", "task", "ticket"],
        },
    ),
    ("works.list", {"created_date": {"after": "2024-01-01T00:00:00Z"}}, {"field_name": "created_date.type"}),
    ("works.list", {"created_date": {"type": "preset"}}, {"field_name": "created_date.preset_type"}),
    (
        "works.list",
        {"created_date": {"type": "preset", "preset_type": "last_n_days", "days": -1}},
        {"type": "value_not_permitted", "field_name": "created_date.days"},
    ),
    ("works.list", {"issue": {"priority": ["p9"]}}, {"field_name": "issue.priority"}),
    ("works.update", {"id": "TKT-1", "title": ""}, {"type": "value_not_permitted"}),
    ("works.update", {"id": "TKT-1", "title": "x" * 257}, {"type": "value_not_permitted"}),
    ("works.update", {"id": "TKT-1", "owned_by": {"set": []}}, {"field_name": "owned_by"}),
    ("works.update", {"id": "TKT-1", "artifacts": {"add": ["ARTIFACT-1"] * 51}}, {}),
    ("timeline-entries.list", {"object": "TKT-1", "visibility": ["secret"]}, {}),
    ("jobs.list", {"category": ["nope"]}, {"type": "invalid_enum_value"}),
    ("dev-users.self", {"x": 1}, {"type": "invalid_field", "field_name": "x"}),
    ("groups.members.list", {"group": "GROUP-99"}, {"type": "invalid_id"}),
)


def test_broken_requests(exe):
    with Sandbox(exe, "--contacts", 40, "--effects", "e") as box:
        client = box.client()
        for call, body, expected in BROKEN:
            answer = client.post(call, body)
            assert answer.status == 400, (call, body, answer.status, answer.body)
            got = answer.json
            assert isinstance(got["message"], str) and "type" in got
            equal({key: got.get(key) for key in expected}, expected)
        for raw in (b"", b"{", b"not json", b'{"id":"a\xff"}', b"[1"):
            answer = client.post("rev-users.get", raw)
            equal((raw, answer.status, answer.json["type"]), (raw, 400, "parse_error"))
        for raw in (b"[]", b"5", b"null"):
            equal(client.post("rev-users.get", raw).json["type"], "unexpected_json_type")
        plain = client.post("ping", {}, headers={"Content-Type": "text/plain"})
        equal((plain.status, plain.json["type"]), (400, "invalid_content_type"))
        large = box.client().post("rev-users.update", b" " * (2 << 20))
        equal((large.status, large.json["type"]), (413, "request_entity_too_large"))
        equal(box.lines("e"), [])
        last = client.get("sandbox/calls", {}).json["calls"][-1]
        equal((last["call"], last["status"]), ("rev-users.update", 413))


def test_get_is_post(exe):
    with Sandbox(exe, "--contacts", 60) as box:
        client = box.client()
        contact = next(c for c in box.state()["contacts"] if "+" in c["email"] or c["email"])
        for call, query, body in (
            ("rev-users.get", {"id": contact["id"]}, {"id": contact["id"]}),
            ("rev-users.list", {"email": contact["email"]}, {"email": [contact["email"]]}),
            ("rev-users.list", {"limit": 3, "mode": "after"}, {"limit": 3, "mode": "after"}),
            ("rev-users.list", {"is_verified": "true"}, {"is_verified": True}),
            (
                "rev-users.list",
                {"created_date.after": "2024-06-01T00:00:00Z"},
                {"created_date": {"after": "2024-06-01T00:00:00Z"}},
            ),
            ("works.list", {"type": "ticket,issue"}, {"type": ["ticket", "issue"]}),
            ("works.list", {"stage.name": "queued"}, {"stage": {"name": ["queued"]}}),
            ("works.list", {"issue.priority": "p1,p2"}, {"issue": {"priority": ["p1", "p2"]}}),
            ("works.count", {"type": "ticket"}, {"type": ["ticket"]}),
            ("timeline-entries.list", {"object": "CONV-1"}, {"object": "CONV-1"}),
            ("dev-users.self", {}, {}),
            ("auth-tokens.info", {}, {}),
            ("tags.list", {"name": "vip"}, {"name": ["vip"]}),
        ):
            by_get = client.get(call, query)
            by_post = client.post(call, body)
            equal((call, by_get.status), (call, 200))
            equal(by_get.body, by_post.body)
        one = client.request("GET", "/rev-users.list?email=a%2Cb@example.com")
        equal(one.json["rev_users"], [])
        equal(client.get("rev-users.get", {}).status, 400)
        equal(client.get("rev-users.get", {"id": ""}).status, 404)
        for query in ("email=&sort_by=&custom_fields=", "custom_fields=%7B%7D", "limit=-5"):
            answer = client.request("GET", f"/rev-users.list?{query}")
            equal((query, len(answer.json["rev_users"])), (query, 50))
        gold = client.request("GET", "/rev-users.list?custom_fields=tnt__tier,gold").json["rev_users"]
        by_post = client.post("rev-users.list", {"custom_fields": {"tnt__tier": "gold"}}).json
        equal(gold, by_post["rev_users"])
        assert gold and all(user["custom_fields"]["tnt__tier"] == "gold" for user in gold)
        recent = {"type": "preset", "preset_type": "last_n_days", "days": 20000}
        some = client.post("works.list", {"created_date": recent}).json["works"]
        equal(some, client.post("works.list", {}).json["works"])
        coming = dict(recent, preset_type="next_n_days")
        equal(client.post("works.count", {"created_date": coming}).json["count"], 0)
        equal(client.get("rev-users.list", {"limit": "many"}).status, 400)
        equal(client.get("works.list", {"type": "bug"}).status, 400)


def test_display_ids(exe):
    with Sandbox(exe, "--contacts", 40) as box:
        client = box.client()
        for contact in box.state()["contacts"][:5]:
            by_display = client.post("rev-users.get", {"id": contact["display_id"]})
            equal(by_display.json["rev_user"]["id"], contact["id"])
            for who in (contact["display_id"], contact["id"]):
                listed = client.post("rev-users.list", {"external_ref": [contact["external_ref"]]})
                equal([u["id"] for u in listed.json["rev_users"]], [contact["id"]])
                both = client.post("works.list", {"reported_by": [who]}).body
                equal(both, client.post("works.list", {"reported_by": [contact["id"]]}).body)


def test_unknown_objects(exe):
    with Sandbox(exe, "--contacts", 8) as box:
        client = box.client()
        for call, body in (
            ("rev-users.get", {"id": "REVU-999999"}),
            ("rev-users.update", {"id": "REVU-999999"}),
            ("works.get", {"id": "TKT-999999"}),
            ("conversations.get", {"id": "CONV-999999"}),
            ("timeline-entries.list", {"object": "TKT-999999"}),
            ("timeline-entries.get", {"id": "don:x:comment/1"}),
            ("artifacts.get", {"id": "ARTIFACT-999999"}),
            ("jobs.get", {"id": "JOB-1"}),
            ("groups.get", {"id": "GROUP-99"}),
            ("accounts.get", {"id": "ACC-999"}),
        ):
            answer = client.post(call, body)
            equal((call, answer.status, answer.json["type"]), (call, 404, "not_found"))
        wrong = client.post("rev-users.get", {"id": "DEVU-1"})
        equal((wrong.status, wrong.json["type"]), (400, "unexpected_id_type"))
        equal(wrong.json["allowed_types"], ["rev_user"])


def test_paging(exe):
    with Sandbox(exe, "--contacts", 230, "--issues", 130) as box:
        client = box.client()
        ids = [contact["id"] for contact in box.state()["contacts"]]
        default = pages(client, "rev-users.list", {}, "rev_users")
        equal([len(page) for page in default], [50, 50, 50, 50, 30])
        equal([user["id"] for page in default for user in page], ids)
        large = pages(client, "rev-users.list", {"limit": 1000}, "rev_users")
        equal([len(page) for page in large], [100, 100, 30])
        scanned = pages(client, "rev-users.scan", {}, "rev_users")
        equal([user["id"] for page in scanned for user in page], ids)
        works = pages(client, "works.list", {"limit": 7}, "works")
        total = client.post("works.count", {}).json
        equal(total, {"count": sum(map(len, works)), "has_more": False})
        first = client.post("rev-users.list", {"limit": 10}).json
        assert "prev_cursor" not in first
        second = client.post("rev-users.list", {"limit": 10, "cursor": first["next_cursor"]}).json
        back = client.post(
            "rev-users.list", {"limit": 10, "mode": "before", "cursor": second["prev_cursor"]}
        ).json
        equal(back["rev_users"], first["rev_users"])
        last = client.post("rev-users.list", {"limit": 10, "mode": "before"}).json
        equal([user["id"] for user in last["rev_users"]], ids[-10:])
        exported = client.post("works.export", {"first": 60, "type": ["ticket"]}).json["works"]
        equal(len(exported), 60)
        newest = client.post("works.list", {"sort_by": ["created_date:desc"], "limit": 100}).json
        dates = [work["created_date"] for work in newest["works"]]
        equal(dates, sorted(dates, reverse=True))
        by_date = pages(client, "works.list", {"sort_by": ["created_date:asc"]}, "works")
        equal(
            sorted(work["id"] for page in by_date for work in page),
            sorted(work["id"] for page in works for work in page),
        )


def test_empty_and_short_pages_of_timelines(exe):
    with Sandbox(exe, "--contacts", 300) as box:
        client = box.client()
        empty = short = several = events = 0
        for work in box.state()["works"][:300]:
            found = pages(client, "timeline-entries.list", {"object": work["id"]}, "timeline_entries")
            entries = [entry for page in found for entry in page]
            equal(len({entry["id"] for entry in entries}), len(entries))
            events += sum(entry["type"] == "timeline_change_event" for entry in entries)
            empty += any(page == [] and page is not found[-1] for page in found)
            short += len(found) > 1 and found[0] != [] and len(found[0]) < 50
            several += len(entries) > 50
            small = pages(
                client, "timeline-entries.list", {"object": work["id"], "limit": 2}, "timeline_entries"
            )
            equal([entry for page in small for entry in page], entries)
            for entry in entries[:3]:
                one = client.post("timeline-entries.get", {"id": entry["id"]}).json
                equal(one["timeline_entry"], entry)
        assert empty > 10 and short > 10 and several > 0 and events > 0, (empty, short, several)


def test_artifacts(exe):
    with Sandbox(exe, "--contacts", 200) as box:
        client = box.client()
        sizes = set()
        for number in range(1, 60):
            name = f"ARTIFACT-{number}"
            artifact = client.post("artifacts.get", {"id": name}).json["artifact"]
            place = client.post("artifacts.locate", {"id": name}).json
            assert place["url"].startswith(f"{box.base}/sandbox/artifacts/"), place
            data = urllib.request.urlopen(place["url"]).read()
            equal(len(data), artifact["file"]["size"])
            equal(data, urllib.request.urlopen(place["url"]).read())
            sizes.add(len(data))
        assert 0 in sizes and len(sizes) > 30
        forged = place["url"][:-1] + ("0" if place["url"][-1] != "0" else "1")
        equal(client.request("GET", forged[len(box.base) :]).status, 403)
        attached = 0
        for work in box.state()["works"][:100]:
            for page in pages(
                client, "timeline-entries.list", {"object": work["id"]}, "timeline_entries"
            ):
                for entry in page:
                    for artifact in entry.get("artifacts", []):
                        attached += 1
                        known = client.post("artifacts.get", {"id": artifact["id"]}).json
                        equal(known["artifact"]["file"], artifact["file"])
        assert attached > 0


def test_contact_writes(exe):
    with Sandbox(exe, "--contacts", 40, "--effects", "e") as box:
        client = box.client()
        first, second = box.state()["contacts"][:2]
        body = {
            "id": first["id"],
            "display_name": "New \u00e9",
            "email": "new@example.com",
            "custom_fields": {"tnt__tier": "bronze"},
            "custom_schema_spec": {"tenant_fragment": True},
            "phone_numbers": ["+12025550000"],
            "unknown_field": 5,
        }
        user = client.post("rev-users.update", body).json["rev_user"]
        equal((user["display_name"], user["email"]), ("New \u00e9", "new@example.com"))
        equal(user["custom_fields"]["tnt__tier"], "bronze")
        equal(user["external_ref"], first["external_ref"])
        equal(user["modified_by"]["display_id"], "DEVU-1")
        equal(client.post("rev-users.get", {"id": first["id"]}).json["rev_user"], user)
        found = client.post("rev-users.list", {"email": ["new@example.com"]}).json["rev_users"]
        equal(found, [user])
        clash = client.post(
            "rev-users.update", {"id": first["id"], "external_ref": second["external_ref"]}
        )
        equal((clash.status, clash.json["type"]), (409, "conflict"))
        made = client.post("rev-users.create", {"display_name": "N", "email": "n@example.com"})
        equal(made.status, 201)
        new = made.json["rev_user"]
        equal(new["external_ref"], new["display_id"])
        clash = client.post("rev-users.create", {"external_ref": first["external_ref"]})
        equal((clash.status, clash.json["type"]), (409, "conflict"))
        owned = client.post("rev-users.create", {"rev_org": "REV-3", "external_ref": "x"})
        equal(owned.json["rev_user"]["rev_org"]["display_id"], "REV-3")
        joined = client.post(
            "rev-users.associations.list", {"rev_user_id": owned.json["rev_user"]["id"]}
        )
        equal(joined.json["associations"][0]["associated_to"]["display_id"], "ACC-3")
        equal(client.post("rev-users.create", {"rev_org": "REV-999"}).status, 400)
        equal(client.post("rev-users.delete", {"id": new["id"]}).json, {})
        equal(client.post("rev-users.get", {"id": new["id"]}).status, 404)
        equal(client.post("rev-users.delete", {"id": new["id"]}).status, 404)
        for fields, spec, subtype in (
            ({"tnt__nope": 1}, {"tenant_fragment": True}, "field_not_in_schema"),
            ({"tnt__tier": "gold"}, {}, "field_not_in_schema"),
            ({"tnt__tier": "iron"}, {"tenant_fragment": True}, "enum_out_of_range"),
            ({"tnt__seats": "5"}, {"tenant_fragment": True}, "wrong_type"),
        ):
            answer = client.post(
                "rev-users.update",
                {"id": first["id"], "custom_fields": fields, "custom_schema_spec": spec},
            )
            equal(answer.status, 400)
            equal(answer.json["type"], "customization_validation_error")
            equal(answer.json["subtype"], subtype)
        gone = {"email": second["email"]}
        equal(client.post("rev-users.personal-data", gone).status, 202)
        equal(client.post("rev-users.delete-personal-data", gone).status, 202)
        equal(client.post("rev-users.get", {"id": second["id"]}).status, 404)
        equal(client.post("rev-users.delete-personal-data", gone).status, 404)
        calls = [line["call"] for line in box.lines("e")]
        equal(
            calls,
            ["rev-users.update", "rev-users.create", "rev-users.create", "rev-users.delete",
             "rev-users.delete-personal-data"],
        )
        equal(box.lines("e")[0]["body"], body)


def test_work_writes(exe):
    with Sandbox(exe, "--contacts", 40, "--issues", 20, "--effects", "e") as box:
        client = box.client()
        state = box.state()
        contact = state["contacts"][0]["id"]
        issue = next(w["id"] for w in reversed(state["works"]) if not w["custom_fields"])
        spec = {"tenant_fragment": True}
        group = client.post("groups.list", {}).json["groups"][0]["id"]
        answer = client.post(
            "works.update",
            {
                "id": issue,
                "type": "issue",
                "custom_fields": {"tnt__creator_group": group},
                "custom_schema_spec": spec,
            },
        )
        equal(answer.json["work"]["custom_fields"], {"tnt__creator_group": group})
        after = {work["id"]: work for work in box.state()["works"]}
        equal(after[issue]["custom_fields"], {"tnt__creator_group": group})
        matched = client.post("works.list", {"custom_fields": {"tnt__creator_group": group}}).json
        assert issue in [work["id"] for work in matched["works"]]
        cleared = client.post(
            "works.update",
            {"id": issue, "custom_fields": {"tnt__creator_group": None}, "custom_schema_spec": spec},
        )
        equal(cleared.json["work"]["custom_fields"], {})
        for value, subtype in (("x", "id_parse_error"), (contact, "id_type_not_allowed"), (5, "wrong_type")):
            answer = client.post(
                "works.update",
                {"id": issue, "custom_fields": {"tnt__creator_group": value}, "custom_schema_spec": spec},
            )
            equal(answer.json["subtype"], subtype)
        equal(client.post("works.update", {"id": issue, "type": "ticket"}).status, 400)
        moved = client.post("works.update", {"id": issue, "reported_by": {"set": [contact]}})
        equal([user["id"] for user in moved.json["work"]["reported_by"]], [contact])
        listed = client.post("works.list", {"reported_by": [contact], "limit": 100}).json["works"]
        assert issue in [work["id"] for work in listed]
        equal(client.post("works.update", {"id": issue, "owned_by": {"set": ["X-1"]}}).status, 400)
        talk = client.post(
            "conversations.update", {"id": "CONV-1", "title": "T", "members": {"set": [contact]}}
        )
        equal([user["id"] for user in talk.json["conversation"]["members"]], [contact])
        listed = client.post("conversations.list", {"members": [contact]}).json["conversations"]
        assert talk.json["conversation"]["id"] in [c["id"] for c in listed]
        equal(len(box.lines("e")), 4)


def test_schemas(exe):
    with Sandbox(exe, "--contacts", 4) as box:
        client = box.client()
        listed = client.post("schemas.custom.list", {"leaf_type": ["issue"], "types": ["tenant_fragment"]})
        fields = {field["name"]: field for field in listed.json["result"][0]["fields"]}
        equal(fields["tnt__creator_group"]["field_type"], "id")
        equal(fields["tnt__creator_group"]["id_type"], ["group"])
        whole = client.post("schemas.aggregated.get", {"leaf_type": "issue"}).json["schema"]
        equal(whole["custom_fields"], listed.json["result"][0]["fields"])
        equal(client.post("schemas.aggregated.get", {"leaf_type": "nope"}).status, 404)


def test_calls_and_requests(exe):
    with Sandbox(exe, "--contacts", 8, "--requests", "r", "--effects", "e") as box:
        client = box.client()
        client.post("ping", {})
        client.post("ping", {})
        client.post("rev-users.get", {"id": "x"})
        client.post("rev-users.update", {"id": "REVU-1025", "email": "q@example.com"})
        client.get("nope", {})
        rows = client.get("sandbox/calls", {}).json["calls"]
        totals = {}
        for row in rows:
            equal(row["remote"], "devrev")
            key = (row["call"], row["status"], row["cause"])
            totals[key] = totals.get(key, 0) + row["count"]
        equal(
            totals,
            {
                ("ping", 200, None): 2,
                ("rev-users.get", 404, None): 1,
                ("rev-users.update", 200, None): 1,
                ("nope", 404, None): 1,
            },
        )
        lines = box.lines("r")
        equal([line["seq"] for line in lines], [1, 2, 3, 4, 5])
        equal(lines[3]["body"], {"id": "REVU-1025", "email": "q@example.com"})
        equal([line["effect"] for line in lines], [None, None, None, 1, None])
        assert "body" not in lines[0]
        effect = box.lines("e")[0]
        equal({key: effect[key] for key in ("seq", "remote", "call", "fault", "answered")}, {
            "seq": 1, "remote": "devrev", "call": "rev-users.update", "fault": None, "answered": True})
        assert json.dumps(effect["body"])


main(
    test_routes,
    test_token,
    test_broken_requests,
    test_get_is_post,
    test_display_ids,
    test_unknown_objects,
    test_paging,
    test_empty_and_short_pages_of_timelines,
    test_artifacts,
    test_contact_writes,
    test_work_writes,
    test_schemas,
    test_calls_and_requests,
)
