# SPDX-License-Identifier: MIT
# A token that expires, a server that fails: told, and not tried again.
chmod 700 .
found() {
    fails_into found steward doctor snowflake --quiet
    sed -n '/other steward/,$p' found | sed '1d; s/[0-9]* ms/N ms/g'
}
sandbox --contacts 8 --issues 0 --faults 'statements.submit@1=status:503:1' \
    --faults 'statements.submit@2=garbage' --faults 'statements.get@2=drop-before' \
    --faults 'statements.submit@5=expire' --requests requests
found
found
found
found
found
grep -c statements.submit requests
