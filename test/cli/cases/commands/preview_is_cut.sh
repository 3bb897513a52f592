# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
n=1
while [ $n -le 25 ]; do
    pair $n p$n@example.com >>contacts.csv
    n=$((n + 1))
done
n=1
while [ $n -le 12 ]; do
    printf '%s,A,r%s@example.com,REVU-9%s,A,,,0\n' "$(contact 9${n}1)" $n $n >>contacts.csv
    printf '%s,B,r%s@example.com,REVU-8%s,B,,,0\n' "$(contact 9${n}2)" $n $n >>contacts.csv
    printf '%s,C,r%s@example.com,user_9%s,C,,,0\n' "$(contact 9${n}3)" $n $n >>contacts.csv
    n=$((n + 1))
done
steward merge --csv contacts.csv
steward show last | tail -1
steward show last --all | grep -c planned
steward show last --changes | schema changes --lines
steward show last --changes | wc -l
