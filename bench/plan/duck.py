#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The peer of the planning bench: `revu-pairs` in DuckDB, the same decisions file.

Usage: duck.py INPUT OUTPUT BLOCKED_LOCALS BLOCKED_DOMAINS. The last two are the shipped lists, one
entry a line. The text rules are those that the bench's plain data needs (no IDN, no full folding),
which is to DuckDB's advantage.
"""
import sys

import duckdb


def words(path):
    with open(path, encoding="utf-8") as lines:
        return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def main():
    source, target, locals_file, domains_file = sys.argv[1:5]
    db = duckdb.connect()
    db.execute("SET threads = 2")
    db.execute("SET preserve_insertion_order = true")
    db.execute("CREATE TABLE locals AS SELECT unnest(?::VARCHAR[]) AS word", [words(locals_file)])
    db.execute("CREATE TABLE domains AS SELECT unnest(?::VARCHAR[]) AS word", [words(domains_file)])
    db.execute(QUERY.replace("$SOURCE", source.replace("'", "''")).replace("$TARGET", target.replace("'", "''")))
    return 0


QUERY = """
COPY (
  WITH rows AS MATERIALIZED (
    SELECT row_number() OVER () AS number,
           trim(REV_USER_ID) AS id,
           lower(trim(EMAIL)) AS key,
           CASE WHEN starts_with(trim(EXTERNAL_REF), 'REVU-') THEN 1
                WHEN starts_with(trim(EXTERNAL_REF), 'user_') THEN 2 ELSE 0 END AS kind
    FROM read_csv('$SOURCE', header = true, all_varchar = true, delim = ',', quote = '"', escape = '"',
                  columns = {'REV_USER_ID': 'VARCHAR', 'DISPLAY_NAME': 'VARCHAR', 'EMAIL': 'VARCHAR',
                             'EXTERNAL_REF': 'VARCHAR', 'FULL_NAME': 'VARCHAR', 'CREATED_AT': 'VARCHAR',
                             'UPDATED_AT': 'VARCHAR', 'TICKET_COUNT': 'VARCHAR'})
  ), groups AS (
    SELECT key, count(*) AS n, count(*) FILTER (kind = 1) AS generated,
           count(*) FILTER (kind = 2) AS cxp, any_value(id) FILTER (kind = 2) AS survivor,
           split_part(split_part(key, '@', 1), '+', 1) IN (SELECT word FROM locals)
             OR split_part(key, '@', 2) IN (SELECT word FROM domains) AS blocked
    FROM rows GROUP BY key HAVING count(*) > 1
  )
  SELECT rows.id AS user_id,
         CASE WHEN n IS NULL THEN 'none'
              WHEN blocked THEN 'review'
              WHEN n = 2 AND generated = 1 AND cxp = 1 THEN CASE kind WHEN 2 THEN 'keep' ELSE 'merge' END
              ELSE 'review' END AS action,
         CASE WHEN n = 2 AND generated = 1 AND cxp = 1 AND NOT blocked THEN 'revu-pairs' END AS strategy,
         CASE WHEN n = 2 AND generated = 1 AND cxp = 1 AND NOT blocked THEN survivor END AS survivor_id,
         CASE WHEN n IS NULL THEN 'no other contact shares its email'
              WHEN blocked THEN 'email: ' || n || ' contacts share a blocked email'
              WHEN n = 2 AND generated = 1 AND cxp = 1
                THEN CASE kind WHEN 2 THEN 'survivor of 2 contacts' ELSE 'same email' END
              ELSE 'not-a-pair: ' || generated || ' generated, ' || cxp || ' cxp, '
                   || (n - generated - cxp) || ' other' END AS reason
  FROM rows LEFT JOIN groups ON rows.key = groups.key
  ORDER BY number
) TO '$TARGET' (FORMAT csv, HEADER true, DELIMITER ',')
"""

if __name__ == "__main__":
    sys.exit(main())
