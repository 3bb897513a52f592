# SPDX-License-Identifier: MIT
fails steward merge
fails steward merge --csv a.csv --apply --preview
fails steward merge --csv a.csv --apply --dry-run
fails steward merge --csv a.csv --confirm 3
