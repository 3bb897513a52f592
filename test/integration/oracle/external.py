# SPDX-License-Identifier: MIT
"""A second, slow and obvious decision procedure for `external-contacts`.

Written from the definition of the rules, not from the C code: bytes in, one decision a row out, of
which the reason's first word is what counts. Every strategy is one function of a group of contacts.
"""
import calendar
import re
from collections import defaultdict
from fractions import Fraction

from oracle import Refused, email_form, find_columns, fold, read_csv, ticket_count, trim, uid_form

COLUMNS = {
    "id": (["rev_user_id", "user id"], True),
    "email": (["email"], True),
    "external_ref": (["external_ref", "external ref"], True),
    "modified_by": (["modified by name"], True),
    "account_id": (["devrev account id"], True),
    "account_name": (["devrev account name"], True),
    "updated": (["updated at", "updated_at"], True),
    "uid": (["cxp user id"], True),
    "bi": (["updated by bi service"], True),
    "tickets": (["tickets", "ticket_count"], True),
    "display_id": (["display id"], False),
}

OTHER = {fold("Velocity Global - OTHER")}
GENERIC = {fold("Upwork")}
BOTS = {fold("DevRev Bot")}
TRUE = {"yes", "true", "y", "1"}
MAX_CLUSTER = 25

ORDER = ["bad-row", "email", "not-a-pair", "undecided", "conflict", "too-large", "cannot-link"]


# --- values ---------------------------------------------------------------------------------------


RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
PLAIN = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d)(?::(\d\d))?)?", re.ASCII)


def instant(text):
    """Seconds since 1970 as a fraction; minus infinity where empty, None where unreadable."""
    text = trim(text)
    if text == "":
        return float("-inf")
    fraction, zone = Fraction(0), 0
    match = RFC3339.fullmatch(text)
    if match:
        if match[7]:
            fraction = Fraction("0" + match[7])
        if match[8] not in "Zz":
            hours, minutes = int(match[8][1:3]), int(match[8][4:6])
            if hours > 23 or minutes > 59:
                return None
            zone = (hours * 60 + minutes) * (-60 if match[8][0] == "-" else 60)
    else:
        match = PLAIN.fullmatch(text)
        if not match:
            return None
    year, month, day, hour, minute, second = (int(match[i] or 0) for i in range(1, 7))
    if year == 0 or not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return calendar.timegm((year, month, day, hour, minute, second)) - zone + fraction


def age(text, ident):
    """What sorts the oldest id first: no number last, then shorter and smaller numbers, then bytes."""
    digits = re.search("[0-9]*$", text)[0]
    number = digits.lstrip("0")
    return (digits == "", len(number), number, ident.encode())


# --- contacts -------------------------------------------------------------------------------------


class Contact:
    """One row. A row without keys has empty ones, which equal nothing."""

    def __init__(self, row, width, places):
        self.id = self.email = self.account = self.ref = self.upwork = ""
        self.content = None
        self.into = None  # the contact that this one lost to, and by which strategy
        self.lost_by = ""
        self.won_by = []  # strategies in which this one survived
        self.fallen = ""  # the guard that took its star apart
        self.bad = True
        self.cxp = self.generated = False
        if row.problem is not None or len(row.fields) != width:
            return
        try:
            cells = [field.decode("utf-8") for field in row.fields]
        except UnicodeDecodeError:
            return
        value = {c: trim(cells[places[c]]) if c in places else "" for c in COLUMNS}
        self.id = value["id"]
        self.content = tuple(value.values())
        self.email = email_form(value["email"])
        self.ref = value["external_ref"]
        self.name = fold(value["account_name"])
        if value["account_id"]:
            self.account = ("id", value["account_id"])
        elif self.name:
            self.account = ("name", self.name)
        self.bot = fold(value["modified_by"]) in BOTS
        self.bi = fold(value["bi"]) in TRUE
        self.uid = uid_form(value["uid"])
        self.own_id = self.uid or self.id
        self.updated = instant(value["updated"])
        self.tickets = ticket_count(value["tickets"])
        self.display_id = value["display_id"]
        self.cxp = self.ref.startswith("user_")
        self.generated = self.ref.startswith("REVU-")
        self.other = self.name in OTHER
        self.generic = self.name in GENERIC
        self.real = bool(self.name) and not self.other and not self.generic
        self.bad = self.id == "" or self.tickets is None

    def judge_email(self, lists):
        """What needs the word lists: is the address blocked, a placeholder; the Upwork key."""
        self.blocked = self.email != "" and lists.blocked(self.email)
        self.placeholder = self.email != "" and lists.placeholder(self.email)
        if self.email:
            person = lists.person(self.email)
            if self.email.split("@")[1] in lists.family and person not in lists.placeholders | lists.roles:
                self.upwork = person


# --- strategies: a group of two or more good contacts -> (survivor, losers), or None where undecided


def only(contacts):
    return contacts[0] if len(contacts) == 1 else None


def others(group, survivor):
    return [c for c in group if c is not survivor]


def cxp_uid(group):
    survivor = only([c for c in group if c.cxp])
    return survivor and (survivor, others(group, survivor))


def bot_amended(group):
    if not all(c.cxp for c in group):
        return None
    survivor = only([c for c in group if not c.bot])
    return survivor and (survivor, others(group, survivor))


