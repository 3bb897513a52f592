# SPDX-License-Identifier: MIT
# In the middle of a run: it pauses instead of failing a thousand changes, and can be resumed.
contacts 6
sandbox --issues 0 --seed 5 --load contacts=contacts.csv --effects effects.jsonl --faults rev-users.merge@3=expire
steward merge --csv contacts.csv --quiet >/dev/null
fails_into out steward apply last --quiet --workers 1 2>err
sed 's/with [0-9]* changes/with N changes/; s/could not call [a-z.-]*:/could not call CALL:/' err
steward runs | cut -c 1-15
fails_into found steward doctor devrev --quiet
grep '  token ' found
