# SPDX-License-Identifier: MIT
contacts 3
steward merge --csv contacts.csv >plan.txt
set -- $(steward show 1 --changes | sed 's/.*"id":"\([0-9a-f]*\).*/\1/')
fails steward approve
fails steward approve 9
fails steward approve 1 abc
fails steward approve 1 'abcg'
fails steward approve 1 "${1}0" 2>long.err
sed "s/$1/@ID@/" long.err >&2
fails steward approve 1 00000000000000000000000000000000
fails steward refuse 1
fails steward refuse 1 --strategy upwork
echo '-- one that is wrong, and none is judged'
fails steward refuse 1 "$1" 00000000
steward show 1 --json | grep -o '"planned":[0-9]*'
echo '-- twice'
steward refuse 1 "$1" >refused.txt
fails steward refuse 1 "$1" 2>refused.err
fails steward approve 1 "$1" 2>approve.err
sed "s/'[0-9a-f]\{8\}'/'@ID@'/" refused.err approve.err
echo '-- a disk that does not take it'
fails env STEWARD_FAILPOINTS='journal.before_commit=ENOSPC@1' steward approve 1 "$2"
fails env STEWARD_FAILPOINTS='journal.before_commit=ENOSPC@1' steward refuse 1 "$2"
fails env STEWARD_FAILPOINTS='journal.before_commit=EIO@1' steward links must REVU-1 REVU-2
fails env STEWARD_FAILPOINTS='journal.before_commit=EIO@1' steward links forget "$(contact 11)" "$(contact 12)"
steward show 1 --json | grep -o '"planned":[0-9]*'
steward links list | grep -c one
echo '-- approvals of another plan'
steward approve 1 "$2" >approved.txt
"$PYTHON" - <<'PY'
import sqlite3
journal = sqlite3.connect("steward.db")
journal.execute("UPDATE memory SET value = replace(value, '\"plan\":\"', '\"plan\":\"f') "
                "WHERE key LIKE 'approval/%'")
journal.commit()
PY
fails steward apply 1
echo '-- not planned any more'
steward merge --csv contacts.csv --rules missing.yaml >plan.txt 2>&1 || :
fails steward approve 2
fails steward refuse 2 "$1"
