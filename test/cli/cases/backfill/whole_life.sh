# SPDX-License-Identifier: MIT
# Preview, apply, read back, undo; what is right already is left alone, what differs is told.
sandbox --contacts 20 --issues 20 --issues-csv issues.csv
sed -i '/:issue\/9000/d' issues.csv
steward backfill --csv issues.csv --csv-out decisions.csv
cut -d , -f 2- decisions.csv | sed 's/GROUP-[0-9]*/GROUP-n/g; s/line [0-9]*/line n/' | sort | uniq -c | sed 's/^ *//'
steward apply last --yes --quiet
steward verify last --quiet
steward show last --json >show.json
schema show <show.json
steward report last --json >report.json
schema report <report.json
steward backfill --csv issues.csv --json >again.json
schema show <again.json
steward undo 1 --yes --quiet >undo
grep -c 'nothing, as it was' undo
tail -n 9 undo
fails_into /dev/null steward backfill --csv issues.csv --confirm 3 --apply --quiet
fails steward backfill --csv issues.csv --field tnt__note
