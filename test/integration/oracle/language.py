# SPDX-License-Identifier: MIT
"""Decides contacts by any rule set, slowly: the language of docs/rules.md, read as it stands.

A rule set is what its YAML file holds: dictionaries, lists, texts, numbers, True for yes. Lists hold
their words.
"""
from external import age, groups_by, instant, last_survivor, merge, read_contacts
from oracle import email_form, fold, ticket_count, trim, without_point_zero

FORMS = {
    "trim": trim,
    "fold": fold,
    "email": email_form,
    "code": lambda text: without_point_zero(trim(text)),
    "count": ticket_count,
    "time": instant,
}


class Contact:
    """One row: its values under the names of columns and values, and which of them counted."""

    def __init__(self, rules, row, width, places):
        self.id, self.content, self.values, self.facts, self.keys = "", None, {}, {}, {}
        self.into, self.lost_by, self.won_by, self.fallen = None, "", [], ""
        self.bad = True
        if row.problem is not None or len(row.fields) != width:
            return
        try:
            cells = [field.decode("utf-8") for field in row.fields]
        except UnicodeDecodeError:
            return
        raw = {c["name"]: trim(cells[places[c["name"]]]) if c["name"] in places else "" for c in rules["columns"]}
        self.content = tuple(raw[c["name"]] for c in rules["columns"] if c.get("decides", True))
        for column in rules["columns"]:
            name = column["name"]
            value = FORMS[column["form"]](raw[name])
            if "empty" in column and fold(value) in words(rules, column["empty"]):
                value = ""
            self.values[name] = (name, value)
            if column.get("identity"):
                self.id = value
        for value in rules.get("values", []):
            self.values[value["name"]] = next((self.values[c] for c in value["first"] if self.text(c)), ("", ""))
        for fact in rules.get("facts", []):
            self.facts[fact["name"]] = self.test(rules, fact)
        for key in rules["keys"]:
            self.keys[key["name"]] = self.key(key)
        self.bad = self.id == "" or any(v is None for (c, v) in self.values.values() if form(rules, c) == "count")

    def text(self, name):
        return self.values[name][1]

    def part(self, name, part):
        """What a test or a key takes of a value."""
        text = self.text(name)
        if part is None or text == "":
            return text
        local, domain = text.split("@")
        return domain if part == "domain" else fold(local.split("+")[0])

    def test(self, rules, fact):
        how = all if "all" in fact else any
        return how(self.holds(rules, test) for test in fact["all" if "all" in fact else "any"])

    def holds(self, rules, test):
        return self.bare(rules, test) != test.get("not", False)

    def bare(self, rules, test):
        if "fact" in test:
            return self.facts[test["fact"]]
        text = self.part(test["column"], test.get("part"))
        if "prefix" in test:
            return text.startswith(like(rules, test["column"], test["prefix"]))
        if "equals" in test:
            return text == like(rules, test["column"], test["equals"])
        if "empty" in test:
            return (text == "") == test["empty"]
        if "in" in test:
            return text != "" and text in words(rules, test["in"])
        if "under" in test:
            labels = text.split(".")
            return any(".".join(labels[i:]) in words(rules, test["under"]) for i in range(len(labels)))
        return text != "" and text == self.text(test["same-as"])

    def key(self, key):
        if "only" in key and not self.facts[key["only"]]:
            return ""
        values = [(self.values[c][0], self.part(c, key.get("part"))) for c in key["columns"]]
        return tuple(values) if all(text != "" for _, text in values) else ""


def words(rules, name):
    return next(entry["folded"] for entry in rules["lists"] if entry["name"] == name)


def form(rules, column):
    return next((c["form"] for c in rules["columns"] if c["name"] == column), "")


def like(rules, column, text):
    """A rule's own text in the form of the column that it is compared with."""
    return fold(text) if form(rules, column) == "fold" else text


# --- groups ---------------------------------------------------------------------------------------


def condition_holds(condition, group):
    if "same" in condition:
        asked = [c for c in group if not ("except" in condition and c.facts[condition["except"]])]
        values = {c.values[condition["same"]] for c in asked}
        return len(values) <= 1 and "" not in {text for _, text in values}
    count = sum("fact" not in condition or c.facts[condition["fact"]] for c in group)
    if "exactly" in condition:
        return count == condition["exactly"]
    if "at-least" in condition:
        return count >= condition["at-least"]
    if "at-most" in condition:
        return count <= condition["at-most"]
    return count == len(group)


