# SPDX-License-Identifier: MIT
# Who holds it is named; what only reads goes on beside it.
contacts 3
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --latency 500
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --quiet >/dev/null 2>&1 &
until steward runs | grep -q applying; do sleep 0.02; done
fails_into out steward merge --csv contacts.csv
fails_into out steward apply last
fails_into out steward resume
fails_into out steward verify last
steward runs --json | schema runs
steward show last --json | schema show
steward doctor --quiet | grep '  lock  ' | sed 's/for .*/for a while/'
kill -9 $!
wait $! 2>/dev/null || :
# A lock whose owner is dead is no lock.
steward doctor --quiet | grep '  lock  '
