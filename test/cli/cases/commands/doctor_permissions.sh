# SPDX-License-Identifier: MIT
# What the token may not read is named, with what to do; a call that may be missing is only a warning.
chmod 700 .
sandbox --contacts 8 --issues 0 --seed 5 --faults 'works.list@1-9=status:403' --faults 'jobs.list@1-9=status:404'
fails_into found steward doctor devrev
grep -A1 '^\(warn\|fail\)' found
