# SPDX-License-Identifier: MIT
touch file
fails steward runs --workspace file
fails steward merge --csv a.csv --workspace file
