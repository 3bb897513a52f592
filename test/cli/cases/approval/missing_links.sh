# SPDX-License-Identifier: MIT
# Links of contacts that the source does not have do no harm and are told.
contacts 2
steward links cannot "$(contact 11)" "$(contact 22)"
steward links cannot "$(contact 11)" GONE-1
steward links must GONE-2 GONE-1
steward merge --csv contacts.csv | tail -n 4
steward links list
steward links list --json | schema links
steward links list --json | grep -o '"a_missing.*'
pair 3 p3@example.com | sed 's/^[^,]*revu\/31/GONE-1/' >>contacts.csv
steward merge --csv contacts.csv | tail -n 4
steward links list --json | grep -o '"a_missing.*'
