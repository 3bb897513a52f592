# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
steward merge --csv contacts.csv >/dev/null
"$PYTHON" -c 'import sqlite3; db = sqlite3.connect("steward.db"); db.execute("PRAGMA user_version = 999"); db.commit()'
fails steward runs
fails steward apply last
