# SPDX-License-Identifier: MIT
# The spellings of the old scripts.
contacts 1
sandbox --load contacts=contacts.csv --merge-delay 0
steward merge --csv contacts.csv --source csv --preview | head -2
steward merge --csv contacts.csv --dry-run | head -2
steward merge --csv contacts.csv --config /dev/null --log-level debug --batch-size 10 \
    --retry-attempts 3 --backup-compress --backup-dir kept --verify-contacts --verify-tickets \
    --verify-conversations --verbose 2>/dev/null | head -2
fails steward merge --csv contacts.csv --execute
fails steward merge --csv contacts.csv --resume
fails steward merge --resume --validate-only
fails steward backfill --resume
steward apply 4 --yes --quiet
steward merge --csv contacts.csv --resume --quiet
