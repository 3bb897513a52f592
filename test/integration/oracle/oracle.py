# SPDX-License-Identifier: MIT
"""A second, slow and obvious decision procedure for `revu-pairs`, and the ground for that of
`external-contacts` (external.py): normal forms, word lists, CSV.

Written from the definition of the rules and the CSV reader's contract, not from the C code: bytes in,
one decision a row out. Only for the tests, which compare it with the planner.
"""
import functools
import unicodedata
from collections import defaultdict
from pathlib import Path

import idna

WHITE = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}

IGNORABLE_RANGES = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
]

COLUMNS = {
    "id": (["id", "rev_user_id", "user id"], True),
    "email": (["email"], True),
    "external_ref": (["external_ref", "external ref"], True),
    "tickets": (["tickets", "ticket_count"], False),
    "display_name": (["display_name", "display name"], False),
    "full_name": (["full_name", "full name"], False),
    "uid": (["cxp user id"], False),
}
NO_UID = {"", "n/a", "na", "-", "0", "null"}

MAX_FIELD = 64 * 1024
MAX_ROW = 8 * 1024 * 1024
MAX_FIELDS = 1000


class Refused(Exception):
    """The file cannot be planned at all."""


# --- text ---------------------------------------------------------------------------------------


def trim(text):
    start, end = 0, len(text)
    while start < end and text[start] in WHITE:
        start += 1
    while end > start and text[end - 1] in WHITE:
        end -= 1
    return text[start:end]


def is_ignorable(char):
    return any(low <= ord(char) <= high for low, high in IGNORABLE_RANGES)


@functools.lru_cache(maxsize=100_000)
def nfkc_casefold(text):
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    folded = unicodedata.normalize("NFKC", folded.casefold())
    return unicodedata.normalize("NFKC", "".join(c for c in folded if not is_ignorable(c)))


def fold(text):
    words, word = [], ""
    for char in nfkc_casefold(trim(text)):
        if char in WHITE:
            if word:
                words.append(word)
            word = ""
        else:
            word += char
    if word:
        words.append(word)
    return " ".join(words)


@functools.lru_cache(maxsize=100_000)
def domain_form(text):
    text = unicodedata.normalize("NFKC", text).replace("\u3002", ".")
    if text.endswith("."):
        text = text[:-1]
    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return fold(text)


def email_form(text):
    """The strict key, or "" where the value counts as no e-mail."""
    text = trim(text)
    if text.count("@") != 1:
        return ""
    local, domain = text.split("@")
    if not local or not domain:
        return ""
    form = trim(nfkc_casefold(local) + "@" + domain_form(domain))
    if form.count("@") != 1 or form.startswith("@") or form.endswith("@"):
        return ""
    return form


def ticket_count(text):
    """None where it is no count."""
    text = trim(text)
    if text.endswith(".0"):
        text = text[:-2]
        if not text:
            return None
    if text == "":
        return 0
    if len(text) <= 18 and all(c in "0123456789" for c in text):
        return int(text)
    return None


def without_point_zero(text):
    return text[:-2] if text.endswith(".0") else text


def uid_form(text):
    uid = without_point_zero(trim(text))
    return "" if fold(uid) in NO_UID else uid


def read_list(path):
    entries = set()
    for line in path.read_text(encoding="utf-8").split("\n"):
        entry = fold(line.split("#")[0])
        if entry:
            entries.add(entry)
    return entries


class Lists:
    def __init__(self, directory):
        directory = Path(directory)
        self.placeholders = read_list(directory / "placeholders.txt")
        self.roles = read_list(directory / "roles.txt")
        self.relays = read_list(directory / "relays.txt")
        self.family = read_list(directory / "upwork-family.txt")

    @staticmethod
    def person(email):
        """The local part without its tag, as it is looked up in the lists."""
        return fold(email.split("@")[0].split("+")[0])

    def placeholder(self, email):
        return self.person(email) in self.placeholders

    def blocked(self, email):
        domain = email.split("@")[1]
        if self.placeholder(email) or self.person(email) in self.roles:
            return True
        if domain in self.family:
            return False
        labels = domain.split(".")
        return any(".".join(labels[i:]) in self.relays for i in range(len(labels)))


# --- CSV ----------------------------------------------------------------------------------------


class Row:
    def __init__(self, line):
        self.line = line
        self.fields = []
        self.problem = None
        self.problem_line = 0

    def complain(self, problem, line):
        if self.problem is None:
            self.problem, self.problem_line = problem, line


def read_csv(data):
    """Yields the rows of the bytes, one byte at a time."""
    pos = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    line = 1
    while pos < len(data):
        row, pos, line, blank = read_row(data, pos, line)
        if not blank:
            yield row


