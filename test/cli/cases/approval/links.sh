# SPDX-License-Identifier: MIT
# What is said about pairs stays, one link a pair.
steward links cannot "$(contact 11)" "$(contact 12)"
steward links must " $(contact 12) " "$(contact 11)"
steward links must REVU-7 REVU-8
steward links cannot REVU-7 REVU-9 --json | schema links
steward links list
steward links forget REVU-8 REVU-7
fails steward links forget REVU-8 REVU-7
fails steward links cannot REVU-8 REVU-8
fails steward links cannot REVU-8 ''
fails steward links cannot REVU-8
fails steward links list REVU-8
fails steward links lists
steward links forget "$(contact 11)" "$(contact 12)"
steward links forget REVU-9 REVU-7
steward links list
steward links list --json
