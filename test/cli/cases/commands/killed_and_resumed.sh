# SPDX-License-Identifier: MIT
# kill -9 in the middle; resume right after it, without 11, and each merge once.
contacts 20
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl --latency 20
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --quiet >/dev/null 2>&1 &
apply=$!
until [ "$(merges)" -ge 3 ]; do sleep 0.02; done
kill -9 $apply
wait $apply 2>/dev/null || echo "killed: $?"
steward runs | cut -c 1-15
steward resume --quiet
merges
steward verify last --quiet
