# SPDX-License-Identifier: MIT
# The whole life with encryption and compression: what lies on the disk shows nothing but names, and
# nothing goes on without the key.
head -c 32 /dev/zero | tr '\0' 'k' >key && chmod 600 key
sandbox --contacts 12 --seed 3 --issues 0 --contacts-csv contacts.csv
export BACKUP_KEY_FILE=key
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --yes --quiet --backup-compress >/dev/null
grep -rlE 'display_id|rev_user|REVU' backups --include='*.zst' || echo "nothing readable"
cat backups/vault.json
steward verify last --quiet
steward backups list | sed 's/ [0-9.]* kB/ @SIZE@/'
steward backups verify --verify-contacts --verify-tickets --verify-conversations
id=$(steward show last --changes | sed -n '1s/.*"id":"\([0-9a-f]*\)".*/\1/p')
steward backups show "$id" metadata/contact_info.json | grep -c '"survivor"'
grep -rc kkkk logs reports steward.db backups | grep -v ':0$' || echo "no key anywhere"
unset BACKUP_KEY_FILE
steward backups verify
fails steward backups verify --verify-tickets
fails steward backups show "$id" metadata/contact_info.json
steward doctor 2>/dev/null | grep -A 1 'backup key' || :
head -c 32 /dev/zero | tr '\0' 'x' >key
BACKUP_KEY_FILE=key fails steward backups show "$id" metadata/contact_info.json
BACKUP_KEY_FILE=key steward backups list | sed 's/ [0-9.]* kB/ @SIZE@/'
# another run does not begin: neither with the wrong key nor in the open
steward merge --csv contacts.csv --quiet >/dev/null 2>&1
fails steward apply last --yes --quiet
BACKUP_KEY_FILE=key fails steward apply last --yes --quiet