def choose(steps, group):
    """The survivor, or None where a date that decides cannot be read."""
    left = group
    for step in steps:
        if len(left) == 1:
            break
        if "prefer" in step:
            left = [c for c in left if c.facts[step["prefer"]]] or left
        elif "most" in step or "latest" in step:
            values = [c.text(step.get("most") or step["latest"]) for c in left]
            if None in values:
                return None
            left = [c for c, value in zip(left, values) if value == max(values)]
        else:
            left = [min(left, key=lambda c: age(c.text(step["oldest"]), c.id))]
    return left[0]


def decide_group(strategy, group):
    """(survivor, losers), or None where the strategy leaves the group alone."""
    for case in strategy.get("cases", [strategy]):
        if not all(condition_holds(condition, group) for condition in case.get("when", [])):
            continue
        if "keep" in case:
            survivor = next(c for c in group if c.facts[case["keep"]])
        else:
            survivor = choose(case["choose"], group)
        losers = [c for c in group if c is not survivor and ("merge" not in case or c.facts[case["merge"]])]
        return (survivor, losers) if survivor is not None and losers else None
    return None


def star_falls_by(rules, star):
    for guard in rules.get("guards", []):
        asked = [c for c in star if ("where" not in guard or c.facts[guard["where"]])
                 and c.lost_by not in guard.get("except-merged-by", [])]
        if len({c.values[guard["differ"]] for c in asked if c.text(guard["differ"])}) > 1:
            return guard["word"]
    return "too-large" if len(star) > rules.get("limits", {}).get("max-cluster", 25) else ""


# --- the whole file -------------------------------------------------------------------------------


def decide(data, rules):
    """(user_id, action, strategy, survivor_id, {first words that the reason may have}), one for each row."""
    columns = {c["name"]: ([c["name"], *(h.lower() for h in c.get("headers", []))], c.get("required", False))
               for c in rules["columns"]}
    for entry in rules.get("lists", []):
        entry["folded"] = {fold(word) for word in entry["words"]}
    contacts = read_contacts(data, columns, lambda *row: Contact(rules, *row))
    members = list(dict.fromkeys(contacts))
    keys = {key["name"]: key for key in rules["keys"]}
    for strategy in rules["strategies"]:
        name = strategy["key"]
        there = [c for c in members if c.into is None and not blocked(keys[name], c)]
        for group in groups_by(there, lambda c: c.keys.get(name, "")).values():
            if len(group) > 1 and not any(c.bad for c in group):
                decision = decide_group(strategy, group)
                if decision is not None:
                    merge(*decision, strategy["name"])
    for star in groups_by(members, lambda c: last_survivor(c)[0]).values():
        for contact in star:
            contact.fallen = star_falls_by(rules, star) if len(star) > 1 else ""
    shared = {name: groups_by(members, lambda c: c.keys.get(name, "")) for name in keys}
    return [outcome(rules, contact, keys, shared) for contact in contacts]


def blocked(key, contact):
    return "blocked" in key and contact.facts.get(key["blocked"], False)


def outcome(rules, contact, keys, shared):
    if contact.bad:
        return (contact.id, "review", "", "", {"bad-row"})
    if contact.fallen:
        return (contact.id, "review", "", "", {contact.fallen})
    if contact.into is not None:
        survivor, path = last_survivor(contact)
        return (contact.id, "merge", "+".join(path), survivor.id, {""})
    if contact.won_by:
        return (contact.id, "keep", "+".join(contact.won_by), contact.id, {""})
    used = {strategy["key"] for strategy in rules["strategies"]}
    has = [keys[name] for name in keys
           if name in used and contact.keys[name] and len(shared[name][contact.keys[name]]) > 1]
    if not has:
        return (contact.id, "none", "", "", {""})
    free = {key["name"] for key in has if not blocked(key, contact)}
    if not free:
        return (contact.id, "review", "", "", {key["word"] for key in has})
    said = {s["otherwise"]["word"] for s in rules["strategies"] if "otherwise" in s and s["key"] in free}
    return (contact.id, "review", "", "", said | {"undecided"})
