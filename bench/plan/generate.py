#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a contact CSV of any size for the planning bench: the same seed and size give the same bytes.

The mix follows the shape of real exports: about half of the contacts stand in pairs of one generated
and one application reference, some in larger groups, some share a blocked address, some cells are
quoted, and partners lie far apart in the file. No row is bad: DuckDB stops at one.
"""
import argparse
import random
import sys

HEADER = "REV_USER_ID,DISPLAY_NAME,EMAIL,EXTERNAL_REF,FULL_NAME,CREATED_AT,UPDATED_AT,TICKET_COUNT\n"
ORG = "don:identity:dvrv-us-1:devo/0example:revu/"
FIRST = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Margaret", "Alan", "Frances", "Niklaus", "Jean",
         "Tony", "Adele", "Ken", "Radia", "Dennis", "Sophie"]
LAST = ["Stone", "Rivers", "Hill", "Brook", "Field", "Woods", "Lake", "Marsh", "Glen", "Shore", "Vale",
        "Ridge", "Heath", "Moor", "Bay", "Cliff"]
DOMAINS = ["example.com", "example.org", "example.net", "mail.example.com", "Support.Example.ORG",
           "team.example.net"]
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number):
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = BASE36[digit] + text
    return text or "0"


def contact(index, person, ref, rng_bits):
    """One line. `rng_bits` is a random number that decides the small variations."""
    first = FIRST[person & 15]
    last = LAST[(person >> 4) & 15]
    domain = DOMAINS[person % len(DOMAINS)]
    email = f"{first.lower()}.{last.lower()}.{person}@{domain}"
    if rng_bits & 15 == 0:
        email = email.upper()
    name = f"{first} {last}"
    full = name
    if rng_bits & 0x1f0 == 0:
        full = f'"{last}, {first}"'
    day = (person * 7 + index) % 28 + 1
    month = person % 12 + 1
    created = f"2024-{month:02d}-{day:02d} 08:{index % 60:02d}:00"
    updated = f"2025-{month:02d}-{day:02d} 17:{person % 60:02d}:30"
    tickets = str(rng_bits >> 9 & 31)
    return f"{ORG}{base36(1000 + index)},{name},{email},{ref},{full},{created},{updated},{tickets}\n"


def plan_rows(rows, rng):
    """Yields (person, kind) until `rows` contacts are out; kind is the reference's."""
    out = []
    person = 0
    while len(out) < rows:
        person += 1
        dice = rng.random()
        if dice < 0.34:
            out += [(person, "revu"), (person, "user")]
        elif dice < 0.37:
            out += [(person, "revu"), (person, "revu"), (person, "user")]
        elif dice < 0.39:
            out += [(person, "user"), (person, "user")]
        else:
            out += [(person, "other" if dice < 0.70 else "user")]
    return out[:rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    rows = plan_rows(args.rows, rng)
    rng.shuffle(rows)
    with open(args.out, "w", encoding="utf-8", newline="", buffering=1 << 20) as out:
        out.write(HEADER)
        for index, (person, kind) in enumerate(rows):
            bits = rng.getrandbits(20)
            if bits < 3000:  # a shared role address
                email = f"support@customer{person % 5000}.example.com"
                out.write(f"{ORG}{base36(1000 + index)},Support,{email},user_{index},Support,,,0\n")
                continue
            ref = f"REVU-{index}" if kind == "revu" else f"user_{index}" if kind == "user" else f"crm-{index}"
            out.write(contact(index, person, ref, bits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
