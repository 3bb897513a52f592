# SPDX-License-Identifier: MIT
# 100 MB between two commas: one bad row, little memory.
{
    echo "$header"
    pair 1 a@example.com
    printf '%s,' "$(contact 31)"
    head -c 100000000 /dev/zero | tr '\0' x
    printf ',c@example.com,REVU-3,One,,,1\n'
    pair 2 b@example.com
} >contacts.csv
ulimit -v 600000
fails steward merge --csv contacts.csv
rm contacts.csv
