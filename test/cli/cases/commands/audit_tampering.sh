# SPDX-License-Identifier: MIT
# Whatever is done to steward.db behind steward's back is found and named.
contacts 3
sandbox --issues 0 --seed 5 --load contacts=contacts.csv
steward merge --csv contacts.csv >/dev/null
steward apply last --quiet
steward audit verify
steward audit verify --json | schema audit-verify
steward audit show | wc -l
steward audit show 1 | schema audit-entry --lines
steward merge --csv contacts.csv >/dev/null
steward audit show 2 | wc -l
steward audit show --run 2 | wc -l
fails steward audit show 7
fails steward audit verify 1
end=$(steward audit verify --json | sed 's/.*"head":"\([0-9a-f]*\)".*/\1/')
steward merge --csv contacts.csv >/dev/null
steward audit verify --end "$end"
fails steward audit verify --end "$(echo "$end" | tr 0-9a-f 1-9a-f0)"
fails steward audit verify --end 12
cp steward.db sound.db
tamper() { # WHAT SQL: does it to a sound journal, and asks
    echo "$1:"
    cp sound.db steward.db
    rm -f steward.db-wal steward.db-shm
    "$PYTHON" -c 'import sqlite3, sys
db = sqlite3.connect("steward.db")
db.executescript(sys.argv[1])
db.close()' "$2"
    fails_into verify.json steward audit verify --json 2>&1 | sed 's/by entry [0-9]*/by an entry/'
    schema audit-verify <verify.json
    "$PYTHON" -c 'import json
found = json.load(open("verify.json"))
print(found["broken_at"], found["how"], found["differences"])'
}
tamper 'the first is changed' "UPDATE audit SET body = replace(body, 'merge', 'erase') WHERE seq = 1"
tamper 'one is removed' "DELETE FROM audit WHERE seq = 7"
tamper 'the first is removed' "DELETE FROM audit WHERE seq = 1"
tamper 'the last is removed' "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"
tamper 'the end is cut off' "DELETE FROM audit WHERE seq > 9"
tamper 'one is removed and the others move up' \
    "DELETE FROM audit WHERE seq = 7; UPDATE audit SET seq = seq - 1 WHERE seq > 7"
tamper 'two change places' "UPDATE audit SET body = (SELECT body FROM audit AS other WHERE
    other.seq = 11 - audit.seq) WHERE seq IN (5, 6)"
tamper 'it belongs to another run' "UPDATE audit SET run = 2 WHERE seq = 4"
tamper 'the head is removed' "DELETE FROM audit_head"
tamper 'the head is put back' "UPDATE audit_head SET seq = 8, hash =
    (SELECT hash FROM audit WHERE seq = 8)"
tamper 'the table is emptied' "DELETE FROM audit"
tamper 'all of it is begun anew' "DELETE FROM audit; UPDATE audit_head SET seq = 0, hash = zeroblob(32)"
tamper 'a state is edited' "UPDATE change SET state = 'failed' WHERE seq = 1"
tamper 'a state and its count are edited' "UPDATE change SET state = 'failed' WHERE seq = 1;
    UPDATE tally SET n = 2 WHERE state = 'verified'; INSERT INTO tally VALUES (1, 'failed', 1)"
tamper 'a change is removed' "DELETE FROM change WHERE seq = 2"
tamper 'a run is another' "UPDATE run SET state = 'planned' WHERE id = 1"
tamper 'a plan is another' "UPDATE run SET plan_hash = zeroblob(32) WHERE id = 1"
