# SPDX-License-Identifier: MIT
# What the plan was made from has changed: refused. There is no token here: a plan that is still fresh
# gets as far as that.
contacts 3
steward merge --csv contacts.csv >plan.txt
cp -p contacts.csv kept.csv
echo '-- as it was, and looked at from elsewhere'
fails steward apply 1
mkdir elsewhere
(cd elsewhere && fails steward --workspace .. apply 1)
echo '-- only touched'
touch contacts.csv
fails steward apply 1
echo '-- another file with the same content'
cp contacts.csv new.csv && mv new.csv contacts.csv
fails steward apply 1
echo '-- a row more'
pair 4 p4@example.com >>contacts.csv
fails steward apply 1
echo '-- as long, other content, the time set back'
sed 's/p2@/q2@/' kept.csv >contacts.csv
touch -r kept.csv contacts.csv
fails steward apply 1
echo '-- gone'
rm contacts.csv
fails steward apply 1
fails steward apply 1 --quiet
steward show 1 --json | grep -o '"state":"[a-z]*"' | sort | uniq -c | sed 's/^ *//'
