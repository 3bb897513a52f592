# SPDX-License-Identifier: MIT
# One warning each, with file, line and the nearest name; the names of the old scripts are known.
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
printf 'BATCH_SIZE=5\nBACTH_SIZE=6\nSNOWFLAKE_ACCOUNT=x\nSMTP_HOST=y\n' >.env
printf '[steward]\nworker = 3\n[database]\nhost = h\nprot = 1\n[elsewhere]\nx = 1\n' >steward.ini
chmod 600 .env
steward merge --csv contacts.csv >/dev/null
steward runs --quiet >/dev/null
