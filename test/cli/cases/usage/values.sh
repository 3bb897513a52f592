# SPDX-License-Identifier: MIT
fails steward merge --csv
fails steward merge --csv --apply
fails steward merge --csv=
fails steward merge --apply=yes
fails steward merge --source cvs
fails steward runs --log-level loud
