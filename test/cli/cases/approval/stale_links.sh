# SPDX-License-Identifier: MIT
# Somebody decides, after the plan, that two of its contacts are never one. No token here, as above.
contacts 3
steward merge --csv contacts.csv >plan.txt
id=$(steward show 1 --changes | sed -n '/revu\/21/s/.*"id":"\([0-9a-f]*\).*/\1/p')
other=$(steward show 1 --changes | sed -n '/revu\/31/s/.*"id":"\([0-9a-f]*\).*/\1/p')
steward links cannot "$(contact 21)" "$(contact 22)" >links.txt
fails steward apply 1 2>apply.err
sed "s/$(echo "$id" | cut -c-8)/@ID@/" apply.err
echo '-- not if it is left out anyway'
steward approve 1 "$other" >approve.txt
fails steward apply 1
steward approve 1 "$id" >approve.txt
fails_into out steward apply 1 2>apply.err
echo '-- nor where it is refused'
steward refuse 1 "$id" >refuse.txt
fails steward apply 1
echo '-- links of others do not count'
steward merge --csv contacts.csv >plan.txt
tail -n 12 plan.txt
steward links cannot "$(contact 11)" "$(contact 32)" >links.txt
fails steward apply 2
