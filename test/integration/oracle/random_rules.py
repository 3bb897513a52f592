# SPDX-License-Identifier: MIT
"""Rule sets that nobody would write, from a seed, within the language of docs/rules.md.

They ask things of the pivot shape that generate.py fills, so that facts hold often enough to matter.
"""
import json

HEADERS = {"id": "User ID", "email": "Email", "external_ref": "External Ref", "account_id": "Devrev Account ID",
           "account_name": "Devrev Account Name", "modified_by": "Modified By Name", "bi": "Updated by BI service",
           "uid": "CXP User id", "updated": "Updated At", "tickets": "Tickets", "display_id": "Display ID"}
FORMS = {"id": ["trim"], "email": ["email"], "external_ref": ["trim", "trim", "fold", "code"],
         "account_id": ["trim", "fold", "code"], "account_name": ["fold", "trim"], "modified_by": ["fold"],
         "bi": ["fold"], "uid": ["code", "trim", "fold"], "updated": ["time"], "tickets": ["count"],
         "display_id": ["trim", "code"]}
LISTS = {"named": ["Velocity Global - OTHER", "Upwork"], "bots": ["DevRev Bot"], "truth": ["yes", "true", "1"],
         "nobody": ["n/a", "na", "-", "0", "null"], "roles": ["info", "noreply", "na", "test"],
         "relays": ["duck.com", "upwork.com"], "family": ["upwork.com", "cloud.upwork.com", "e.example"],
         "real": ["Real", "Stra\u00dfe", "7", "user_1"]}
