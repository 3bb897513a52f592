# SPDX-License-Identifier: MIT
# Nothing was planned here yet.
for command in runs 'show last' 'report last' 'audit verify' 'audit show'; do
    fails steward $command
done
ls -A
