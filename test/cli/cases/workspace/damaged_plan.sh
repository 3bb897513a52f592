# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
steward merge --csv contacts.csv >/dev/null
"$PYTHON" - <<'DAMAGE'
with open("plans/1.plan", "r+b") as plan:
    plan.seek(60)
    byte = plan.read(1)
    plan.seek(60)
    plan.write(bytes([byte[0] ^ 1]))
DAMAGE
fails steward apply last
fails steward show last
rm plans/1.plan
fails steward apply last
