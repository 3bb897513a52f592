# SPDX-License-Identifier: MIT
# The groups of the tenant, who is in several, and whether the field takes them.
sandbox --contacts 20 --issues 20
steward validate groups
steward validate groups --json | tee groups.json
schema validate-groups <groups.json
fails steward validate groups --field tnt__note
fails steward validate groups --field tnt__nothing
fails steward validate groups --field creator_group
