# SPDX-License-Identifier: MIT
# A run that could not be planned is still a run: listed, shown, not applied.
fails steward merge --csv nowhere.csv
steward show last --json | schema show
steward show last
steward runs --json | schema runs
fails steward apply last
fails steward resume
fails steward report last
fails steward verify last
