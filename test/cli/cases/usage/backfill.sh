# SPDX-License-Identifier: MIT
fails steward backfill
fails steward backfill --csv a.csv --apply --preview
fails steward backfill --csv a.csv --confirm 3
fails steward backfill --csv a.csv --source snowflake
fails steward backfill --source devrev
fails steward backfill --source snowflake --validate-only
fails steward backfill --csv a.csv --resume
fails steward backfill --csv a.csv more
fails steward backfill --csv a.csv --field
fails steward backfill --csv a.csv --overwritten
fails steward validate
fails steward validate a b
fails steward validate groups --csv a.csv