def external_ref(group):
    if len({c.email for c in group if c.email and not c.placeholder}) > 1:
        return None
    left = group
    for wanted in (lambda c: c.email and not c.blocked, lambda c: c.real, lambda c: c.bi):
        left = [c for c in left if wanted(c)] or left
    most = max(c.tickets for c in left)
    left = [c for c in left if c.tickets == most]
    if len(left) > 1:
        if any(c.updated is None for c in left):
            return None
        latest = max(c.updated for c in left)
        left = [c for c in left if c.updated == latest]
    survivor = min(left, key=lambda c: age(c.display_id or c.id, c.id))
    return survivor, others(group, survivor)


def upwork(group):
    generic = [c for c in group if c.generic]
    survivor = only([c for c in group if c.real])
    return (survivor, generic) if survivor and generic else None


def velocity_global(group):
    other = [c for c in group if c.other]
    if not other or not any(c.real for c in group):
        return None
    if len(group) == 2:
        survivor = only([c for c in group if c.real])
    else:
        survivor = only([c for c in group if c.ref and c.ref == c.own_id])
    return (survivor, other) if survivor and survivor.real else None


def same_account(contact):
    return (contact.email, contact.account) if contact.email and contact.account and not contact.blocked else None


STRATEGIES = [
    ("cxp-uid", same_account, cxp_uid),
    ("bot-amended", same_account, bot_amended),
    ("external-ref", lambda c: c.ref if not c.generated else "", external_ref),
    ("upwork", lambda c: c.upwork, upwork),
    ("velocity-global", lambda c: c.email if not c.blocked else "", velocity_global),
]


def groups_by(contacts, key):
    groups = defaultdict(list)
    for contact in contacts:
        if key(contact):
            groups[key(contact)].append(contact)
    return groups


# --- the whole file -------------------------------------------------------------------------------


def read_contacts(data, columns, make):
    """The contact of every row; rows that are the same contact share one."""
    rows = list(read_csv(data))
    if not rows:
        raise Refused("empty")
    places = find_columns(rows[0], columns)
    contacts = [make(row, len(rows[0].fields), places) for row in rows[1:]]
    same_id = groups_by(contacts, lambda c: c.id)
    for group in same_id.values():
        if len({c.content for c in group}) > 1:
            for contact in group:
                contact.bad = True
    if all(contact.bad for contact in contacts):
        raise Refused("no good row")
    first = {}
    return [first.setdefault((c.id, c.content), c) if c.id else c for c in contacts]


def merge(survivor, losers, strategy):
    survivor.won_by.append(strategy)
    for loser in losers:
        loser.into, loser.lost_by = survivor, strategy


def last_survivor(contact):
    """The survivor at the end, and the strategies on the way there."""
    path = []
    while contact.into is not None:
        path.append(contact.lost_by)
        contact = contact.into
    return contact, path


def guard(star, forbidden):
    """The word of the guard that a star falls by, or ""."""
    speaking = [c for c in star if c.lost_by != "bot-amended"]
    if len({c.uid for c in speaking if c.uid}) > 1 or len({c.ref for c in speaking if c.cxp}) > 1:
        return "conflict"
    if len(star) > MAX_CLUSTER:
        return "too-large"
    if any(forbidden(a.id, b.id) for a in star for b in star if a is not b):
        return "cannot-link"
    return ""


def decide(data, lists, forbidden=lambda a, b: False, must=()):
    """A list of (user_id, action, strategy, survivor_id, first word of the reason), one for each row.

    `forbidden` tells of two ids whether memory parts them; `must` are pairs (loser, survivor) of ids that
    memory puts together before the first strategy.
    """
    contacts = read_contacts(data, COLUMNS, Contact)
    members = list(dict.fromkeys(contacts))
    for contact in members:
        contact.judge_email(lists)

    good = {c.id: c for c in members if not c.bad}
    for survivor in dict.fromkeys(survivor for _, survivor in must if survivor in good):
        losers = [a for a, b in must if b == survivor and a in good and not forbidden(a, b)]
        if losers:
            merge(good[survivor], [good[a] for a in losers], "must-link")

    for name, key, strategy in STRATEGIES:
        there = [c for c in members if c.into is None]
        for group in groups_by(there, key).values():
            if len(group) > 1 and not any(c.bad for c in group):
                decision = strategy(group)
                if decision is not None:
                    merge(*decision, name)

    stars = groups_by(members, lambda c: last_survivor(c)[0])
    for star in stars.values():
        word = guard(star, forbidden) if len(star) > 1 else ""
        for contact in star:
            contact.fallen = word

    shared = [
        (groups_by(members, lambda c: c.email), lambda c: c.email),
        (groups_by(members, lambda c: "" if c.generated else c.ref), lambda c: "" if c.generated else c.ref),
        (groups_by(members, lambda c: c.upwork), lambda c: c.upwork),
    ]
    return [outcome(contact, shared) for contact in contacts]


def outcome(contact, shared):
    by_email, by_ref, by_upwork = (key(contact) != "" and len(groups[key(contact)]) > 1 for groups, key in shared)
    if contact.bad:
        return (contact.id, "review", "", "", "bad-row")
    if contact.fallen:
        return (contact.id, "review", "", "", contact.fallen)
    if contact.into is not None:
        survivor, path = last_survivor(contact)
        return (contact.id, "merge", "+".join(path), survivor.id, "")
    if contact.won_by:
        return (contact.id, "keep", "+".join(contact.won_by), contact.id, "")
    if by_ref or by_upwork or (by_email and not contact.blocked):
        return (contact.id, "review", "", "", "undecided")
    if by_email:
        return (contact.id, "review", "", "", "email")
    return (contact.id, "none", "", "", "")
