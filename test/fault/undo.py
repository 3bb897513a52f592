#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Undo, judged from outside: the sandbox's state before the merges and after the undo, and its effects.

undo.py [SHARD/SHARDS]

Whole runs and single changes, twice, with edits by people in between, from damaged backups, with lost and
refused calls, with a carried external reference, and killed at every failpoint and resumed. However it
was interrupted, each loser must have come back exactly once, with what it had, and nobody's edit may be
gone.
"""

import collections
import json
import random
import shutil
import sys
import time
import urllib.request

from lab import (KILLED, SANITIZED, Lab, Problem, Tap, leak_problems, seal_problems, shard, show_problems,
                 some_hits, trace)

WRITES = {"rev-users.merge", "rev-users.merge/done", "rev-users.create", "rev-users.update",
          "works.update", "conversations.update"}


def call(lab, name, body):
    """What a person does in DevRev meanwhile."""
    request = urllib.request.Request(
        f"{lab.remote['DEVREV_BASE_URL']}/{name}", data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json",
                 "Authorization": f"Bearer {lab.remote['DEVREV_API_TOKEN']}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.load(answer)


def state(lab):
    world = lab.ask_sandbox("/sandbox/state")
    return {kind: {item["id"]: item for item in world[kind]}
            for kind in ("contacts", "works", "conversations")}


class Case:
    """A merged run 1, the state before it, and what it did."""

    def __init__(self, lab, *merge):
        self.lab = lab
        self.before = state(lab)
        lab.steward("merge", "--csv", lab.csv, *merge, codes=(0,))
        lab.steward("apply", "1", "--yes", codes=(0,))
        self.changes = lab.json("show", "1")["changes"]
        self.survivor = {change["target"]: change["survivor"] for change in self.changes}
        self.merged = state(lab)
        self.edited = set()  # ids that a person has touched since

    def edit(self, name, **body):
        call(self.lab, name, body)
        self.edited.add(body["id"])

    def losers(self):
        return set(self.survivor)

    def of_loser(self, kind, member, loser):
        """Things that the loser had."""
        return [item for item in self.before[kind].values() if loser in item[member]]

    def with_most(self, kind, member):
        return max(self.losers(), key=lambda loser: len(self.of_loser(kind, member, loser)))


def new_contacts(case, now, undone):
    """old id -> new id of those that came back; yields what is wrong into the list."""
    found = {}
    wrong = []
    created = [contact for id, contact in now["contacts"].items() if id not in case.before["contacts"]]
    for old in undone:
        was = case.before["contacts"][old]
        same = [contact for contact in created
                if all(contact.get(name) == was.get(name) for name in ("email", "display_name", "external_ref",
                                                               "account", "custom_fields"))]
        if len(same) != 1:
            wrong.append(f"{was['display_id']} came back {len(same)} times")
        else:
            found[old] = same[0]["id"]
            if same[0]["merged_into"] is not None:
                wrong.append(f"{was['display_id']} came back merged")
    if len(created) != len(undone):
        wrong.append(f"{len(created)} contacts are new, {len(undone)} should be")
    creates = [effect for effect in case.lab.lines(case.lab.effects_file)
               if effect["call"] == "rev-users.create"]
    if len(creates) != len(undone):
        wrong.append(f"rev-users.create was carried out {len(creates)} times for {len(undone)} contacts")
    return found, wrong


def judge(case, undone, undo_run=2, undo_states=("verified",), verify=True):
    lab = case.lab
    now = state(lab)
    new, wrong = new_contacts(case, now, undone)
    yield from wrong

    def holder(person, moved):
        if person in undone:
            return new.get(person)
        return case.survivor.get(person, person) if moved else person

    for kind, members in (("works", (("reported_by", True), ("owned_by", False))),
                          ("conversations", (("members", True), ("owned_by", False)))):
        for id, was in case.before[kind].items():
            for member, moved in members:
                should = {holder(person, moved) for person in was[member]}
                if id not in case.edited and set(now[kind][id][member]) != should:
                    yield f"{was['display_id']}: {member} is {now[kind][id][member]}, not {sorted(map(str, should))}"
    for id, was in case.before["contacts"].items():
        contact = now["contacts"][id]
        into = case.survivor.get(id)
        if contact["merged_into"] != into:
            yield f"{was['display_id']}: merged into {contact['merged_into']}, not {into}"
        if id not in case.edited and any(contact[name] != was[name]
                                         for name in ("email", "display_name", "external_ref")):
            yield f"{was['display_id']} is not what it was"

    first = {}
    for effect in lab.lines(lab.effects_file):
        if effect["call"] not in WRITES:
            yield f"something else was changed: {effect['call']}"
        if effect["call"] == "rev-users.create":
            first[(effect["body"].get("email"), effect["body"].get("display_name"))] = effect["at_ms"]

    shown = lab.json("show", undo_run)
    yield from show_problems(shown)
    for change in shown["changes"]:
        name = f"undo of {change['target'][-6:]} ({change['state']})"
        if change["state"] not in undo_states:
            yield f"{name}: {change['error']}"
        if change["state"] == "verified" and change["target"] in undone:
            was = case.before["contacts"][change["target"]]
            at_ms = first.get((was["email"] or None, was["display_name"]))
            if at_ms is not None:
                yield from (f"{name}: {text}"
                            for text in seal_problems(lab.workspace / change["backup"], at_ms))
    origin = lab.json("show", "1")
    for change in origin["changes"]:
        should = "undone" if change["target"] in undone else "verified"
        if change["state"] != should:
            yield f"the merge of {change['target'][-6:]} is {change['state']}, not {should}"
    whole = undone == case.losers()
    if origin["state"] != ("undone" if whole else "done"):
        yield f"run 1 is {origin['state']}"

    links = {frozenset((link["a"], link["b"])) for link in lab.json("links", "list")["links"]
             if link["kind"] == "cannot"}
    for old in undone:
        for id in (old, new.get(old)):
            if frozenset((id, case.survivor[old])) not in links:
                yield f"no cannot-link keeps {id} and its survivor apart"

    for run in (1, undo_run):
        verified = lab.steward("verify", run)
        if verify and verified.code != 0 and not case.edited:
            yield f"verify {run}: exit status {verified.code}: {(verified.err + verified.out).strip()[-300:]}"
        report = json.loads(lab.steward("report", run, "--json", codes=(0,)).out)
        if not report["changes"]:
            yield f"the report of run {run} is empty"
    audit = lab.steward("audit", "verify")
    if audit.code != 0:
        yield f"audit verify: exit status {audit.code}: {audit.err.strip()[-300:]}"
    yield from leak_problems(lab)


def changed_nothing(case, *arguments, code=0, says=None):
    """Runs steward and yields what is wrong if it was not a no-op."""
    effects = len(case.lab.lines(case.lab.effects_file))
    done = case.lab.steward(*arguments)
    if done.code != code:
        yield f"{' '.join(arguments)}: exit status {done.code}, not {code}: {done.err.strip()[-300:]}"
    if len(case.lab.lines(case.lab.effects_file)) != effects:
        yield f"{' '.join(arguments)} changed something"
    if says is not None and says not in done.out + done.err:
        yield f"{' '.join(arguments)} does not say '{says}': {(done.out + done.err).strip()[-300:]}"


# --- whole and single ------------------------------------------------------------------------


def whole_run():
    with Lab() as lab:
        case = Case(lab)
        yield from changed_nothing(case, "undo", "1", "--preview", says="Next: steward apply 2")
        yield from changed_nothing(case, "undo", "1", code=4, says="`steward apply 3` carries it out")
        first = (lab.workspace / "plans" / "2.plan").read_bytes()
        if first != (lab.workspace / "plans" / "3.plan").read_bytes():
            yield "the same undo planned twice gives two plans"
        lab.steward("apply", "3", "--yes", codes=(0,))
        yield from judge(case, case.losers(), undo_run=3)
        yield from changed_nothing(case, "undo", "1", "--yes", says="Run 1: nothing is left to undo")
        yield from changed_nothing(case, "resume", "3", "--yes")
        yield from changed_nothing(case, "undo", "3", "--yes", code=4,
                                   says="merge-undo cannot be undone")
        # the plan that was left lying is stale now
        yield from changed_nothing(case, "apply", "2", "--yes", code=3)
        skipped = lab.json("show", "2")["changes"]
        if {change["state"] for change in skipped} != {"skipped"} or \
                {change["error"] for change in skipped} != {"the change that it undoes is undone by now"}:
            yield f"a stale undo: {skipped[0]}"


def one_change():
    with Lab() as lab:
        case = Case(lab)
        chosen = case.changes[1]
        yield from changed_nothing(case, "undo", "1", "--only", "12", code=2)
        yield from changed_nothing(case, "undo", "1", "--only", "0123456789", code=2,
                                   says="run 1 has no change whose id begins so")
        lab.steward("undo", "1", "--only", chosen["id"][:12], "--yes", codes=(0,))
        yield from judge(case, {chosen["target"]})
        yield from changed_nothing(case, "undo", "1", "--only", chosen["id"], "--yes",
                                   says="Run 1: nothing is left to undo")
        lab.steward("undo", "1", "--yes", codes=(0,))
        yield from judge(case, case.losers(), undo_run=3)


def planned_only():
    with Lab() as lab:
        lab.plan()
        case = type("", (), {"lab": lab})
        yield from changed_nothing(case, "undo", "1", "--yes", code=4,
                                   says="it is planned, nothing of it was applied")


def plans_keep_them_apart():
    """A new plan from what the remote has now does not merge again what was parted."""
    with Lab() as lab:
        case = Case(lab)
        lab.steward("undo", "1", "--yes", codes=(0,))
        lab.steward("merge", "--source", "devrev", "--csv-out", lab.top / "decisions.csv", codes=(0,))
        decided = dict(line.split(",", 1) for line in
                       (lab.top / "decisions.csv").read_text(encoding="utf-8").splitlines()[1:])
        new, _ = new_contacts(case, state(lab), case.losers())
        for old, id in new.items():
            for contact in (id, case.survivor[old]):
                if not decided[contact].startswith("review,,,") or "cannot-link" not in decided[contact]:
                    yield f"{contact}: {decided[contact]}"


# --- people in between -----------------------------------------------------------------------


def edits_stay():
    with Lab() as lab:
        case = Case(lab)
        loser = case.with_most("works", "reported_by")
        survivor = case.survivor[loser]
        other = next(id for id, contact in case.merged["contacts"].items()
                     if id not in case.survivor and id not in case.survivor.values())
        tickets = case.of_loser("works", "reported_by", loser)
        case.edit("works.update", id=tickets[0]["id"], reported_by={"set": [other]})
        case.edit("works.update", id=tickets[1]["id"], reported_by={"set": [survivor, other]})
        case.edit("rev-users.update", id=survivor, display_name="Renamed By Hand")
        shown = case.before["contacts"][survivor]["display_id"]
        talker = case.with_most("conversations", "members")
        talk = case.of_loser("conversations", "members", talker)[0]
        member = next(id for id in case.merged["conversations"][talk["id"]]["members"]
                      if id != case.survivor[talker])
        case.edit("conversations.update", id=talk["id"], members={"set": [member]})
        done = lab.steward("undo", "1", "--yes", codes=(0,))
        yield from judge(case, case.losers())
        now = state(lab)
        new, _ = new_contacts(case, now, case.losers())
        if now["works"][tickets[0]["id"]]["reported_by"] != [other]:
            yield "a ticket that was given to somebody else was taken back"
        if set(now["works"][tickets[1]["id"]]["reported_by"]) != {new[loser], other}:
            yield f"who was added since is gone: {now['works'][tickets[1]['id']]['reported_by']}"
        if now["conversations"][talk["id"]]["members"] != [member]:
            yield "a conversation that the survivor has left got a member back"
        if now["contacts"][survivor]["display_name"] != "Renamed By Hand":
            yield "the survivor's name was written over"
        said = {change["target"]: change["error"] for change in lab.json("show", "2")["changes"]}
        if not said[loser] or f"{tickets[0]['display_id']} (somebody else's since)" not in said[loser]:
            yield f"the ticket that was left is not named: {said[loser]}"
        if not said[loser] or "keeps what was changed since: display_name" not in said[loser]:
            yield f"the name that was left is not named: {said[loser]}"
        if not said[talker] or f"{talk['display_id']} (somebody else's since)" not in said[talker]:
            yield f"the conversation that was left is not named: {said[talker]}"
        counts = json.loads(lab.steward("report", "2", "--json", codes=(0,)).out)["changes"]
        left = sum(change["detail"]["counts"]["tickets"]["left"] for change in counts)
        if left != 1:
            yield f"{left} tickets count as left"
        if "verified" not in done.out:
            yield "the outcome is not printed"
        verified = lab.steward("verify", "2")
        if verified.code != 0:
            yield f"verify does not know what was left: {verified.out}"


def unmerged_or_moved_on():
    """What does not show the merge any more is not touched."""
    with Lab() as lab:
        case = Case(lab)
        one, two = case.changes[0], case.changes[1]
        # the survivor of one was merged into another contact since
        other = next(id for id, contact in case.merged["contacts"].items()
                     if id not in case.survivor and id not in case.survivor.values())
        call(lab, "rev-users.merge", {"primary_user": other, "secondary_user": one["survivor"]})
        call(lab, "rev-users.delete", {"id": two["survivor"]})
        deadline = 100
        while state(lab)["contacts"][one["survivor"]]["merged_into"] is None and deadline:
            deadline -= 1
        lab.steward("undo", "1", "--yes", codes=(3,))
        said = {change["target"]: (change["state"], change["error"])
                for change in lab.json("show", "2")["changes"]}
        if said[one["target"]][0] != "skipped" or "is itself merged into" not in said[one["target"]][1]:
            yield f"{said[one['target']]}"
        if said[two["target"]][0] != "skipped" or "does not know contact" not in said[two["target"]][1]:
            yield f"{said[two['target']]}"
        creates = [effect for effect in lab.lines(lab.effects_file) if effect["call"] == "rev-users.create"]
        if len(creates) != len(case.changes) - 2:
            yield f"{len(creates)} contacts were created"


# --- backups ---------------------------------------------------------------------------------


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    return f"'{path.name}"


def damaged(damage, says):
    with Lab() as lab:
        case = Case(lab)
        hurt = case.changes[2]
        damage(lab.workspace / hurt["backup"])
        lab.steward("undo", "1", "--yes", codes=(3,))
        yield from judge(case, case.losers() - {hurt["target"]}, undo_states=("verified", "skipped"))
        change = next(change for change in lab.json("show", "2")["changes"]
                      if change["target"] == hurt["target"])
        if change["state"] != "skipped" or says not in change["error"] or \
                "the merge's backup is not what was sealed: " not in change["error"]:
            yield f"{change['state']}: {change['error']}"
        yield from changed_nothing(case, "undo", "1", "--yes", code=3)


DAMAGES = (
    ("one flipped bit", lambda backup: flip(backup / "tickets" / "tickets.json"),
     "'tickets/tickets.json' has changed: another SHA-256"),
    ("a missing file", lambda backup: (backup / "tickets" / "relationships.json").unlink(),
     "'tickets/relationships.json' is missing"),
    ("an extra file", lambda backup: (backup / "metadata" / "more.json").write_text("{}"),
     "'metadata/more.json' is not in 'metadata/verification.json'"),
)


def backup_gone():
    with Lab() as lab:
        case = Case(lab)
        hurt = case.changes[0]
        shutil.rmtree(lab.workspace / hurt["backup"])
        lab.steward("undo", "1", "--yes", codes=(3,))
        yield from judge(case, case.losers() - {hurt["target"]}, undo_states=("verified", "skipped"),
                         verify=False)


# --- a remote that fails ---------------------------------------------------------------------


def faulty(fault):
    with Lab() as lab:
        case = Case(lab)
        if "stale" in fault:
            time.sleep(1.2)  # the merges themselves are to be seen
        lab.set_faults(fault)
        lab.steward("undo", "1", "--yes", codes=(0, 3, 6))
        lab.set_faults()
        for _ in range(3):
            lab.steward("resume", "2", "--yes", codes=(0, 3))
        yield from judge(case, case.losers())


FAULTS = (
    "rev-users.create@1=drop-after", "rev-users.create@2=drop-before", "rev-users.create@1=status:429:1",
    "rev-users.create@1-2=status:500", "rev-users.create@p0.5=drop-after",
    "works.update@p0.4=drop-after", "works.update@p0.4=drop-before", "works.update@1=status:429:1",
    "works.update@p0.4=status:503", "conversations.update@1=drop-after", "rev-users.get@p0.2=status:500",
    "rev-users.list@p0.3=drop-before", "rev-users.create@p0.5=garbage", "*@p0.1=drop-after",
    "*@5-300=stale:1",
)


def never_created():
    """Acknowledged and not done is `unknown`, and is not sent again, by whatever command."""
    with Lab() as lab:
        case = Case(lab)
        lab.set_faults("rev-users.create@1=never")
        lab.steward("undo", "1", "--yes", codes=(3,))
        lab.set_faults()
        states = sorted(change["state"] for change in lab.json("show", "2")["changes"])
        if states != ["unknown"] + ["verified"] * (len(states) - 1):
            yield f"{states}"
        yield from changed_nothing(case, "resume", "2", "--yes", code=3)
        yield from changed_nothing(case, "undo", "1", "--yes", code=4, says="`steward resume 2`")


def one_is_not_settled():
    """The others are undone all the same, and the code says that one is left."""
    with Lab() as lab:
        case = Case(lab)
        stuck = case.changes[0]
        lab.set_faults("rev-users.create@1=never")
        lab.steward("undo", "1", "--only", stuck["id"], "--yes", codes=(3,))
        lab.set_faults()
        rest = lab.steward("undo", "1", "--yes", codes=(3,))
        if "its undo is not settled: resume run 2" not in rest.out or \
                "could not undo 1 changes that are not settled yet" not in rest.err:
            yield f"what is left is not said: {rest.out[-600:]} {rest.err}"
        yield from judge(case, case.losers() - {stuck["target"]}, undo_run=3)


def never_merged():
    """A merge that is `unknown` is undone only where it is seen to have happened."""
    with Lab(faults=["rev-users.merge@1=never"]) as lab:
        lab.plan()
        lab.steward("apply", "1", "--yes", codes=(3,))
        unknown = [change["target"] for change in lab.json("show", "1")["changes"]
                   if change["state"] == "unknown"]
        lab.steward("undo", "1", "--yes", codes=(3,))
        for change in lab.json("show", "2")["changes"]:
            should = "skipped" if change["target"] in unknown else "verified"
            if change["state"] != should or \
                    (should == "skipped" and "does not show as merged into" not in change["error"]):
                yield f"{change['state']}: {change['error']}"
        if len(unknown) != 1 or lab.json("show", "1")["state"] != "done":
            yield f"{len(unknown)} merges are unknown, run 1 is {lab.json('show', '1')['state']}"


class PivotLab(Lab):
    """With the other export, whose groups are larger than pairs."""

    def __init__(self, **settings):
        super().__init__(contacts=48, seed=3, merge_delay=0, WORKERS="1", **settings)
        self.csv = self.top / "pivot.csv"
        self.arguments += ["--pivot-csv", str(self.csv)]


def one_of_a_star():
    """What goes back to one loser is not missed by the other merges into the same survivor."""
    with PivotLab() as lab:
        case = Case(lab, "--rules", "external-contacts")
        stars = collections.defaultdict(list)
        for change in case.changes:
            stars[change["survivor"]].append(change)
        stars = [star for star in stars.values() if len(star) > 1]
        if not stars:
            raise Problem("no survivor has two losers")
        for star in stars:
            for change in star[:1]:
                lab.steward("undo", "1", "--only", change["id"], "--yes", codes=(0,))
        verified = lab.steward("verify", "1")
        if verified.code != 0:
            yield f"verify after one of each star came back: {verified.out}"
        lab.steward("undo", "1", "--yes", codes=(0,))
        now = state(lab)
        new = {}
        for run in lab.json("runs")["runs"][1:]:
            for change in json.loads(lab.steward("report", run["run"], "--json", codes=(0,)).out)["changes"]:
                new[change["target"]] = change["detail"]["created"]
        for kind, members in (("works", ("reported_by", "owned_by")), ("conversations", ("members", "owned_by"))):
            for id, was in case.before[kind].items():
                for member in members:
                    should = {new.get(person, person) for person in was[member]}
                    if set(now[kind][id][member]) != should:
                        yield f"{was['display_id']}: {member} is {now[kind][id][member]}, not {sorted(should)}"


def taken_reference():
    """The loser's reference is another contact's by now: it comes back without, and that is said."""
    with Lab() as lab:
        case = Case(lab)
        loser = case.changes[0]["target"]
        taken = case.before["contacts"][loser]["external_ref"]
        other = next(id for id, contact in case.merged["contacts"].items()
                     if id not in case.survivor and id not in case.survivor.values())
        case.edit("rev-users.update", id=other, external_ref=taken)
        lab.steward("undo", "1", "--yes", codes=(0,))
        said = {change["target"]: change["error"] for change in lab.json("show", "2")["changes"]}
        if not said[loser] or "came back without its external_ref" not in said[loser]:
            yield f"the missing reference is not named: {said[loser]}"
        created = [contact for id, contact in state(lab)["contacts"].items()
                   if id not in case.before["contacts"]]
        if len(created) != len(case.changes):
            yield f"{len(created)} contacts came back"


# --- the carried reference -------------------------------------------------------------------


def reversed_rules(lab):
    """revu-pairs the other way round: the survivor has what DevRev gave it, the loser an own one."""
    source = lab.rules_directory() / "revu-pairs.yaml"
    text = source.read_text(encoding="utf-8")
    text = text.replace("keep: cxp", "keep: generated").replace("merge: generated", "merge: cxp")
    shutil.copytree(source.parent / "lists", lab.top / "lists")
    path = lab.top / "reversed.yaml"
    path.write_text(text, encoding="utf-8")
    return path


class RulesLab(Lab):
    def rules_directory(self):
        from pathlib import Path
        return Path(__file__).resolve().parents[2] / "rules"


def carried_and_given_back(edit):
    with RulesLab(CARRY_EXTERNAL_REF="true") as lab:
        case = Case(lab, "--rules", reversed_rules(lab))
        if lab.steward("show", "1").out.count("    carried over   external_ref") != len(case.changes):
            yield "show does not say what is carried over"
        for change in case.changes:
            was = case.before["contacts"][change["target"]]["external_ref"]
            if case.merged["contacts"][change["survivor"]]["external_ref"] != was:
                yield f"the reference of {change['target'][-6:]} was not carried over"
        verified = lab.steward("verify", "1")
        if verified.code != 0:
            yield f"verify: {verified.out}"
        lab.settings["CARRY_EXTERNAL_REF"] = "false"
        verified = lab.steward("verify", "1")
        if verified.code != 0:
            yield f"verify without the setting: {verified.out}"
        chosen = case.changes[0]
        if edit:
            case.edit("rev-users.update", id=chosen["survivor"], external_ref="user_by_hand")
            verified = lab.steward("verify", "1")
            if verified.code != 5 or "does not have the external reference" not in verified.out:
                yield f"verify does not see the edit: {verified.code} {verified.out}"
        lab.steward("undo", "1", "--yes", codes=(0,))
        yield from judge(case, case.losers())
        if edit and state(lab)["contacts"][chosen["survivor"]]["external_ref"] != "user_by_hand":
            yield "the survivor's new reference was written over"


def not_carried_unless_asked():
    with RulesLab() as lab:
        case = Case(lab, "--rules", reversed_rules(lab))
        for change in case.changes:
            if case.merged["contacts"][change["survivor"]]["external_ref"] != \
                    case.before["contacts"][change["survivor"]]["external_ref"]:
                yield f"{change['survivor'][-6:]} has another reference"
        if any(effect["call"] == "rev-users.update" for effect in lab.lines(lab.effects_file)):
            yield "a contact was updated"


def carrying_refused():
    """The reference is somebody else's already: the merge is done, and that is said."""
    with RulesLab(CARRY_EXTERNAL_REF="true") as lab:
        lab.set_faults("rev-users.update@1=status:409")
        case = Case(lab, "--rules", reversed_rules(lab))
        said = [change["error"] for change in case.changes if change["error"]]
        if len(said) != 1 or "merged, but the external reference was not carried over" not in said[0]:
            yield f"{said}"
        verified = lab.steward("verify", "1")
        if verified.code != 0:
            yield f"verify: {verified.out}"


