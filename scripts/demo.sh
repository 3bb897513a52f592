#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The whole life of a run, on made-up data and without a network: plan, preview, apply, a kill -9 in
# the middle, resume, verify, report. Everything lies in demo/ afterwards. Needs `make` first.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
demo="$top/demo"
steward=${STEWARD:-"$top/build/src/steward"}
sandbox=
applying=

# Ends the sandbox, and an apply that is still running, whatever ended the script.
clean_up() {
    [ -z "$applying" ] || kill -9 "$applying" 2>/dev/null || :
    [ -z "$sandbox" ] || kill "$sandbox" 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() {
    echo "demo: $*" >&2
    exit 1
}

# Shows a command as one would type it, and runs it.
run() {
    printf '$ steward %s\n' "$*"
    "$steward" "$@"
}

merges() { grep -c '"call":"rev-users.merge"' effects.jsonl 2>/dev/null || :; }

[ -x "$steward" ] || die "there is no $steward; run 'make' first"
rm -rf "$demo"
mkdir -m 700 "$demo"
cd "$demo"

say "1. A stand-in of DevRev with 400 contacts, and the CSV that a query would have given for them"
printf '$ steward sandbox --contacts 400 --env-file .env --contacts-csv contacts.csv --effects effects.jsonl\n'
"$steward" sandbox --contacts 400 --latency 4 --env-file .env --contacts-csv contacts.csv \
    --effects effects.jsonl >sandbox.log 2>&1 &
sandbox=$!
tries=0
until grep -q '^READY$' sandbox.log; do
    kill -0 "$sandbox" 2>/dev/null || die "the sandbox did not start: $(cat sandbox.log)"
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || die "the sandbox was not ready after 10 seconds"
    sleep 0.05
done
head -n 1 contacts.csv
echo "... and $(($(wc -l <contacts.csv) - 1)) lines"

# A real DevRev wants a pace (45 calls a minute unless you say otherwise) and patience; this one does not.
export RATE_LIMIT_CALLS=0 MERGE_SETTLE_SECONDS=2

say "2. Plan: reads, decides, changes nothing"
run merge --csv contacts.csv --csv-out decisions.csv

say "3. Apply, and kill -9 in the middle, on purpose"
printf '$ steward apply last --yes\n'
"$steward" apply last --yes &
applying=$!
until [ "$(merges)" -ge 40 ]; do
    kill -0 "$applying" 2>/dev/null || die "apply ended before it could be killed"
    sleep 0.01
done
kill -9 "$applying"
wait "$applying" 2>/dev/null || :
applying=
printf '\n%s merges had reached DevRev when the process was killed.\n' "$(merges)"

say "4. Resume: settles what was in the air by reading, then goes on"
run resume last --yes

say "5. Verify: is DevRev what the plan promised?"
run verify last

say "6. Report"
run report last
once=$(grep '"call":"rev-users.merge"' effects.jsonl | sed 's/.*"body":{\([^}]*\)}.*/\1/' | sort | uniq -c |
    awk '$1 == 1 { once++ } $1 > 1 { twice++ } END { print once + 0 " merges once, " twice + 0 " more than once" }')
printf 'The stand-in says: %s.\n' "$once"

say "Where everything lies"
cat <<LIST
  demo/contacts.csv   what was planned from
  demo/decisions.csv  what was decided, row by row
  demo/plans/         the plan, fixed by its hash
  demo/steward.db     the journal
  demo/backups/       both contacts of each pair, their tickets and conversations
  demo/reports/       the report: run-1.html for people, run-1.json for programs
  demo/logs/          logs, without personal data
  demo/effects.jsonl  what really happened, as the stand-in saw it
Look around: cd demo && ../build/src/steward show last
LIST
