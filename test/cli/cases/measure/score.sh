# SPDX-License-Identifier: MIT
# Precision and recall against labels. Counted by hand: merge is decided for a2 a3 b2 d1 f2, labelled
# for a2 a3 b2 c1 d1 g1; keep is decided for a1 b1 rd2 f1, labelled for a1 c2 rd2 f1 f2. The bad rows
# count nowhere.
cat >rules.yaml <<'RULES'
name: two
version: 1
summary: two strategies
kind: merge-contact
columns:
  - {name: id, form: trim, identity: yes, required: yes}
  - {name: email, form: email, required: yes}
  - {name: ref, form: trim, required: yes}
facts:
  - {name: main, all: [{column: ref, prefix: m}]}
  - {name: real, all: [{column: id, prefix: r}]}
keys:
  - {name: email, columns: [email]}
  - {name: ref, columns: [ref]}
strategies:
  - {name: by-mail, key: email, when: [{exactly: 1, fact: main}], keep: main}
  - {name: by-ref, key: ref, when: [{exactly: 1, fact: real}], keep: real}
labels: {action: [Action], merge: Merge, keep: Main, strategy: [Strategy]}
RULES
cat >labelled.csv <<'CSV'
id,email,ref,Action,Strategy
a1,a@example.com,m1,Main,1
a2,a@example.com,x1,Merge,1
a3,a@example.com,x2,Merge,2
b1,b@example.com,m2,,
b2,b@example.com,x3,Merge,1
c1,c@example.com,y1,Merge,1
c2,c@example.com,y2,Main,1
d1,d@example.com,z1,Merge,2
rd2,e@example.com,z1,Main,2.0
f1,f@example.com,m3,Main,1
f2,f@example.com,q9,Main,1
g1,g@example.com,u1, Merge ,9
h1
,i@example.com,u2,Merge,1
CSV
fails steward merge --csv labelled.csv --rules ./rules.yaml --score
fails_into score.json steward merge --csv labelled.csv --rules ./rules.yaml --score --json
schema score <score.json
cat score.json

# no column for the strategy: totals only
cut -d, -f1-4 labelled.csv | head -13 >totals.csv
steward merge --csv totals.csv --rules ./rules.yaml --score --json --quiet >score.json
schema score <score.json
head -4 score.json
steward merge --csv totals.csv --rules ./rules.yaml --score | sed -n '/^Score/,/disagree/p'

# nothing to compare with: nothing is planned
cut -d, -f1-3 labelled.csv >unlabelled.csv
fails steward merge --csv unlabelled.csv --rules ./rules.yaml --score
sed -i '/^labels/d' rules.yaml
fails steward merge --csv labelled.csv --rules ./rules.yaml --score
fails steward merge --csv labelled.csv --rules ./rules.yaml --score --json --apply
fails steward merge --csv labelled.csv --rules ./rules.yaml --score --validate-only
ls plans
