# SPDX-License-Identifier: MIT
"""Hard little contact files in the pivot shape, from a seed.

Every file draws from a few values only, so that contacts meet each other in every way: the same address
in several forms, references that are ids, accounts by id and by name, dates that cannot be read.
"""
from external_cases import HEADER

FAMILY = ["ann@upwork.com", "ann+1@upwork.com", "ANN+2@cloud.upwork.com", "ann@Cloud.Upwork.com.", "+x@upwork.com",
          "ann+3@upwork\u3002com", "ann@sub.upwork.com", "info+1@upwork.com", "na@cloud.upwork.com",
          "bob+1@upwork.com", "\uff41nn+4@upwork.com", "an\u00adn@upwork.com", "ann@dsar.hex.upwork.com",
          "ann +5@upwork.com", "ann\u3000@upwork.com", "a  nn@upwork.com", "a nn+1@upwork.com",
          "\u00ad+1@upwork.com", "ann\uff0b6@upwork.com", "info +1@upwork.com", "info\u3000@cloud.upwork.com",
          "na @upwork.com"]
PLAIN = ["ann@e.example", "Ann@E.example", "ANN@e.example.", "ann@e\u3002example", "bob@e.example", "bob+x@e.example",
         "ann@f.example"]
UNICODE = ["stra\u00dfe@e.example", "STRASSE@e.example", "x@stra\u00dfe.example", "x@strasse.example",
           "x@xn--strae-oqa.example", "ste\u0301phane@e.example", "st\u00e9phane@e.example",
           "x@b\u00fccher.example", "x@XN--BCHER-KVA.example", "\u212aelvin@e.example", "kelvin@e.example",
           "\u0130x@e.example", "i\u0307x@e.example", "x@ex_ample..com", "x@EX_AMPLE..com"]
BLOCKED = ["noreply@e.example", "NOREPLY+1@e.example", "info@e.example", "Info+a@e.example", "info+a@e.example",
           "na@e.example", "n/a@e.example", "x@duck.com", "x@a.duck.com", "x@notduck.com", "contest@e.example",
           "test@e.example", "info\u200b@e.example", "info @e.example", "na\u3000+1@e.example"]
NONE = ["", "", "none", "n/a", "na", "ann", "ann@", "@e.example", "a@b@c", "unknown", "info"]
REFS = ["user_1", "user_2", "user_3", "user_", "REVU-1", "REVU-2", "REVU-", "crm-1", "crm-2", "CRM-1", "", "", "User_1",
        "revu-1", "7", "8", "c/1", "c/2", "ann@e.example", " user_1", "crm-1\u00a0"]
ACCOUNTS = [("A1", "Real"), ("A1", "Real"), ("A2", "Other Corp"), ("", "real"), ("real", ""), ("", ""),
            ("A1", "Upwork"), ("A3", "Upwork"), ("", " UPWORK"), ("A4", "Velocity Global - OTHER"), ("", "velocity  global - other"),
            ("A2", "Velocity Global - OTHER"), ("A5", "Velocity Global"), ("a1", "Stra\u00dfe"), ("", "STRASSE")]
UIDS = ["", "", "", "7", "7.0", "8", "n/a", "NA", "-", "0", "0.0", "Null", "c/1", " 7 ",
        ".0", "7.0.0", "07", "\uff10"]
EDITORS = ["Ann", "Ann", "", "DevRev Bot", "devrev bot", " DevRev  Bot ", "DevRev Bot 2"]
BI = ["no", "", "No", "yes", "TRUE", "y", "1", "1.0", " Yes ", "true."]
DATES = ["2024-05-01", "2024-05-01T00:00:00Z", "2024-05-01 00:00", "2024-05-01 00:00:00",
         "2024-05-01T02:00:00+02:00",
         "2024-04-30T23:59:59.999999-00:00", "2024-05-01T00:00:00.5Z", "2024-05-02", "2023-01-01t10:00:00z",
         "1969-12-31",
         "", "2024-04-30T14:30:00-09:30", "0001-01-01", "9999-12-31T23:59:59.9999999999999Z",
         "9999-12-31T23:59:59.9999999999998Z", "9999-12-31T23:59:59.999999999-23:59", "1900-03-01", "2000-02-29"]
UNREADABLE = ["yesterday", "2024-02-30", "01/05/2024", "2024-05-01T00:00", "2024-5-1", "2024-05-01 25:00",
              "2023-02-29",
              "20240501", "2024-05-01T00:00:00", "2024-13-01", "2024-05-01 10",
              "2024-05-01T00:00:00+24:00", "2024-05-01T00:00:00+00:60", "2024-05-01T00:00:00.Z", "2024-05-01 00:60",
              "2024-05-01T00:00:00+0200", "1900-02-29", "2024-05-00", "\uff12024-05-01", "2024-05-01T00:00:00 Z",
              "2024-05-01  00:00", "-2024-05-01", "2024-05-01T00:00Z", "1714521600"]
