# SPDX-License-Identifier: MIT
# A rule set of one's own, one of its lists, and a map of columns.
contacts 3
mkdir own && cp "$CLI/../../rules/revu-pairs.yaml" own/ && cp -r "$CLI/../../rules/lists" own/
sed '1s/EMAIL/Mail/' contacts.csv >mapped.csv
echo 'columns: {email: Mail}' >map.yaml
steward merge --csv mapped.csv --map map.yaml --rules own/revu-pairs.yaml >plan.txt
fails steward apply 1
echo '-- a list'
cp own/lists/roles.txt roles.txt
echo 'somebody' >>own/lists/roles.txt
fails steward apply 1
cp roles.txt own/lists/roles.txt
fails steward apply 1
echo '-- the rules'
cp own/revu-pairs.yaml rules.yaml
echo '# another comment' >>own/revu-pairs.yaml
fails steward apply 1
echo 'nonsense: 1' >own/revu-pairs.yaml
fails steward apply 1
rm own/revu-pairs.yaml
fails steward apply 1
cp rules.yaml own/revu-pairs.yaml
echo '-- the map'
echo '# another comment' >>map.yaml
fails steward apply 1
rm map.yaml
fails steward apply 1
