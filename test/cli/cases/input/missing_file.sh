fails steward merge --csv nowhere.csv
