#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The peer of the planning bench for `external-contacts`: the five strategies in DuckDB.

Usage: duck_external.py INPUT OUTPUT LISTS_DIRECTORY

Written for the bench's clean data: no IDN, no full folding, no bad rows, no id twice, times as text. The
first word of each reason is that of steward, the rest is shorter. Each table holds only what later ones
need; contacts that lost are left out by anti-joins.
"""
import sys

import duckdb


def words(path):
    with open(path, encoding="utf-8") as lines:
        return [line.split("#")[0].strip().lower() for line in lines if line.split("#")[0].strip()]


def main():
    source, target, lists = sys.argv[1:4]
    db = duckdb.connect()
    db.execute("SET threads = 2")
    db.execute("SET preserve_insertion_order = true")
    for name, files in LISTS.items():
        db.execute(f"CREATE TEMP TABLE {name} AS SELECT unnest(?::VARCHAR[]) AS word",
                   [[word for file in files for word in words(f"{lists}/{file}.txt")]])
    for step in STEPS:
        db.execute(step.replace("$SOURCE", source.replace("'", "''")).replace("$TARGET", target.replace("'", "''")))
    return 0


LISTS = {
    "placeholders": ["placeholders"],
    "locals": ["placeholders", "roles"],
    "relays": ["relays"],
    "family": ["upwork-family"],
}

STEPS = [
    # what is known of each contact
    """CREATE TEMP TABLE c AS
    WITH r AS (
      SELECT row_number() OVER () AS n, trim("User ID") AS id, lower(trim("Email")) AS email,
             trim("External Ref") AS ref, trim("Devrev Account ID") AS account_id,
             lower(trim("Devrev Account Name")) AS account_name, lower(trim("Modified By Name")) AS modified_by,
             lower(trim("Updated by BI service")) AS bi, regexp_replace(trim("CXP User id"), '[.]0$', '') AS uid,
             trim("Updated At") AS updated, TRY_CAST(trim("Tickets") AS BIGINT) AS tickets,
             trim("Display ID") AS display_id
      FROM read_csv('$SOURCE', header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')
    ), e AS (
      SELECT *, split_part(split_part(email, '@', 1), '+', 1) AS name, split_part(email, '@', 2) AS domain FROM r
    )
    SELECT n, id, nullif(email, '') AS email, nullif(ref, '') AS ref, starts_with(ref, 'user_') AS cxp,
           ref <> '' AND NOT starts_with(ref, 'REVU-') AS claimed,
           CASE WHEN account_id <> '' THEN 'i' || account_id WHEN account_name <> '' THEN 'n' || account_name END
             AS account,
           account_name = 'velocity global - other' AS other, account_name = 'upwork' AS generic,
           account_name <> '' AND account_name NOT IN ('velocity global - other', 'upwork') AS real,
           modified_by = 'devrev bot' AS bot, bi IN ('yes', 'true', 'y', '1') AS bi,
           CASE WHEN lower(uid) NOT IN ('', 'n/a', 'na', '-', '0', 'null') THEN uid END AS uid,
           updated, coalesce(tickets, 0) AS tickets,
           email = '' OR name IN (SELECT word FROM placeholders) AS placeholder,
           name IN (SELECT word FROM locals) OR (domain IN (SELECT word FROM relays)
             AND domain NOT IN (SELECT word FROM family)) AS blocked,
           CASE WHEN domain IN (SELECT word FROM family) AND name <> '' AND name NOT IN (SELECT word FROM locals)
             THEN name END AS upwork,
           ref <> '' AND ref = CASE WHEN lower(uid) NOT IN ('', 'n/a', 'na', '-', '0', 'null') THEN uid ELSE id END
             AS own,
           TRY_CAST(regexp_extract(CASE WHEN display_id <> '' THEN display_id ELSE id END, '([0-9]+)$', 1) AS HUGEINT)
             AS number
    FROM e""",
    # cxp-uid and bot-amended look at the same groups, and the first leaves nothing to the second
    """CREATE TEMP TABLE lost AS
    WITH g AS (
      SELECT email, account, count(*) FILTER (cxp) AS cxp, count(*) AS size, count(*) FILTER (NOT bot) AS people,
             any_value(n) FILTER (cxp) AS cxp_n, any_value(n) FILTER (NOT bot) AS people_n
      FROM c WHERE email IS NOT NULL AND account IS NOT NULL AND NOT blocked
      GROUP BY email, account HAVING count(*) > 1
    ), d AS (
      SELECT email, account, CASE WHEN cxp = 1 THEN cxp_n ELSE people_n END AS survivor,
             CASE WHEN cxp = 1 THEN 1 ELSE 2 END AS via
      FROM g WHERE cxp = 1 OR (cxp = size AND people = 1)
    )
    SELECT n, survivor, via FROM c JOIN d USING (email, account) WHERE n <> survivor AND NOT blocked""",
    """INSERT INTO lost
    WITH l AS (SELECT * FROM c ANTI JOIN lost USING (n) WHERE claimed),
    g AS (
      SELECT ref FROM l GROUP BY ref
      HAVING count(*) > 1 AND count(DISTINCT email) FILTER (NOT placeholder) <= 1
    ), o AS (
      SELECT n, first_value(n) OVER (PARTITION BY ref ORDER BY (email IS NOT NULL AND NOT blocked) DESC, real DESC,
               bi DESC, tickets DESC, updated DESC, number NULLS LAST, id) AS survivor
      FROM l SEMI JOIN g USING (ref)
    )
    SELECT n, survivor, 3 FROM o WHERE n <> survivor""",
    """INSERT INTO lost
    WITH l AS (SELECT n, upwork, generic, real FROM c ANTI JOIN lost USING (n) WHERE upwork IS NOT NULL),
    g AS (
      SELECT upwork, any_value(n) FILTER (real) AS survivor FROM l GROUP BY upwork
      HAVING count(*) > 1 AND count(*) FILTER (generic) > 0 AND count(*) FILTER (real) = 1
    )
    SELECT n, survivor, 4 FROM l JOIN g USING (upwork) WHERE generic""",
    """INSERT INTO lost
    WITH l AS (
      SELECT n, email, other, real, own FROM c ANTI JOIN lost USING (n) WHERE email IS NOT NULL AND NOT blocked
    ), g AS (
      SELECT email, CASE WHEN count(*) = 2 THEN any_value(n) FILTER (real) ELSE any_value(n) FILTER (own) END
               AS survivor
      FROM l GROUP BY email
      HAVING count(*) > 1 AND count(*) FILTER (other) > 0
         AND CASE WHEN count(*) = 2 THEN count(*) FILTER (real) = 1
                  ELSE count(*) FILTER (own) = 1 AND count(*) FILTER (own AND real) = 1 END
    )
    SELECT n, survivor, 5 FROM l JOIN g USING (email) WHERE other""",
    # the last survivor and the way to it; a contact loses at most once, so four steps are the most
    """CREATE TEMP TABLE star AS
    WITH names AS (SELECT unnest([1, 2, 3, 4, 5]) AS via,
                          unnest(['cxp-uid', 'bot-amended', 'external-ref', 'upwork', 'velocity-global']) AS name)
    SELECT a.n, coalesce(e.survivor, d.survivor, b.survivor, a.survivor) AS root, a.via,
           concat_ws('+', v.name, w.name, x.name, y.name) AS path
    FROM lost a JOIN names v ON a.via = v.via LEFT JOIN lost b ON a.survivor = b.n LEFT JOIN names w ON b.via = w.via
    LEFT JOIN lost d ON b.survivor = d.n LEFT JOIN names x ON d.via = x.via
    LEFT JOIN lost e ON d.survivor = e.n LEFT JOIN names y ON e.via = y.via""",
    """CREATE TEMP TABLE kept AS
    WITH m AS (
      SELECT root, n, via FROM star UNION ALL SELECT DISTINCT root, root, 0 FROM star
    ), g AS (
      SELECT root, count(*) AS size, min(c.uid) FILTER (m.via <> 2) <> max(c.uid) FILTER (m.via <> 2)
               OR min(c.ref) FILTER (c.cxp AND m.via <> 2) <> max(c.ref) FILTER (c.cxp AND m.via <> 2) AS conflict
      FROM m JOIN c USING (n) GROUP BY root
    ), p AS (
      SELECT survivor AS root, list(DISTINCT via ORDER BY via) AS vias FROM lost GROUP BY survivor
    )
    SELECT g.root, size, coalesce(conflict, false) AS conflict, vias FROM g JOIN p USING (root)""",
    """COPY (
      WITH e AS (SELECT email FROM c WHERE email IS NOT NULL GROUP BY email HAVING count(*) > 1),
      r AS (SELECT ref FROM c WHERE claimed GROUP BY ref HAVING count(*) > 1),
      u AS (SELECT upwork FROM c WHERE upwork IS NOT NULL GROUP BY upwork HAVING count(*) > 1),
      o AS (
        SELECT c.n, c.id, c.blocked, star.path, star.root AS into_n, k.root AS keeps, k.vias,
               coalesce(s.size, k.size) AS size, coalesce(s.conflict, k.conflict) AS conflict,
               e.email IS NOT NULL AS same_email, r.ref IS NOT NULL OR u.upwork IS NOT NULL AS same_other
        FROM c LEFT JOIN star USING (n) LEFT JOIN kept k ON c.n = k.root LEFT JOIN kept s ON star.root = s.root
        LEFT JOIN e ON c.email = e.email LEFT JOIN r ON c.ref = r.ref AND c.claimed LEFT JOIN u ON c.upwork = u.upwork
      )
      SELECT o.id AS user_id,
             CASE WHEN size IS NOT NULL THEN
                    CASE WHEN conflict OR size > 25 THEN 'review' WHEN keeps IS NOT NULL THEN 'keep' ELSE 'merge' END
                  WHEN same_email OR same_other THEN 'review' ELSE 'none' END AS action,
             CASE WHEN size IS NULL OR conflict OR size > 25 THEN NULL WHEN keeps IS NULL THEN path
                  ELSE array_to_string(list_transform(vias, lambda v: ['cxp-uid', 'bot-amended', 'external-ref', 'upwork',
                                                                  'velocity-global'][v]), '+') END AS strategy,
             CASE WHEN size IS NULL OR conflict OR size > 25 THEN NULL WHEN keeps IS NULL THEN t.id
                  ELSE o.id END AS survivor_id,
             CASE WHEN conflict THEN 'conflict: two contacts differ'
                  WHEN size > 25 THEN 'too-large: ' || size
                  WHEN keeps IS NOT NULL THEN 'survivor of ' || size || ' contacts'
                  WHEN size IS NOT NULL THEN 'same key'
                  WHEN same_other OR (same_email AND NOT o.blocked) THEN 'undecided: no strategy decides'
                  WHEN same_email THEN 'email: a blocked email'
                  ELSE 'no other contact shares one of its keys' END AS reason
      FROM o LEFT JOIN c t ON o.into_n = t.n ORDER BY o.n
    ) TO '$TARGET' (FORMAT csv, HEADER true, DELIMITER ',')""",
]

if __name__ == "__main__":
    sys.exit(main())
