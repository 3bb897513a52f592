#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sandbox against DevRev's published OpenAPI document, with openapi-core.

STEWARD_SPECS names the directory of the documents (default: ../shared/specs beside the repository).
Checked for every call that is served: a good request conforms, by POST and by GET, and so does its
answer; every property of the published request schema, nested ones too, is known with its type, its
values and its lengths: a request that breaks it gets 400 with a published error body, one that keeps
it does not.

The document contradicts itself in one way, repaired here: variants that a discriminator chooses are
declared `additionalProperties: false` although the discriminator itself is such a property.
"""

import json
import os
import sys
import urllib.parse
from pathlib import Path

from harness import Sandbox, equal, main

SPECS = Path(os.environ.get("STEWARD_SPECS") or Path(__file__).resolve().parents[4] / "shared/specs")
DOCUMENT = SPECS / "devrev" / "openapi-beta-2026-01.yaml"

if not DOCUMENT.exists():
    print(f"1..0 # SKIP optional: no {DOCUMENT.name} in STEWARD_SPECS ({SPECS})")
    sys.exit(0)

import yaml  # noqa: E402  not needed to say that the documents are missing
from openapi_core import Config, OpenAPI  # noqa: E402
from openapi_core.testing import MockRequest, MockResponse  # noqa: E402

SERVED = """
accounts.get accounts.list artifacts.get artifacts.list artifacts.locate auth-tokens.info
conversations.get conversations.list conversations.update dev-orgs.get dev-users.list dev-users.self
engagements.list groups.get groups.list groups.members.list jobs.get jobs.list links.list
meetings.list ping rev-orgs.get rev-users.associations.list rev-users.create rev-users.delete
rev-users.delete-personal-data rev-users.get rev-users.list rev-users.merge rev-users.personal-data
rev-users.scan rev-users.update schemas.aggregated.get schemas.custom.list surveys.responses.list tags.list
timeline-entries.get timeline-entries.list works.count works.export works.get works.list works.update
""".split()

WRITES = {
    "conversations.update", "rev-users.create", "rev-users.delete", "rev-users.merge",
    "rev-users.delete-personal-data", "rev-users.personal-data", "rev-users.update", "works.update",
}


def load():
    with open(DOCUMENT, encoding="utf-8") as file:
        document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    document["servers"] = [{"url": "http://localhost"}]
    schemas = document["components"]["schemas"]

    def open_variants(node):
        if isinstance(node, dict):
            if "discriminator" in node:
                for reference in node["discriminator"].get("mapping", {}).values():
                    schemas[reference.rsplit("/", 1)[1]].pop("additionalProperties", None)
            for value in node.values():
                open_variants(value)
        elif isinstance(node, list):
            for value in node:
                open_variants(value)

    open_variants(schemas)
    return document


SPEC = load()
API = OpenAPI.from_dict(SPEC, config=Config(spec_validator_cls=None))


def mock_post(call, body):
    return MockRequest(
        "http://localhost", "post", f"/{call}",
        data=json.dumps(body).encode(), content_type="application/json",
        headers={"Authorization": "Bearer x"},
    )


def conforms(request, answer):
    """The answer is one that the document allows for the request."""
    kind = answer.headers["Content-Type"]
    try:
        API.validate_response(request, MockResponse(answer.body, answer.status, content_type=kind))
    except Exception as why:
        raise AssertionError(f"{answer.status} {answer.body[:600]!r}: {why} {why.__cause__}") from why


def good_requests(box):
    """For each call requests that succeed."""
    client = box.client()
    state = box.state()
    contacts = [contact["id"] for contact in state["contacts"]]
    works = [work["id"] for work in state["works"]]
    address = next(c["email"] for c in state["contacts"][40:-5] if c["email"])
    kept = [c["id"] for c in state["contacts"] if c["email"] != address] # the others are deleted below
    issue = next(work["id"] for work in state["works"] if work["type"] == "issue")
    talk = state["conversations"][0]["id"]
    group = client.post("groups.list", {}).json["groups"][0]["id"]
    client.post("rev-users.merge", {"primary_user": contacts[-1], "secondary_user": contacts[-2]})
    job = client.post("jobs.list", {}).json["jobs"][0]["id"]
    entries = []
    for work in works:
        answer = client.post("timeline-entries.list", {"object": work, "limit": 100}).json
        entries += answer["timeline_entries"]
    event = next(e["id"] for e in entries if e["type"] == "timeline_change_event")
    comment = next(e["id"] for e in entries if e.get("artifacts"))
    tenant = {"tenant_fragment": True}
    return {
        "accounts.get": [{"id": "ACC-1"}],
        "accounts.list": [{}, {"limit": 2}],
        "artifacts.get": [{"id": "ARTIFACT-1"}],
        "artifacts.list": [{"parent_id": work} for work in works[:60]],
        "artifacts.locate": [{"id": "ARTIFACT-1"}],
        "auth-tokens.info": [{}],
        "conversations.get": [{"id": talk}],
        "conversations.list": [{}, {"members": contacts[:3], "limit": 1}],
        "conversations.update": [
            {"id": talk, "title": "T", "members": {"set": contacts[:2]}, "group": group}
        ],
        "dev-orgs.get": [{}],
        "dev-users.list": [{"limit": 3}],
        "dev-users.self": [{}],
        "engagements.list": [{"members": contacts[:1]}],
        "groups.get": [{"id": group}],
        "groups.list": [{}],
        "groups.members.list": [{"group": group}],
        "jobs.get": [{"id": job}],
        "jobs.list": [{"category": ["merge_revuser"], "state": ["completed"]}],
        "links.list": [{"object": work} for work in works[:80]] + [{"object": talk}],
        "meetings.list": [{"members": contacts[:1]}],
        "ping": [{}],
        "rev-orgs.get": [{"id": "REV-1"}, {"account": "ACC-2"}],
        "rev-users.associations.list": [{"rev_user_id": contact} for contact in contacts[:5]],
        "rev-users.create": [{"display_name": "D", "email": "d@example.com", "rev_org": "REV-2"}],
        "rev-users.delete": [{"id": contacts[-3]}],
        "rev-users.personal-data": [{"email": address}],
        "rev-users.delete-personal-data": [{"email": address}],
        "surveys.responses.list": [{"recipient": contacts[:1]}],
        "rev-users.get": [{"id": contact} for contact in kept[:30] + kept[-1:]],
        "rev-users.list": [{"limit": 100}, {"email": ["nobody@example.com"]}],
        "rev-users.merge": [{"primary_user": contacts[0], "secondary_user": contacts[1]}],
        "rev-users.scan": [{}],
        "rev-users.update": [
            {
                "id": contacts[2], "display_name": "N", "phone_numbers": ["+12025550000"],
                "external_refs": ["a", "b"], "tags": [{"id": "TAG-1", "value": "v"}],
                "artifacts": {"set": ["ARTIFACT-1"]},
                "custom_fields": {"tnt__tier": "gold"}, "custom_schema_spec": tenant,
            }
        ],
        "schemas.aggregated.get": [{"leaf_type": leaf} for leaf in ("issue", "ticket", "rev_user")],
        "schemas.custom.list": [{}, {"leaf_type": ["issue"], "types": ["tenant_fragment"]}],
        "tags.list": [{}],
        "timeline-entries.get": [{"id": event}, {"id": comment}],
        "timeline-entries.list": [{"object": ident} for ident in works[:60] + [talk, contacts[0]]],
        "works.count": [{"type": ["ticket"]}],
        "works.export": [{"first": 100}],
        "works.get": [{"id": work} for work in works[:60]],
        "works.list": [{"limit": 100}, {"reported_by": contacts[:4], "limit": 3}],
        "works.update": [
            {
                "id": issue, "type": "issue", "title": "T", "priority": "p1",
                "custom_fields": {"tnt__creator_group": group}, "custom_schema_spec": tenant,
                "tags": {"set": [{"id": "TAG-1"}]}, "target_close_date": "2026-05-01T00:00:00Z",
            }
        ],
    }


def flat(body, prefix=""):
    """A body as query parameters, None where it cannot be one."""
    query = {}
    for name, value in body.items():
        if isinstance(value, dict):
            query.update(flat(value, f"{prefix}{name}."))
        elif isinstance(value, list):
            query[prefix + name] = ",".join(value)
        else:
            query[prefix + name] = str(value)
    return query


def test_good_requests(exe):
    with Sandbox(exe, "--contacts", 120, "--issues", 30, "--merge-delay", "0") as box:
        client = box.client()
        wanted = good_requests(box)
        equal(sorted(wanted), sorted(SERVED))
        for call, bodies in wanted.items():
            for body in bodies:
                request = mock_post(call, body)
                API.validate_request(request)
                answer = client.post(call, body)
                assert answer.status in (200, 201, 202), (call, body, answer.body)
                conforms(request, answer)
            if call in WRITES:
                continue
            query = flat(bodies[-1])
            request = MockRequest(
                "http://localhost", "get", f"/{call}", args=query,
                headers={"Authorization": "Bearer x"},
            )
            API.validate_request(request)
            answer = client.request("GET", f"/{call}?{urllib.parse.urlencode(query)}")
            equal((call, answer.status), (call, 200))
            conforms(request, answer)


def test_errors_conform(exe):
    args = ["--contacts", 40]
    for status in (403, 429, 500, 503):
        args += ["--faults", f"dev-users.self@{len(args) // 2}=status:{status}"]
    with Sandbox(exe, *args) as box:
        client = box.client()
        for status in (403, 429, 500, 503):
            answer = client.post("dev-users.self", {})
            equal(answer.status, status)
            conforms(mock_post("dev-users.self", {}), answer)
        answer = client.post("ping", {}, headers={"Authorization": "Bearer x"})
        equal(answer.status, 401)
        conforms(mock_post("ping", {}), answer)
        for call, body, status in (
            ("rev-users.get", {"id": "REVU-1"}, 404),
            ("rev-users.get", {"id": "TKT-1"}, 400),
            ("rev-users.merge", {"primary_user": "REVU-1025", "secondary_user": "REVU-1025"}, 400),
            ("rev-users.update", {"id": "REVU-1025", "custom_fields": {"tnt__x": 1}}, 400),
        ):
            answer = client.post(call, body)
            equal((call, answer.status), (call, status))
            conforms(mock_post(call, body), answer)
        taken = client.post("rev-users.get", {"id": "REVU-1026"}).json["rev_user"]["external_ref"]
        body = {"id": "REVU-1025", "external_ref": taken}
        answer = client.post("rev-users.update", body)
        equal(answer.status, 409)
        conforms(mock_post("rev-users.update", body), answer)
        answer = box.client().post("ping", b" " * (2 << 20))
        equal(answer.status, 413)
        conforms(mock_post("ping", {}), answer)


# --- every property of every request schema ---------------------------------------------------------


def resolve(schema):
    while "$ref" in schema:
        schema = SPEC["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def sample(schema):
    """A value that keeps the schema."""
    schema = resolve(schema)
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "string":
        text = {"date-time": "2025-01-02T03:04:05Z", "sort-by": "created_date:asc"}
        value = text.get(schema.get("format"), "TKT-1" if schema.get("format") == "id" else "x")
        return value
    if kind == "integer":
        return 1
    if kind == "number":
        return 1.5
    if kind == "boolean":
        return False
    if kind == "array":
        return [sample(schema["items"])]
    if kind == "object":
        value = {name: sample(schema["properties"][name]) for name in schema.get("required", [])}
        if "discriminator" in schema:
            name = schema["discriminator"]["propertyName"]
            chosen = schema["properties"][name]
            value[name] = resolve(chosen)["enum"][-1]
            variant = resolve({"$ref": schema["discriminator"]["mapping"][value[name]]})
            value.update(sample(variant) if variant.get("type") == "object" else {})
        return value
    return "x"


def breakages(schema):
    """(value, why) that break the schema."""
    schema = resolve(schema)
    kind = schema.get("type")
    wrong = {"string": [5, [], {}], "integer": ["1", 1.5, True], "number": ["1", True],
             "boolean": ["true", 1], "array": [{}, "x", 5], "object": [[], "x", 5]}
    result = [(value, f"{value!r} for {kind}") for value in wrong.get(kind, [])]
    if not schema.get("nullable") and kind:
        result.append((None, f"null for {kind}"))
    if "enum" in schema:
        result.append(("no-such-value", "not in the enum"))
    if schema.get("minLength") and kind == "string":
        result.append(("", "too short"))
    if schema.get("maxLength") and kind == "string":
        result.append(("x" * (schema["maxLength"] + 1), "too long"))
    if kind == "array":
        result += [([value], f"item: {why}") for value, why in breakages(schema["items"])[:4]]
        if "maxItems" in schema:
            result.append(([sample(schema["items"])] * (schema["maxItems"] + 1), "too many"))
    if kind == "string" and schema.get("format") == "date-time":
        result.append(("not a date", "not a date"))
    if kind == "object":
        for name, inner in schema.get("properties", {}).items():
            if "discriminator" in schema and name != schema["discriminator"]["propertyName"]:
                continue
            base = sample(schema)
            result += [({**base, name: v}, f"{name}: {why}") for v, why in breakages(inner)[:4]]
        for name in schema.get("required", []):
            base = sample(schema)
            base.pop(name)
            result.append((base, f"without {name}"))
    return result


SCHEMA_ERRORS = {"missing_required_field", "unexpected_json_type", "invalid_enum_value", "parse_error"}


def test_every_property(exe):
    tried = 0
    with Sandbox(exe, "--contacts", 12, "--issues", 4) as box:
        client = box.client()
        for call in SERVED:
            operation = SPEC["paths"][f"/{call}"]["post"]
            schema = resolve(operation["requestBody"]["content"]["application/json"]["schema"])
            base = {name: sample(schema["properties"][name]) for name in schema.get("required", [])}
            properties = dict(schema.get("properties", {}))
            for variant in schema.get("oneOf", []):
                properties.update(resolve(variant).get("properties", {}))
            for name in schema.get("required", []):
                body = {key: value for key, value in base.items() if key != name}
                answer = client.post(call, body)
                equal((call, name, answer.status), (call, name, 400))
                equal((call, answer.json["type"]), (call, "missing_required_field"))
                equal(answer.json["field_name"], name)
            for name, inner in properties.items():
                for value, why in breakages(inner):
                    answer = client.post(call, {**base, name: value})
                    assert answer.status == 400, (call, name, why, answer.status, answer.body[:200])
                    conforms(mock_post(call, {}), answer)
                    tried += 1
                answer = client.post(call, {**base, name: sample(inner)})
                if answer.status == 400:
                    assert answer.json["type"] not in SCHEMA_ERRORS, (call, name, answer.body)
                tried += 1
    assert tried > 2000, tried


main(test_good_requests, test_errors_conform, test_every_property)
