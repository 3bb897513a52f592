#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a contact CSV in the pivot shape, for the bench of `external-contacts`: the same seed and size
give the same bytes.

About half of the contacts stand in groups that one of the five strategies decides, some in groups that
none does or a guard takes apart, the rest are alone; partners lie far apart in the file. No row is bad
and everything is ASCII: DuckDB stops at a bad row and has no full folding.
"""
import argparse
import random
import sys

from generate import DOMAINS, FIRST, LAST, ORG, base36

HEADER = ("Email,External Ref,Modified By Name,User ID,Type,Display ID,Devrev Account ID,Devrev Account Name,"
          "Updated At,CXP User id,Updated by BI service,,Linked to acc,Tickets,Action,Strategy\n")
AGENTS = ["Ann Field", "Bob Hill", "Cy Stone", "DevRev Bot"]
OTHER, GENERIC = "Velocity Global - OTHER", "Upwork"


def email_of(person):
    first, last = FIRST[person & 15].lower(), LAST[(person >> 4) & 15].lower()
    return f"{first}.{last}.{person}@{DOMAINS[person % len(DOMAINS)]}"


def account_of(person):
    number = person % 20011
    return (f"don:identity:dvrv-us-1:devo/0example:account/{base36(50000 + number)}", f"Company {number} Inc")


def contact(person, ref="", email=None, account=None, agent=0, uid="", bi="No"):
    return (email if email is not None else email_of(person), ref, AGENTS[agent],
            *(account if account is not None else account_of(person)), uid, bi, person)


def groups(rng):
    """Contacts of one person after the other, for ever."""
    person = 0
    while True:
        person += 1
        dice = rng.random()
        if dice < 0.20:  # cxp-uid
            yield [contact(person, f"user_{person}", uid=str(person)), contact(person, f"REVU-{person}")]
        elif dice < 0.24:
            yield [contact(person, f"user_{person}", uid=str(person)), contact(person), contact(person, f"crm-{person}")]
        elif dice < 0.28:  # bot-amended
            yield [contact(person, f"user_{person}", uid=str(person)),
                   contact(person, f"user_9{person}", uid=f"9{person}", agent=3)]
        elif dice < 0.34:  # external-ref
            yield [contact(person, f"crm-{person}", bi="Yes"), contact(person, f"crm-{person}", email="")]
        elif dice < 0.36:
            yield [contact(person, f"crm-{person}", email="") for _ in range(3)]
        elif dice < 0.40:  # upwork
            name = email_of(person).split("@")[0]
            yield [contact(person, email=f"{name}+{rng.randrange(900)}@upwork.com", account=("", GENERIC)),
                   contact(person, email=f"{name}@cloud.upwork.com")]
        elif dice < 0.44:  # velocity-global
            yield [contact(person, account=("", OTHER)), contact(person)]
        elif dice < 0.45:
            yield [contact(person, account=("", OTHER)), contact(person, f"9{person}", uid=f"9{person}"),
                   contact(person, account=("", f"Other {person}"))]
        elif dice < 0.48:  # nobody decides
            yield [contact(person, f"user_{person}"), contact(person, f"user_8{person}")]
        elif dice < 0.49:  # a conflict
            yield [contact(person, f"user_{person}", uid=str(person)), contact(person, uid=f"7{person}")]
        elif dice < 0.50:  # a role address
            yield [contact(person, email=f"support@customer{person % 3000}.example.com")]
        else:
            yield [contact(person, f"user_{person}" if dice < 0.75 else f"crm-{person}", uid=str(person))]


def line(index, row, bits):
    email, ref, agent, account_id, account, uid, bi, person = row
    if bits & 15 == 0:
        email = email.upper()
    day, month = (person * 7 + index) % 28 + 1, person % 12 + 1
    updated = f"2025-{month:02d}-{day:02d}T17:{index % 60:02d}:{person % 60:02d}Z"
    return (f"{email},{ref},{agent},{ORG}{base36(1000 + index)},rev_user,REVU-{index + 1},{account_id},{account},"
            f"{updated},{uid},{bi},,Yes,{bits >> 9 & 31},,\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    rows = []
    for group in groups(rng):
        rows += group
        if len(rows) >= args.rows:
            break
    rows = rows[:args.rows]
    rng.shuffle(rows)
    with open(args.out, "w", encoding="utf-8", newline="", buffering=1 << 20) as out:
        out.write(HEADER)
        for index, row in enumerate(rows):
            out.write(line(index, row, rng.getrandbits(20)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
