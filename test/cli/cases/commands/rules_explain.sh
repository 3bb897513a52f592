# SPDX-License-Identifier: MIT
cat >pivot.csv <<'CSV'
Email,External Ref,Modified By Name,User ID,Type,Display ID,Devrev Account ID,Devrev Account Name,Updated At,CXP User id,Updated by BI service,,Linked to acc,Tickets,Action,Strategy
a@x.example,user_1,Ann,U1,rev_user,REVU-1,ACC-1,Acme,2024-01-01,1,No,,Yes,3,Main,1
A@x.example,REVU-2,Ann,U2,rev_user,REVU-2,ACC-1,Acme,2024-01-02,,No,,Yes,0,Merge,1
b@x.example,r1,Bob,U3,rev_user,REVU-3,,Acme,2024-01-03,,Yes,,Yes,4,,
,r1,Bob,U4,rev_user,REVU-4,,Acme,2024-01-03,,Yes,,Yes,4,,
b@x.example,,Bob,U5,rev_user,REVU-5,,Velocity Global - OTHER,2024-01-03,,No,,Yes,many,,
c@x.example,user_6,Ann,U6,rev_user,REVU-6,ACC-1,Acme,2024-01-01,6,No,,Yes,3,,
c@x.example,,Ann,U7,rev_user,REVU-7,ACC-1,Acme,2024-01-01,7,No,,Yes,3,,
CSV
explain() {
    echo "== $*"
    steward rules explain "$@" --csv pivot.csv --rules external-contacts
}
explain U2
explain U4
explain U7
explain U5
steward rules explain U4 --csv pivot.csv --rules external-contacts --json | schema rules-explain
# what people decided counts, where the workspace knows of it
steward links cannot U1 U2 >/dev/null
explain U2 | tail -6
explain U9 || echo "exit $?"
steward rules explain U1 || echo "exit $?"
steward rules list U1 || echo "exit $?"
steward rules check revu-pairs --csv pivot.csv || echo "exit $?"
