# SPDX-License-Identifier: MIT
# What can be said of the rows without the remote.
tenant=don:core:dvrv-us-1:devo/0sandbox:issue
user=don:identity:dvrv-us-1:devo/0sandbox:devu/1
cat >issues.csv <<EOF
creator_user_id,Issue_ID,assigned_group,creator_group
$user,$tenant/1,,
$user,$tenant/1,,
$user,ISS-2,GROUP-3,
,$tenant/3,,
$user,,,
$user,TKT-4,,
someone@example.com,$tenant/5,,
$user,$tenant/6
$user,$tenant/7,,
$user,$tenant/7,GROUP-1,
"multi
line",ISS-8,,
EOF
fails steward validate issues.csv
fails steward backfill --csv issues.csv --validate-only
fails steward validate issues.csv --json
fails_into bad.json steward validate issues.csv --json
schema validate <bad.json
{
    echo 'issue_id,creator_user_id,assigned_group'
    echo "ISS-1,$user,"
} >good.csv
steward validate good.csv
steward validate good.csv --json | tee good.json
schema validate <good.json
steward backfill --csv good.csv --validate-only
find . -name steward.db # nothing was planned
fails steward validate nowhere.csv
echo 'issue_id,creator' >columns.csv
fails steward validate columns.csv
: >empty.csv
fails steward validate empty.csv
