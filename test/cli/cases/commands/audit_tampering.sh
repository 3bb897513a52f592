# SPDX-License-Identifier: MIT
contacts 1
steward merge --csv contacts.csv >/dev/null
steward audit verify
"$PYTHON" - <<'TAMPER'
import sqlite3
db = sqlite3.connect("steward.db")
db.execute("UPDATE audit SET body = replace(body, '\"run\":1', '\"run\":2') WHERE seq = 1")
db.commit()
TAMPER
fails steward audit verify
fails_into verify.json steward audit verify --json
schema audit-verify <verify.json
cat verify.json
