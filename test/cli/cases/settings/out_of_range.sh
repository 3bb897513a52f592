# SPDX-License-Identifier: MIT
fails steward merge --csv a.csv --batch-size 0
fails steward merge --csv a.csv --batch-size=ten
fails steward merge --csv a.csv --workers 257
fails env RATE_LIMIT_PERIOD=0 steward merge --csv a.csv
echo 'MAX_RETRIES=0' >.env
fails steward merge --csv a.csv
rm .env
printf '[steward]\n\ncanary = -1\n' >steward.ini
fails steward merge --csv a.csv
