# SPDX-License-Identifier: MIT
echo "$header" >contacts.csv
pair 1 a@example.com >>contacts.csv
fails steward merge --csv contacts.csv --rules revu-pears
fails steward merge --csv contacts.csv --rules ./nowhere.yaml
echo 'name: [' >broken.yaml
fails steward merge --csv contacts.csv --rules ./broken.yaml
fails steward rules check ./broken.yaml
