# SPDX-License-Identifier: MIT
# Rows are read and judged; nothing is planned and nothing is written.
contacts 2
steward merge --csv contacts.csv --validate-only
steward merge --csv contacts.csv --validate-only --json | schema validate
printf 'x\n%s,One,q@example.com,REVU-1,One,,,many\n' "$(contact 9)" >>contacts.csv
fails steward merge --csv contacts.csv --validate-only
fails_into out.json steward merge --csv contacts.csv --validate-only --json
schema validate <out.json
cat out.json
fails steward merge --csv contacts.csv --validate-only --strict
fails steward merge --csv contacts.csv --validate-only --rules no-such-rules
fails steward merge --source devrev --validate-only
rm -f out.json
ls
