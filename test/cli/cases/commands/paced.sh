# SPDX-License-Identifier: MIT
# pause, slow and continue from another terminal: what they say, and that the document fits its schema.
# a machine that is busy may have fewer of them
some() {
    sed 's/[0-9]* of 4 may/N of 4 may/'
}

contacts 40
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl --latency 30
steward merge --csv contacts.csv --quiet >/dev/null
fails steward pause last
export RATE_LIMIT_CALLS=2000 RATE_LIMIT_PERIOD=10
steward apply last --yes --quiet --workers 4 >apply.out 2>apply.err &
apply=$!
until grep -qs rev-users.merge/done effects.jsonl; do sleep 0.02; done
steward pause last | some
steward pause last --json | schema control
steward runs | cut -c 1-15
steward show last | sed -n 's/^ *stopped/stopped/p'
steward slow last 2000/30 --json | schema control
steward slow last 600/10 | some
fails steward slow last 600/1
fails steward slow last 600
steward slow last 2000/10 | some
steward continue last | some
wait "$apply"
cat apply.err
merges
fails steward continue 1
fails steward slow 2 1/1
