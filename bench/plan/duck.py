#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The peer of the planning bench: `revu-pairs` in DuckDB, the same decisions file.

Usage: duck.py pairs|checked INPUT OUTPUT LISTS_DIRECTORY

pairs    only what the bench's clean data needs: no IDN, no full folding, no bad rows, no id twice
checked  and the checks on every row that a planner cannot leave out: the count is a count, and an id
         that stands in several rows has one content
"""
import sys

import duckdb


def words(path):
    with open(path, encoding="utf-8") as lines:
        return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def main():
    mode, source, target, lists = sys.argv[1:5]
    db = duckdb.connect()
    db.execute("SET threads = 2")
    db.execute("SET preserve_insertion_order = true")
    db.execute("CREATE TABLE locals AS SELECT unnest(?::VARCHAR[]) AS word", [words(f"{lists}/placeholders.txt") + words(f"{lists}/roles.txt")])
    db.execute("CREATE TABLE domains AS SELECT unnest(?::VARCHAR[]) AS word", [words(f"{lists}/relays.txt")])
    query = QUERY.replace("$SOURCE", source.replace("'", "''")).replace("$TARGET", target.replace("'", "''"))
    for name, text in MODES[mode].items():
        query = query.replace(name, text)
    db.execute(query)
    return 0


QUERY = """
COPY (
  WITH rows AS MATERIALIZED (
    SELECT row_number() OVER () AS number,
           trim(REV_USER_ID) AS id,
           lower(trim(EMAIL)) AS key,
           CASE WHEN starts_with(trim(EXTERNAL_REF), 'REVU-') THEN 1
                WHEN starts_with(trim(EXTERNAL_REF), 'user_') THEN 2 ELSE 0 END AS kind
           $READ
    FROM read_csv('$SOURCE', header = true, all_varchar = true, delim = ',', quote = '"', escape = '"',
                  columns = {'REV_USER_ID': 'VARCHAR', 'DISPLAY_NAME': 'VARCHAR', 'EMAIL': 'VARCHAR',
                             'EXTERNAL_REF': 'VARCHAR', 'FULL_NAME': 'VARCHAR', 'CREATED_AT': 'VARCHAR',
                             'UPDATED_AT': 'VARCHAR', 'TICKET_COUNT': 'VARCHAR'})
  ), $IDS groups AS (
    SELECT key, count(*) AS n, $BAD_IN_GROUP AS bad, count(*) FILTER (kind = 1) AS generated,
           count(*) FILTER (kind = 2) AS cxp, any_value(id) FILTER (kind = 2) AS survivor,
           split_part(split_part(key, '@', 1), '+', 1) IN (SELECT word FROM locals)
             OR split_part(key, '@', 2) IN (SELECT word FROM domains) AS blocked
    FROM $ROWS AS rows GROUP BY key HAVING count(*) > 1
  )
  SELECT rows.id AS user_id,
         CASE WHEN $BAD THEN 'review'
              WHEN n IS NULL THEN 'none'
              WHEN blocked OR bad > 0 THEN 'review'
              WHEN n = 2 AND generated = 1 AND cxp = 1 THEN CASE kind WHEN 2 THEN 'keep' ELSE 'merge' END
              ELSE 'review' END AS action,
         CASE WHEN n = 2 AND generated = 1 AND cxp = 1 AND NOT blocked AND bad = 0 THEN 'revu-pairs' END AS strategy,
         CASE WHEN n = 2 AND generated = 1 AND cxp = 1 AND NOT blocked AND bad = 0 THEN survivor END AS survivor_id,
         CASE WHEN $BAD THEN 'bad-row'
              WHEN n IS NULL THEN 'no other contact shares its email'
              WHEN blocked THEN 'email: ' || n || ' contacts share a blocked email'
              WHEN bad > 0 THEN 'undecided: ' || bad || ' of ' || n
              WHEN n = 2 AND generated = 1 AND cxp = 1
                THEN CASE kind WHEN 2 THEN 'survivor of 2 contacts' ELSE 'same email' END
              ELSE 'not-a-pair: ' || generated || ' generated, ' || cxp || ' cxp, '
                   || (n - generated - cxp) || ' other' END AS reason
  FROM $ROWS AS rows LEFT JOIN groups ON rows.key = groups.key
  ORDER BY number
) TO '$TARGET' (FORMAT csv, HEADER true, DELIMITER ',')
"""

MODES = {
    "pairs": {"$READ": "", "$IDS": "", "$ROWS": "rows", "$BAD_IN_GROUP": "0", "$BAD": "false"},
    "checked": {
        "$READ": """, NOT regexp_full_match(trim(TICKET_COUNT), '([0-9]{1,18}([.]0)?)?') AS wrong,
            hash(trim(EMAIL), trim(EXTERNAL_REF), trim(TICKET_COUNT)) AS content""",
        "$IDS": """twice AS (
            SELECT id FROM rows GROUP BY id HAVING count(*) > 1 AND min(content) <> max(content)
          ), checked AS MATERIALIZED (
            SELECT number, rows.id, key, kind, wrong OR id = '' OR twice.id IS NOT NULL AS is_bad
            FROM rows LEFT JOIN twice USING (id)
          ),""",
        "$ROWS": "checked",
        "$BAD_IN_GROUP": "count(*) FILTER (is_bad)",
        "$BAD": "is_bad",
    },
}

if __name__ == "__main__":
    sys.exit(main())
