# SPDX-License-Identifier: MIT
fails steward merge --csv nowhere.csv
