# SPDX-License-Identifier: MIT
# Where reports go: both by themselves when a run ends, by name, to stdout, under the old script's name.
contacts 12
sandbox --issues 0 --seed 5 --load contacts=contacts.csv
steward merge --csv contacts.csv --quiet >/dev/null
steward apply last --quiet >/dev/null
ls reports
schema report <reports/run-1.json
rm -r reports
steward report last --html
ls reports
steward report last --html page.html --json document.json
steward report last --html other.html --json >stdout.json 2>stderr
schema report <stdout.json
cat stderr
rm -r reports
steward report last --legacy-name | sed 's/_[0-9]\{8\}_[0-9]\{6\}\./_@STAMP@./'
ls reports | sed 's/_[0-9]\{8\}_[0-9]\{6\}\./_@STAMP@./'
stat -c %a reports/*
fails steward report last --html missing/page.html
ls missing 2>/dev/null || echo 'nothing was left'
