# SPDX-License-Identifier: MIT
chmod 700 .
sandbox --contacts 8 --issues 0 --seed 5
steward doctor devrev | sed 's/^\(ok    disk  *\)[0-9]* MB/\1N MB/; s/, [0-9]* ms$/, N ms/; s/in [0-9]* days/in N days/; s/[0-9.]* s \(behind\|ahead of\)/N s beside/'
steward doctor devrev --json | schema doctor
