# SPDX-License-Identifier: MIT
# Backups are listed, checked, shown, copied and, when they are old, pruned.
sandbox --contacts 12 --seed 3 --issues 0 --contacts-csv contacts.csv
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --yes --quiet >/dev/null
steward backups list | sed 's/ [0-9.]* kB/ @SIZE@/'
steward backups list --json | schema backups-list
id=$(steward show last --changes | sed -n '1s/.*"id":"\([0-9a-f]*\)".*/\1/p')
short=$(echo "$id" | cut -c 1-6)
steward backups verify --verify-contacts --verify-tickets --verify-conversations
steward backups verify "$short" "$id"
steward backups verify --all --json | schema backups-verify
steward backups show "$short" | sed 's/[0-9.]* kB/@SIZE@/; s/^ *[0-9][0-9]*  /@BYTES@  /; s/_[0-9]*_[0-9]*$/_@STAMP@/' | grep -v '^@BYTES@  conversations/'
steward backups show "$id" --json | schema backups-show
steward backups show "$short" tickets/relationships.json | "$PYTHON" -c '
import json, sys
print(sorted(json.load(sys.stdin)))'
steward backups show "$short" metadata/contact_info.json | grep -c '"loser"'
fails steward backups show "$short" tickets/none.json
steward backups export "$short" --output copy | sed 's/([^)]*)/(@SIZE@)/'
steward backups export "$short" --output copy.tar --json | schema backups-export
fails steward backups export "$short" --output copy.tar
fails steward backups export "$short" --output copy
tar xf copy.tar && rm copy.tar && mv ./*_2* tarred
diff -r tarred copy && find copy -type f -perm /077 -o -type d -perm /077
steward backups prune | sed 's/ [0-9.]* kB/ @SIZE@/; s/([^)]*)/(@SIZE@)/g'
steward backups prune --json | schema backups-prune
