# SPDX-License-Identifier: MIT
# Byte order mark, CRLF, another order of columns, quoted line ends, no line end at the end.
{
    printf '\357\273\277EMAIL,TICKET_COUNT,REV_USER_ID,EXTERNAL_REF,DISPLAY_NAME,FULL_NAME,CREATED_AT,UPDATED_AT\r\n'
    printf 'a@example.com,1,%s,REVU-1,"One\r\nOne",One,,\r\n' "$(contact 11)"
    printf 'A@Example.com ,2,%s,user_1,"Two ""T""",Two,,' "$(contact 12)"
} >contacts.csv
steward merge --csv contacts.csv