TICKETS = ["", "0", "0", "1", "1.0", "2", "12.0", " 2 ", "999999999999999999"]
NO_COUNT = ["x", "-1", "1.5", "1234567890123456789", "\uff11", ".0", "1.0.0", "1 000", "+1"]
DISPLAY = ["REVU-1", "REVU-01", "REVU-2", "REVU-10", "REVU-", "", "", "REVU-99999999999999999999999", "7",
           "REVU-099999999999999999999998", "REVU-2b", "\uff11"]
SPACES = [" ", "\t", "\u00a0", "\u3000", "\u2003", "\r\n", "\u2028"]
ALIASES = {"id": ["User ID", "USER ID", "REV_USER_ID", " user id "], "email": ["Email", "EMAIL"],
           "ref": ["External Ref", "EXTERNAL_REF"], "tickets": ["Tickets", "TICKET_COUNT"],
           "at": ["Updated At", "UPDATED_AT"], "by": ["Modified By Name", "modified by name"]}
BROKEN = [b"one", b"a,b", b",,,,,,,,,,,,,,,,,,,,,,", b'x"y,z', b'"a"b,c,d', b" ", b'""', b"\xff\xfe", b"a\0b"]


def some(rng, values, most):
    """A few of the values; the file knows no others."""
    return [rng.choice(values) for _ in range(rng.randint(1, most))]


class File:
    """Columns, their names in the header, and lines: contacts (dictionaries) or bytes as they stand."""

    def __init__(self, columns, names, lines, end=b"\n", begin=b"", last=True):
        self.columns, self.names, self.lines = columns, names, lines
        self.end, self.begin, self.last = end, begin, last

    def having(self, lines):
        return File(self.columns, self.names, lines, self.end, self.begin, self.last)

    def line(self, line):
        if isinstance(line, bytes):
            return line
        return b",".join(quoted(line.get(c, ""), line.get("broken") == c, line.get("quote", False))
                         for c in self.columns)

    def data(self):
        lines = [b",".join(quoted(n, False, False) for n in self.names)] + [self.line(line) for line in self.lines]
        data = self.begin + self.end.join(lines)
        return data + self.end if self.last else data


def quoted(text, broken, always):
    raw = text.encode("utf-8") + (b"\xc3" if broken else b"")
    if always or any(c in raw for c in b',"\n\r'):
        return b'"' + raw.replace(b'"', b'""') + b'"'
    return raw


