# SPDX-License-Identifier: MIT
# What is not understood is said, and nothing is done.
fails steward backups
fails steward backups remove
fails steward backups list all
fails steward backups show
fails steward backups show 1234 a b
fails steward backups list --force
fails steward backups export 1234
fails steward backups list
mkdir backups
steward backups list
fails steward backups show 12
fails steward backups show 1234abcd
fails steward backups prune --apply --yes
fails env BACKUP_RETENTION_DAYS=0 steward backups prune
fails env BACKUP_KEY_FILE=a BACKUP_PASSPHRASE=bbbbbbbbb steward backups list
fails env BACKUP_KEY_FILE=none steward backups list
