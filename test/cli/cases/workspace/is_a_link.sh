# SPDX-License-Identifier: MIT
mkdir real
ln -s real link
fails steward merge --csv a.csv --workspace link
