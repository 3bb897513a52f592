# SPDX-License-Identifier: MIT
# the worked example of docs/rules.md is a rule set, and decides as the page says
sed -n '/^name: shop$/,/^```$/p' "$CLI/../../docs/rules.md" | sed '$d' >shop.yaml
steward rules check shop.yaml | head -1
cat >customers.csv <<'CSV'
REV_USER_ID,Email,Phone Number,Customer No,Loyalty Card,Tax No,Verified,Orders,Last Seen,Display Name
C1,a@example.com,111,7.0,,,no,3,2024-01-01,Ada
C2,a2@example.com,112,,7,,no,3,2024-01-02 10:00,Ada
C11,a3@example.com,119,-,7,,no,2,2024-01-02 10:00,Ada
C3,b@example.com,113,8,,,no,9,2024-01-01,Bo
C4,b@example.com,114,8,,,no,9,2024-01-02T00:00:00Z,Bo
C5,c@example.com,115,n/a,-,,yes,0,,Cy
C6,c@example.com,115,0,,,no,0,,Cy
C7,d@callcentre.example.com,116,,,,yes,0,,Di
C8,d2@callcentre.example.com,116,,,,no,0,,Di
C9,e@example.com,117,9,,T1,yes,0,,Ed
C10,e@example.com,118,9,,T2,no,0,,Ed
CSV
steward merge --csv customers.csv --rules shop.yaml --csv-out decisions.csv --quiet >/dev/null
cat decisions.csv
