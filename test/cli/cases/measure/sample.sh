# SPDX-License-Identifier: MIT
# Whole groups, as they are: quotes, line ends and the row without one at the end of the file.
printf '\357\273\277REV_USER_ID,EMAIL,EXTERNAL_REF,NOTE\r\n' >contacts.csv
printf '%s\r\n' 'a1,a@example.com,REVU-1,"say ""x"""' 'b1,b@example.com,REVU-2,alone' '' \
    'c1,c@example.com,REVU-3,"two' 'lines"' 'a2,A@Example.com,user_1,' 'd1' >>contacts.csv
printf 'c2,c@example.com,,last' >>contacts.csv
steward sample --input contacts.csv --output all.csv
od -c all.csv | sed -n '1,$p'
steward sample --input contacts.csv --output one.csv --size 1 --seed 3 --json >out.json
schema sample <out.json
cat out.json
steward sample --input contacts.csv --output again.csv --size 1 --seed 3
cmp one.csv again.csv
# an existing output is replaced, and is for the owner's eyes
steward sample --input contacts.csv --output all.csv --size 1 --seed 3
cmp one.csv all.csv
ls -l all.csv | cut -c1-10

# --map, and a rule set that asks for more
sed 's/REV_USER_ID/Number/' contacts.csv >own.csv
echo 'columns: {id: Number}' >map.yaml
steward sample --input own.csv --output mapped.csv --map map.yaml --size 1 --seed 3
tail -n +2 one.csv >a
tail -n +2 mapped.csv >b
cmp a b
fails steward sample --input own.csv --output x.csv

# the input stays
cp contacts.csv kept.csv
ln contacts.csv link.csv
fails steward sample --input contacts.csv --output contacts.csv
fails steward sample --input contacts.csv --output link.csv
cmp contacts.csv kept.csv

fails steward sample --input contacts.csv
fails steward sample --output x.csv
fails steward sample --input contacts.csv --output x.csv --size 0
fails steward sample --input contacts.csv --output x.csv --size four
fails steward sample --input nothing.csv --output x.csv
fails steward sample --input contacts.csv --output x.csv --rules no-such
fails steward sample --input contacts.csv --output none/x.csv
printf 'REV_USER_ID,EMAIL,EXTERNAL_REF\na,a@example.com,\na,a@example.com,\nb,b@example.com,\n' >alone.csv
fails steward sample --input alone.csv --output x.csv
ls x.csv* none 2>/dev/null || echo nothing was written
