# SPDX-License-Identifier: MIT
# MAX_ACCOUNT_SHARE: account A has 20 contacts, of which 10 are merged away (the line that stands twice
# counts once, the bad row nowhere); B has 30, of which 6 are; C, of which 9 in 10 are, is too small to
# count; who has no account counts nowhere.
cat >rules.yaml <<'RULES'
name: accounts
version: 1
summary: same mail, one main contact
kind: merge-contact
columns:
  - {name: id, form: trim, identity: yes, required: yes}
  - {name: email, form: email, required: yes}
  - {name: account_id, form: trim, required: yes}
  - {name: account_name, form: fold, required: yes}
values:
  - {name: account, first: [account_id, account_name]}
facts:
  - {name: main, all: [{column: id, prefix: m}]}
keys:
  - {name: email, columns: [email]}
strategies:
  - {name: by-mail, key: email, when: [{exactly: 1, fact: main}], keep: main}
limits: {max-share-of: account}
RULES
contact_rows() { # LETTER NUMBER PAIRS ACCOUNT...: PAIRS pairs, then single ones, NUMBER rows in all
    row=1
    while [ "$row" -le "$2" ]; do
        pair=$(((row + 1) / 2))
        [ "$row" -le $((2 * $3)) ] || pair=s$row
        [ $((row % 2)) -eq 1 ] && kind=m || kind=x
        echo "$kind$1$row,$1$pair@example.com,$4"
        row=$((row + 1))
    done
}
{
    echo id,email,account_id,account_name
    contact_rows a 20 10 a-1,Name
    contact_rows a 1 1 a-1,Name
    contact_rows b 30 6 ',  BIG  Account'
    echo 'mc,c@example.com,c-1,'
    for number in 1 2 3 4 5 6 7 8 9; do echo "c$number,c@example.com,c-1,"; done
    contact_rows d 60 30 ,
    echo 'a,b'
} >contacts.csv
plan() {
    fails_into planned.json steward merge --csv contacts.csv --rules ./rules.yaml --quiet --json "$@"
}
plan 2>/dev/null
fails env MAX_ACCOUNT_SHARE=100 steward apply 1 --yes
fails steward apply 1 --yes --max-account-share 99
plan --max-account-share 49 2>/dev/null
fails steward apply 2 --yes --max-account-share 49
fails steward apply 2 --yes --max-account-share 50
"$PYTHON" - <<'OPTIONS'
import json, sqlite3
for options, in sqlite3.connect("steward.db").execute("SELECT options FROM run ORDER BY id"):
    print(json.dumps(json.loads(options).get("max_account_share", "none")))
OPTIONS
sed -i '/^a,b$/d; /^.a[0-9]/d' contacts.csv
plan --max-account-share 1
fails steward apply 3 --yes --max-account-share 19
sed -i 's/max-share-of: account/max-share-of: acount/' rules.yaml
plan