PREFIXES = ["user_", "REVU-", "revu-", "crm", "c/", "A", "u", "v"]
TEXTS = ["crm-1", "A1", "7", "real", "upwork", "user_1", "1", "yes"]


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.lists = {}
        dropped = set(rng.sample(["modified_by", "bi", "display_id", "account_id", "account_name", "uid"],
                                 rng.choice([0, 0, 1, 2])))
        self.forms = {name: rng.choice(forms) for name, forms in FORMS.items() if name not in dropped}
        self.values = {}
        if rng.random() < 0.7:
            self.values["account"] = self.some_of("account_id", "account_name")
        if rng.random() < 0.7:
            self.values["own"] = self.some_of("uid", "display_id", "id")
        self.values = {name: first for name, first in self.values.items() if len(first) > 1}
        self.facts = []

    def some_of(self, *names):
        return [name for name in names if name in self.forms]

    def maybe(self, share, **words):
        return words if self.rng.random() < share else {}

    def use(self, name):
        self.lists[name] = LISTS[name]
        return name

    def texts(self, *forms):
        """Columns and values that hold a text of one of these forms (all forms where none is named)."""
        forms = forms or ("trim", "fold", "code")
        return [name for name, form in self.forms.items() if form in forms] + (
            list(self.values) if len(forms) == 3 else [])

    # --- facts

    def column_test(self):
        rng = self.rng
        what = rng.randrange(9)
        if what < 2:
            return {"column": rng.choice(self.texts()), "prefix": rng.choice(PREFIXES)}
        if what == 2:
            return {"column": rng.choice(self.texts()), "equals": rng.choice(TEXTS)}
        if what == 3:
            return {"column": rng.choice([*self.texts(), "email"]), "empty": rng.random() < 0.5}
        if what == 4:
            pair = rng.sample(self.texts(), 2)
            return {"column": pair[0], "same-as": pair[1]}
        if what < 7 and self.texts("fold"):
            return {"column": rng.choice(self.texts("fold")),
                    "in": self.use(rng.choice(["named", "bots", "truth", "real"]))}
        return self.email_test()

    def email_test(self):
        rng = self.rng
        return rng.choice([
            lambda: {"column": "email", "part": "local", "in": self.use("roles")},
            lambda: {"column": "email", "part": "domain", "in": self.use("family")},
            lambda: {"column": "email", "part": "domain", "under": self.use("relays")},
            lambda: {"column": "email", "part": "domain", "equals": "e.example"},
        ])()

    def add_fact(self, name, test, among):
        rng = self.rng
        tests = []
        for _ in range(rng.choice([1, 1, 2, 3])):
            one = {"fact": rng.choice(among)["name"]} if among and rng.random() < 0.3 else test()
            tests.append({**one, **self.maybe(0.3, **{"not": True})})
        self.facts.append({"name": name, rng.choice(["all", "any"]): tests})

    def add_facts(self):
        for number in range(self.rng.randint(2, 5)):
            self.add_fact(f"f{number}", self.column_test, list(self.facts))
        self.add_fact("e0", self.email_test, [])  # of the e-mail alone

    def fact(self):
        return self.rng.choice(self.facts)["name"]

    # --- keys and strategies

    def key(self, number):
        rng = self.rng
        name = f"k{number}"
        dice = rng.random()
        if dice < 0.45:
            columns = ["email"] + ([rng.choice(self.texts())] if rng.random() < 0.3 else [])
            word = {"blocked": "e0", "word": rng.choice(["email", "shared"])} if rng.random() < 0.5 else {}
            return {"name": name, "columns": columns, **self.maybe(0.2, only=self.fact()), **word}
        if dice < 0.6:
            return {"name": name, "columns": ["email"], "part": rng.choice(["local", "local", "domain"]),
                    **self.maybe(0.5, only=self.fact())}
        columns = rng.sample([c for c in self.texts() if c != "id"], rng.choice([1, 1, 1, 2]))
        return {"name": name, "columns": columns, **self.maybe(0.4, only=self.fact())}

    def condition(self):
        rng = self.rng
        what = rng.randrange(6)
        if what == 0:
            return {"same": rng.choice([*self.texts(), "email"]), **self.maybe(0.5, **{"except": self.fact()})}
        if what == 1:
            return {"every": True, "fact": self.fact()}
        if what == 2:
            return {rng.choice(["exactly", "at-most"]): rng.choice([2, 2, 3])}
        return {rng.choice(["exactly", "at-least", "at-most", "at-least"]): rng.choice([1, 1, 2]), "fact": self.fact()}

    def case(self):
        rng = self.rng
        when = [self.condition() for _ in range(rng.choice([0, 1, 1, 2]))]
        merge = self.maybe(0.3, merge=self.fact())
        if rng.random() < 0.5:
            keep = self.fact()
            when.insert(rng.randint(0, len(when)), {"exactly": 1, "fact": keep})
            return {"when": when, "keep": keep, **merge}
        steps = []
        for _ in range(rng.randint(0, 3)):
            steps.append(rng.choice([{"prefer": self.fact()}, {"most": "tickets"}, {"latest": "updated"}]))
        unlike = [step for n, step in enumerate(steps) if step not in steps[:n]]
        oldest = rng.choice(self.texts("trim") + list(self.values))
        return {"when": when or [self.condition()], "choose": [*unlike, {"oldest": oldest}], **merge}

    def strategy(self, number, key):
        rng = self.rng
        count = rng.choice([1, 1, 1, 2, 3])
        body = {"cases": [self.case() for _ in range(count)]} if count > 1 else self.case()
        return {"name": f"s{number}", "key": key, **body, **self.maybe(0.2, otherwise={"word": "unclear"})}

    def rules(self):
        rng = self.rng
        self.add_facts()
        keys = [self.key(n) for n in range(rng.randint(1, 3))]
        strategies = [self.strategy(n, rng.choice(keys)["name"]) for n in range(rng.randint(1, 5))]
        used = {strategy["key"] for strategy in strategies}
        guards = []
        for _ in range(rng.choice([0, 0, 1, 2])):
            passed = {"except-merged-by": [rng.choice(strategies)["name"]]} if rng.random() < 0.4 else {}
            guards.append({"word": rng.choice(["conflict", "differs"]), "differ": rng.choice([*self.texts(), "email"]),
                           **self.maybe(0.3, where=self.fact()), **passed})
        columns = []
        for name, form in self.forms.items():
            more = {"empty": self.use("nobody")} if name == "uid" and rng.random() < 0.6 else {}
            flags = {"identity": True, "required": True} if name == "id" else self.maybe(0.5, required=True)
            columns.append({"name": name, "headers": [HEADERS[name]], "form": form, **more, **flags})
        return {
            "name": "random", "version": 1, "summary": "made up", "kind": "merge-contact", "columns": columns,
            **({"values": [{"name": n, "first": f} for n, f in self.values.items()]} if self.values else {}),
            **({"lists": [{"name": n, "words": w} for n, w in self.lists.items()]} if self.lists else {}),
            "facts": self.facts, "keys": [key for key in keys if key["name"] in used], "strategies": strategies,
            **({"guards": guards} if guards else {}),
            **self.maybe(0.5, limits={"max-cluster": rng.choice([2, 3, 5, 25])}),
        }


def rules_of(rng):
    return Maker(rng).rules()


def yaml_of(rules):
    return "".join(f"{word}: {flow(value)}\n" for word, value in rules.items())


def flow(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{word}: {flow(inner)}" for word, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