class Generator:
    def __init__(self, rng):
        self.rng = rng
        kinds = [PLAIN, FAMILY, UNICODE, BLOCKED, NONE]
        addresses = rng.choices(kinds, [5, 5, 2, 2, 1], k=rng.randint(1, 4))
        self.emails = [rng.choice(group) for group in addresses for _ in range(rng.randint(1, 3))]
        self.refs = some(rng, REFS, 7)
        self.accounts = some(rng, ACCOUNTS, 5)
        self.uids = some(rng, UIDS, 3)
        self.editors = some(rng, EDITORS, 3)
        self.bi = some(rng, BI, 3)
        self.dates = some(rng, DATES, 4) + (some(rng, UNREADABLE, 2) if rng.random() < 0.2 else [])
        self.tickets = some(rng, TICKETS, 3)
        self.display = some(rng, DISPLAY, 5)
        self.bad = rng.choice([0, 0, 0, 0.03, 0.1])
        self.own = rng.choice([0, 0, 0.2, 0.5])  # how often a reference is the contact's own id

    def contact(self, number):
        rng = self.rng
        account = rng.choice(self.accounts)
        contact = {"id": f"c/{number}", "email": rng.choice(self.emails), "ref": rng.choice(self.refs),
                   "acc": account[0], "name": account[1], "uid": rng.choice(self.uids), "by": rng.choice(self.editors),
                   "bi": rng.choice(self.bi), "at": rng.choice(self.dates), "tickets": rng.choice(self.tickets),
                   "disp": rng.choice(self.display), "type": "rev_user", "linked": "Yes"}
        if rng.random() < self.own:
            contact["ref"] = contact["uid"].strip() or contact["id"]
        if rng.random() < self.bad:
            contact.update(rng.choice([{"id": ""}, {"id": " "}, {"tickets": rng.choice(NO_COUNT)},
                                       {"broken": rng.choice(["type", "email", "id"])},
                                       {"id": f"c/{rng.randrange(3)}"}]))
        if rng.random() < 0.03:
            word = rng.choice(["id", "email", "ref", "acc", "name", "uid", "tickets", "at", "disp", "bi", "by"])
            contact[word] = rng.choice(SPACES) + contact[word] + rng.choice(SPACES)
        if rng.random() < 0.03:
            contact["quote"] = True
        return contact

    def chain(self, contacts):
        """Makes survivors meet again: the generic account and the real one behind the same address."""
        rng = self.rng
        for contact in contacts:
            contact["email"] = rng.choice(FAMILY[:4])
            contact["acc"], contact["name"] = rng.choice(
                [("A1", "Real"), ("A3", "Upwork"), ("A3", "Upwork"), ("A4", "Velocity Global - OTHER")])
            contact["uid"] = rng.choice(["", "", "", "", contact["uid"]])

    def velocity(self, contacts):
        rng = self.rng
        for contact in contacts:
            contact["email"] = self.emails[0]
            contact["acc"], contact["name"] = rng.choice(
                [("A1", "Real"), ("A2", "Other Corp"), ("A4", "Velocity Global - OTHER"),
                 ("", "velocity global - other")])
            contact["ref"] = rng.choice([contact["ref"], f"r{contact['id']}", contact["uid"].strip() or contact["id"]])

    def amended(self, contacts):
        rng = self.rng
        for n, contact in enumerate(contacts):
            contact["ref"] = rng.choice([f"user_{n}", f"user_{n}", contact["ref"]])
            contact["by"] = rng.choice(["DevRev Bot", "devrev bot", "DevRev Bot", "Ann"])
            contact["acc"], contact["name"] = self.accounts[0]

    def contacts(self):
        rng = self.rng
        large = rng.random() < 0.03
        count = rng.randint(22, 34) if large else rng.choice([2, 2, 3, 3, 4, 5, 6, 8, 12, 20])
        contacts = [self.contact(n) for n in range(1, count + 1)]
        dice = rng.random()
        if large:
            for n, contact in enumerate(contacts):
                if n == 0 or rng.random() < 0.97:
                    contact.update(email="ann@e.example", acc="A1", name="Real", uid="", tickets="1")
                    contact["ref"] = "user_1" if n == 0 else f"x{n}"
        elif dice < 0.15:
            self.chain(contacts)
        elif dice < 0.3:
            self.velocity(contacts)
        elif dice < 0.4:
            self.amended(contacts)
        for _ in range(rng.choice([0, 0, 0, 1, 2])):  # a contact on several lines, the same or changed a little
            again = dict(rng.choice(contacts))
            if rng.random() < 0.4:
                word = rng.choice(["email", "ref", "acc", "uid", "tickets", "disp", "at", "type", "linked", "action"])
                again[word] = again.get(word, "") + rng.choice([" ", "1"])
            contacts.insert(rng.randrange(len(contacts) + 1), again)
        return contacts

    def file(self):
        rng = self.rng
        lines = []
        for contact in self.contacts():
            lines.append(contact)
            if rng.random() < self.bad / 3:
                lines.append(rng.choice(BROKEN))
            if rng.random() < 0.02:
                lines.append(b"")
        columns = list(HEADER)
        names = dict(HEADER)
        if rng.random() < 0.4:
            rng.shuffle(columns)
            names.update({word: rng.choice(known) for word, known in ALIASES.items()})
        if rng.random() < 0.1:
            gone = {"type", "empty", "linked", "action", "strategy", rng.choice(["disp", "type"])}
            columns = [c for c in columns if c not in gone]
        if rng.random() < 0.01:
            columns.remove(rng.choice(columns))
        return File(columns, [names[c] for c in columns], lines, rng.choice([b"\n", b"\n", b"\r\n"]),
                    rng.choice([b"", b"", b"\xef\xbb\xbf"]), rng.random() < 0.9)


def generate(rng):
    return Generator(rng).file()


def smaller(file, fails):
    """The file with fewer contacts and plainer cells that still fails: to be read by a person."""
    changed = True
    while changed:
        changed = False
        size = max(1, len(file.lines) // 2)
        while size:
            at = 0
            while at < len(file.lines):
                less = file.having(file.lines[:at] + file.lines[at + size:])
                if less.lines and fails(less):
                    file, changed = less, True
                else:
                    at += size
            size //= 2
        for n, line in enumerate(file.lines):
            if isinstance(line, bytes):
                continue
            for word in [w for w in line if w != "id" and line[w]]:
                plainer = {**file.lines[n], word: ""}
                less = file.having(file.lines[:n] + [plainer] + file.lines[n + 1:])
                if fails(less):
                    file, changed = less, True
    plain = File(list(HEADER), list(HEADER.values()), file.lines)
    return plain if fails(plain) else file