# --- kills -----------------------------------------------------------------------------------


def failpoint(name, hit):
    return {"STEWARD_FAILPOINTS": f"{name}=kill@{hit}"}


def resume_undo(case, codes, **environment):
    """What the operator is told to do after a kill."""
    lab = case.lab
    runs = lab.json("runs")["runs"]
    if len(runs) < 2 or runs[-1]["state"] == "planning":
        return lab.steward("undo", "1", "--yes", codes=codes, **environment)
    command = "apply" if runs[-1]["state"] == "planned" else "resume"
    return lab.steward(command, "last", "--yes", codes=codes, **environment)


def killed(name, hit, places, seed):
    draw = random.Random(seed)
    carry = seed % 2 == 1
    settings = {"CARRY_EXTERNAL_REF": "true"} if carry else {}
    with RulesLab(contacts=20, seed=1 + seed % 5, **settings) as lab:
        case = Case(lab, *(["--rules", reversed_rules(lab)] if carry else []))
        first = lab.steward("undo", "1", "--yes", codes=(0, KILLED), **failpoint(name, hit))
        if hit == 1 and first.code != KILLED:
            raise Problem("it was not killed there")
        other = draw.choice(sorted(places))
        resume_undo(case, (0, KILLED), **failpoint(other, draw.randint(1, max(1, places[other] // 2))))
        resume_undo(case, (0, KILLED), **failpoint(name, 1))
        resume_undo(case, (0,))
        last = lab.json("runs")["runs"][-1]["run"]
        yield from judge(case, case.losers(), undo_run=last)


def killed_while_carrying(name, hit):
    with RulesLab(contacts=20, CARRY_EXTERNAL_REF="true") as lab:
        before = state(lab)
        lab.steward("merge", "--csv", lab.csv, "--rules", reversed_rules(lab), codes=(0,))
        lab.steward("apply", "1", "--yes", codes=(0, KILLED), **failpoint(name, hit))
        lab.steward("resume", "1", "--yes", codes=(0,))
        now = state(lab)
        for change in lab.json("show", "1")["changes"]:
            if now["contacts"][change["survivor"]]["external_ref"] != \
                    before["contacts"][change["target"]]["external_ref"]:
                yield f"the reference of {change['target'][-6:]} was not carried over"
        verified = lab.steward("verify", "1")
        if verified.code != 0:
            yield f"verify: {verified.out}"


def main():
    with RulesLab(contacts=20, CARRY_EXTERNAL_REF="true") as lab:
        case = Case(lab, "--rules", reversed_rules(lab))
        places = trace(lab, "undo", "1", "--yes")
        assert case.changes
    cases = [
        ("a whole run, twice", whole_run),
        ("one change, then the rest", one_change),
        ("a run that was never applied", planned_only),
        ("the next plan keeps them apart", plans_keep_them_apart),
        ("edits by people stay", edits_stay),
        ("what has moved on is not touched", unmerged_or_moved_on),
        ("a backup that is gone", backup_gone),
        ("acknowledged, never created", never_created),
        ("an undo that is not settled, and the rest", one_is_not_settled),
        ("a merge that has not happened", never_merged),
        ("one of a star, then the rest", one_of_a_star),
        ("a reference that was taken since", taken_reference),
        ("a carried reference is given back", lambda: carried_and_given_back(False)),
        ("a carried reference that was edited since stays", lambda: carried_and_given_back(True)),
        ("nothing is carried unless asked for", not_carried_unless_asked),
        ("carrying is refused", carrying_refused),
    ]
    cases += [(f"a backup with {name}", lambda d=damage, s=says: damaged(d, s))
              for name, damage, says in DAMAGES]
    cases += [(f"undo with {fault}", lambda f=fault: faulty(f)) for fault in FAULTS]
    cases += [(f"merge killed at {name}@{hit}", lambda n=name, h=hit: killed_while_carrying(n, h))
              for name in ("apply.before_finish", "apply.after_finish", "apply.before_outcome")
              for hit in (1, 3)]
    for name, count in sorted(places.items()):
        for hit in some_hits(count, 17, few=True):
            seed = len(cases)
            cases.append((f"undo killed at {name}@{hit}",
                          lambda n=name, h=hit, s=seed: killed(n, h, places, s)))
    tap = Tap()
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    cases = [(name, function) for name, function in cases if wanted in name]
    if SANITIZED:
        cases = cases[::3]
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


main()
