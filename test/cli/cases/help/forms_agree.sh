# SPDX-License-Identifier: MIT
# --help, -h and `help COMMAND` are one text; no command at all is a mistake with the same text.
steward --help >a
steward help >b
cmp a b
steward merge --help >a
steward help merge >b
cmp a b
steward merge -h --csv x >b
cmp a b
fails steward
