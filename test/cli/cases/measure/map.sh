# SPDX-License-Identifier: MIT
# --map FILE: a file with headers of its own.
cat >own.csv <<'CSV'
Contact Id,Mail,,Mail 2
a1,x@example.com,REVU-1,
a2,X@example.com,user_2,
CSV
echo 'columns: {id: "Contact Id", email: Mail, external_ref: ""}' >map.yaml
fails steward merge --csv own.csv
steward merge --csv own.csv --map map.yaml --csv-out decisions.csv | grep '^Plan'
cat decisions.csv

# the plan is the one that the usual headers give
sed 's/^Contact Id,Mail,,/id,email,external_ref,/' own.csv >usual.csv
steward merge --csv usual.csv | grep '^Plan'
cmp plans/2.plan plans/3.plan
steward show 2 | sed -n 1,3p

for map in 'columns: {id: "Contact Id", mail: Mail}' 'columns: {id: Nummer}' \
    'columns: {id: Mail, email: mail}' 'columns: {id: "Contact Id", id: Mail}' \
    'columns: {email: External Ref}' 'columns: [a]'; do
    echo "$map" >map.yaml
    fails steward merge --csv own.csv --map map.yaml
done
fails steward merge --csv own.csv --map nothing.yaml
