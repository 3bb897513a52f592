# SPDX-License-Identifier: MIT
# The directory for backups is a link, a file, or cannot be made: nothing is sent.
contacts 1
export DEVREV_API_TOKEN=abc DEVREV_BASE_URL=http://127.0.0.1:1
steward merge --csv contacts.csv >/dev/null
mkdir real
ln -s real backups
fails steward apply last
rm backups
touch backups
fails steward apply last
fails steward apply last --backup-dir /proc/backups
steward show last --json | schema show
steward runs | cut -c 1-15
