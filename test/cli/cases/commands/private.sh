# SPDX-License-Identifier: MIT
# No address and no token of the run on stderr or in logs; nobody else may read what steward wrote.
contacts 4
echo 'bad,row' >>contacts.csv
head -9 contacts.csv >good.csv
sandbox --issues 0 --seed 5 --load contacts=good.csv --faults 'rev-users.merge@2=drop-after' --faults 'rev-users.merge@3=status:500' --faults 'rev-users.get@7=garbage'
token=$(sed -n 's/^DEVREV_API_TOKEN=//p' .env)
umask 022
{
    fails_into out steward merge --csv contacts.csv --log-level debug --verbose
    fails_into out steward apply last --log-level debug --verbose
    fails_into out steward apply last
    fails_into out steward verify last --log-level debug --verbose
} >codes 2>messages
for word in "$token" example.com; do
    grep -rlF "$word" messages logs || echo "clean of ${word%%-*}"
done
test -s messages
test -s logs/steward.log
find steward.db* plans backups logs reports limits -perm /077
