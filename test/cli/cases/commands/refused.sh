# SPDX-License-Identifier: MIT
# Guards: exit 4, and nothing was sent: there is no token and no remote here.
contacts 2
fails steward merge --csv contacts.csv --apply
fails_into out steward merge --csv contacts.csv --apply --confirm 3
fails steward resume 1
fails steward apply 1 --max-changes 1
steward runs --json | schema runs
steward runs | cut -c 1-15
