# SPDX-License-Identifier: MIT
# The wrong value is the one that counts: each in turn is overridden by the next.
printf '[steward]\nworkers = ini\n' >steward.ini
fails steward runs
echo 'WORKERS=env-file' >.env
fails steward runs
export WORKERS=environment
fails steward runs
fails steward merge --csv a.csv --workers flag