def read_row(data, pos, line):
    begin = pos
    row = Row(line)
    too_long = None
    while True:
        # one field
        field_line = line
        start = pos
        text = bytearray()
        state = "start"
        if pos < len(data) and data[pos] == 0x22:
            state, quote_line = "quoted", line
            pos += 1
        end = None  # "field", "row", "file"
        while end is None:
            if pos == len(data):
                end = "file"
                break
            c = data[pos]
            if c == 0:
                row.complain("a NUL byte", line)
            if state == "quoted":
                if c == 0x22:
                    if pos + 1 < len(data) and data[pos + 1] == 0x22:
                        text.append(0x22)
                        pos += 2
                        continue
                    state = "closed"
                    pos += 1
                    continue
                if c == 0x0A:
                    line += 1
                text.append(c)
                pos += 1
                continue
            if c == 0x2C:
                end = "field"
            elif c == 0x0A:
                end = "row"
            elif state == "closed":
                ends_here = c == 0x0D and (pos + 1 == len(data) or data[pos + 1] == 0x0A)
                if not ends_here:
                    row.complain("text after a closing quote", line)
                    state = "broken"
                pos += 1
            else:
                if c == 0x22:
                    row.complain("a quote inside a field that is not quoted", line)
                    state = "broken"
                text.append(c)
                pos += 1
        if state == "start" and end in ("row", "file") and text.endswith(b"\r"):
            del text[-1]
        if pos - start > MAX_FIELD and too_long is None:
            too_long = field_line
        if end == "file" and state == "quoted":
            row.problem, row.problem_line = "a quote that is never closed", quote_line
            return row, pos, line, False
        row.fields.append(bytes(text))
        if row.problem is None and len(row.fields) > MAX_FIELDS:
            row.complain("too many fields", line)
        if end == "field":
            pos += 1
            continue
        raw = data[begin:pos]
        if end == "row":
            pos += 1
            line += 1
        if too_long is not None:
            row.problem, row.problem_line = "a field that is too long", too_long
        elif pos - begin > MAX_ROW:
            row.problem, row.problem_line = "a row that is too long", row.line
        return row, pos, line, raw in (b"", b"\r")


# --- decisions ----------------------------------------------------------------------------------


def find_columns(header, columns):
    if header.problem is not None:
        raise Refused("header: " + header.problem)
    names = [name.decode("utf-8", "replace").strip(" \t\r\n").lower() for name in header.fields]
    places, missing, doubled = {}, [], []
    for column, (known, required) in columns.items():
        found = [i for i, name in enumerate(names) if name in known]
        if len(found) > 1:
            doubled.append(column)
        if found:
            places[column] = found[0]
        elif required:
            missing.append(column)
    if missing:
        raise Refused("missing: " + ", ".join(missing))
    if doubled:
        raise Refused("doubled: " + ", ".join(doubled))
    return places


class Contact:
    """One row that has an outcome; `bad` is its reason where it is bad."""

    def __init__(self, row, width, places):
        self.id = ""
        self.email = ""
        self.ref = ""
        self.content = None
        self.bad = None
        self.action = None
        where = f"bad-row: line {row.line}"
        if row.problem is not None:
            self.bad = f"{where}: {row.problem}"
            if row.problem_line != row.line:
                self.bad += f" in line {row.problem_line}"
            return
        if len(row.fields) != width:
            fields = "field" if len(row.fields) == 1 else "fields"
            self.bad = f"{where} has {len(row.fields)} {fields}, the header has {width}"
            return
        try:
            cells = [field.decode("utf-8") for field in row.fields]
        except UnicodeDecodeError:
            self.bad = f"{where} is not UTF-8"
            return

        def cell(column):
            return trim(cells[places[column]]) if column in places else ""

        self.id = cell("id")
        self.ref = cell("external_ref")
        self.email = email_form(cell("email"))
        self.uid = uid_form(cell("uid"))
        self.content = (cell("email"), self.ref, cell("tickets"), cell("uid"))
        self.conflict = f"{where}: its id stands in several rows with different content"
        if not self.id:
            self.bad = f"{where} has no id"
        elif ticket_count(cell("tickets")) is None:
            self.bad = f"{where}: tickets is no count"


def decide(data, lists):
    """A list of (user_id, action, strategy, survivor_id, reason), one for each row."""
    rows = list(read_csv(data))
    if not rows:
        raise Refused("empty")
    places = find_columns(rows[0], COLUMNS)
    contacts = [Contact(row, len(rows[0].fields), places) for row in rows[1:]]
    if not contacts:
        raise Refused("no row")

    same_id = defaultdict(list)
    for contact in contacts:
        if contact.id:
            same_id[contact.id].append(contact)
    first_of = {}
    for group in same_id.values():
        if len({contact.content for contact in group}) > 1:
            for contact in group:
                contact.bad = contact.bad or contact.conflict
        else:
            for contact in group[1:]:
                first_of[contact] = group[0]
    if all(contact.bad for contact in contacts):
        raise Refused("no good row")

    groups = defaultdict(list)
    for contact in contacts:
        contact.outcome = ("none", "", "", "it has no email")
        if contact.email and contact not in first_of:
            groups[contact.email].append(contact)
    for email, group in groups.items():
        decide_group(email, group, lists)
    out = []
    for contact in contacts:
        outcome = first_of.get(contact, contact).outcome
        if contact.bad:
            outcome = ("review", "", "", contact.bad)
        out.append((contact.id, *outcome))
    return out


def decide_group(email, group, lists):
    size = len(group)
    generated = [c for c in group if c.ref.startswith("REVU-")]
    cxp = [c for c in group if c.ref.startswith("user_")]
    bad = sum(1 for c in group if c.bad)
    if size == 1:
        outcome = ("none", "", "", "no other contact shares its email")
    elif lists.blocked(email):
        outcome = ("review", "", "", f"email: {size} contacts share a blocked email")
    elif bad:
        what = "is a bad row" if bad == 1 else "are bad rows"
        outcome = ("review", "", "", f"undecided: {bad} of the {size} contacts that share its email {what}")
    elif size == 2 and len(generated) == 1 and len(cxp) == 1:
        survivor = cxp[0]
        if generated[0].uid and survivor.uid and generated[0].uid != survivor.uid:
            survivor.outcome = generated[0].outcome = ("review", "", "", "conflict")
            return
        survivor.outcome = ("keep", "revu-pairs", survivor.id, "survivor of 2 contacts")
        generated[0].outcome = ("merge", "revu-pairs", survivor.id, "same email")
        return
    else:
        other = size - len(generated) - len(cxp)
        outcome = ("review", "", "", f"not-a-pair: {len(generated)} generated, {len(cxp)} cxp, {other} other")
    for contact in group:
        contact.outcome = outcome
