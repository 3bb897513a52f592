# SPDX-License-Identifier: MIT
echo 'this is no database, and long enough to be looked at by anything that reads a header of 100 bytes' >steward.db
fails steward runs
fails steward merge --csv a.csv
cat steward.db
