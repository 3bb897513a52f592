# SPDX-License-Identifier: MIT
# Limits and what a run takes at them: an estimate first, then as earlier runs were measured.
limits() {
    steward doctor limits "$@" --quiet | sed -n '/other steward/,$p' | sed 1d
}
chmod 700 .
limits --changes 100000 --job backfill
limits --changes 10
RATE_LIMIT_CALLS=0 limits --changes 10
RATE_LIMIT_CALLS=100 RATE_LIMIT_PERIOD=10 steward doctor limits --changes 10 --json --quiet >found.json
schema doctor <found.json
sed -n 's/^"estimate"/estimate/p' found.json
fails steward doctor --changes 10
fails steward doctor limits --changes none
fails steward doctor limits --job undo
contacts 12
sandbox --issues 0 --seed 5 --load contacts=contacts.csv
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --yes --quiet >/dev/null
RATE_LIMIT_CALLS=100 limits --changes 1000 | sed 's/[0-9.]* calls, measured/N calls, measured/; s/[0-9]* calls, at least .*/N calls, at least T/; s/[0-9]* at once/N at once/'
