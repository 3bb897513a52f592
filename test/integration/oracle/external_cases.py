# SPDX-License-Identifier: MIT
"""What `external-contacts` decides, one case for each sentence of its definition.

A case is (sentence, contacts, decisions). A contact is `id word=value ...`, one a line; the words are the
keys of HEADER, and `plain` fills what a case does not say. A decision is `id keep|merge:survivor
strategy`, `id none` or `id word`, the first word of the reason for leaving it to people.
"""
import csv
import io
import shlex

HEADER = {
    "email": "Email", "ref": "External Ref", "by": "Modified By Name", "id": "User ID", "type": "Type",
    "disp": "Display ID", "acc": "Devrev Account ID", "name": "Devrev Account Name", "at": "Updated At",
    "uid": "CXP User id", "bi": "Updated by BI service", "empty": "", "linked": "Linked to acc",
    "tickets": "Tickets", "action": "Action", "strategy": "Strategy",
}
OTHER = "name='Velocity Global - OTHER'"

CASES = [
    # --- words: id, trim, fold
    ("ids are trimmed and compared exactly", """
        ' a ' email=x@e.example acc=1 ref=user_1
        A     email=x@e.example acc=1 ref=crm
        """, "a keep cxp-uid; A merge:a cxp-uid"),
    ("an empty id is a bad row, and a partner of others", """
        ''  email=x@e.example acc=1 ref=user_1
        b   email=x@e.example acc=1 ref=crm
        """, "'' bad-row; b undecided"),
    ("trimming drops Unicode White_Space at both ends", """
        '\u3000a\u00a0' email='\u2003x@e.example\u0085' acc='\u20281' ref='\u1680user_1 '
        b email=x@e.example acc=1 ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    ("U+200B is no White_Space: the reference does not begin with user_", """
        a email=x@e.example acc=1 ref='\u200buser_1'
        b email=x@e.example acc=1 ref=user_2
        """, "a merge:b cxp-uid; b keep cxp-uid"),
    ("folding: NFKC_Casefold, ignorables dropped, runs of white space are one space", """
        a email=x@upwork.com name=' UP\u00adWORK\t'
        b email=y@e.example  name='\uff35pwork'
        c email=x+1@upwork.com name='Real  Ltd'
        """, "a merge:c upwork; b none; c keep upwork"),
    ("folded account names: inner runs of white space are one space", """
        a email=x@e.example name='Big \u00a0 Corp' ref=user_1
        b email=x@e.example name='BIG CORP'       ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    ("full case folding: sharp s and ss are one in an account name", """
        a email=x@e.example name='Stra\u00dfe' ref=user_1
        b email=x@e.example name=STRASSE     ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    # --- words: email
    ("the local part is compared by NFKC_Casefold", """
        a email=Ste\u0301phane@e.example acc=1 ref=user_1
        b email=\uff33T\u00c9PHANE@e.example  acc=1 ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    ("in the local part sharp s and ss are one", """
        a email=Stra\u00dfe@e.example acc=1 ref=user_1
        b email=strasse@e.example   acc=1 ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    ("in the domain sharp s and ss differ", """
        a email=x@stra\u00dfe.example acc=1 ref=user_1
        b email=x@strasse.example   acc=1 ref=crm
        c email=x@xn--strae-oqa.example acc=1 ref=crm2
        """, "a keep cxp-uid; b none; c merge:a cxp-uid"),
    ("an ideographic dot is a dot, one at the end is dropped, case does not matter", """
        a email=x@E\u3002example acc=1 ref=user_1
        b email=x@e.EXAMPLE.   acc=1 ref=crm
        c email=x@e.example\u3002 acc=1 ref=crm2
        """, "a keep cxp-uid; b merge:a cxp-uid; c merge:a cxp-uid"),
    ("a domain without an A-label is compared folded", """
        a email=x@Ex_ample..com acc=1 ref=user_1
        b email=x@ex_AMPLE..com acc=1 ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    ("an e-mail without exactly one @ counts as empty", """
        a email=x@@e.example acc=1 ref=user_1
        b email=x@@e.example acc=1 ref=crm
        c email=x acc=1 ref=crm2
        d email=x acc=1 ref=user_2
        """, "a none; b none; c none; d none"),
    ("an e-mail without text on both sides of the @ counts as empty", """
        a email=@e.example acc=1 ref=user_1
        b email=@e.example acc=1 ref=crm
        c email=x@ acc=1 ref=crm2
        d email=x@ acc=1 ref=user_2
        """, "a none; b none; c none; d none"),
    ("an empty e-mail equals nothing, not even another empty one", """
        a email='' acc=1 ref=user_1
        b email='' acc=1 ref=crm
        """, "a none; b none"),
    ("plus tags make other addresses outside the family", """
        a email=x+1@e.example acc=1 ref=user_1
        b email=x@e.example   acc=1 ref=crm
        """, "a none; b none"),
    # --- words: blocked e-mails
    ("placeholders are never evidence: whole local part without its tag", """
        a email=noreply+7@e.example acc=1 ref=user_1
        b email=NoReply+7@e.example acc=1 ref=crm
        """, "a email; b email"),
    ("a placeholder as a part of the local part is none", """
        a email=contest@e.example acc=1 ref=user_1
        b email=contest@e.example acc=1 ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    ("roles are never evidence, in any domain", """
        a email=info@e.example acc=1 ref=user_1
        b email=INFO@e.example acc=1 ref=crm
        """, "a email; b email"),
    ("relays and what is below them are never evidence", """
        a email=x@sub.duck.com acc=1 ref=user_1
        b email=x@sub.duck.com acc=1 ref=crm
        c email=x@notduck.com acc=1 ref=user_2
        d email=x@notduck.com acc=1 ref=crm2
        """, "a email; b email; c keep cxp-uid; d merge:c cxp-uid"),
    ("the family list wins over the relays, but not for what is below it", """
        a email=x@upwork.com acc=1 ref=user_1
        b email=x@upwork.com acc=1 ref=crm
        c email=y@sub.upwork.com acc=1 ref=user_2
        d email=y@sub.upwork.com acc=1 ref=crm2
        """, "a keep cxp-uid; b merge:a cxp-uid; c email; d email"),
    ("a blocked e-mail that nobody shares", """
        a email=info@e.example acc=1 ref=user_1
        b email=info@f.example acc=1 ref=user_2
        """, "a none; b none"),
    # --- words: account
    ("the account's id counts before its name", """
        a email=x@e.example acc=1 name=Alpha ref=user_1
        b email=x@e.example acc=1 name=Beta  ref=crm
        c email=y@e.example acc=1 name=Alpha ref=user_2
        d email=y@e.example acc=2 name=Alpha ref=crm2
        """, "a keep cxp-uid; b merge:a cxp-uid; c undecided; d undecided"),
    ("an account id never equals an account name", """
        a email=x@e.example acc=alpha name=''    ref=user_1
        b email=x@e.example acc=''    name=alpha ref=crm
        """, "a undecided; b undecided"),
    ("no account equals nothing", """
        a email=x@e.example ref=user_1
        b email=x@e.example ref=crm
        """, "a undecided; b undecided"),
    ("account ids are compared exactly", """
        a email=x@e.example acc=Aa ref=user_1
        b email=x@e.example acc=aa ref=crm
        """, "a undecided; b undecided"),
    ("OTHER and generic go by the folded name even where there is an id", f"""
        a email=x@e.example acc=1 name='VELOCITY global -  other' ref=r1
        b email=x@e.example acc=2 name=Real ref=r2
        """, "a merge:b velocity-global; b keep velocity-global"),
    # --- words: refs
    ("references are trimmed and compared exactly", """
        a email=x@e.example ref=Crm
        b email=y@e.example ref=crm
        c email=z@e.example ref=' crm'
        """, "a none; b undecided; c undecided"),
    ("cxp is the prefix user_, exactly", """
        a email=x@e.example acc=1 ref=User_1
        b email=x@e.example acc=1 ref=user_
        """, "a merge:b cxp-uid; b keep cxp-uid"),
    ("a generated reference is no evidence and makes no partner", """
        a email=x@e.example ref=REVU-1
        b email=y@e.example ref=REVU-1
        """, "a none; b none"),
    ("REVU in other case is a reference like any other", """
        a email=x@e.example ref=revu-1 disp=REVU-2
        b email=x@e.example ref=revu-1 disp=REVU-1
        """, "a merge:b external-ref; b keep external-ref"),
    # --- words: tickets, uid, updated
    ("tickets: digits, .0, empty; anything else is a bad row", """
        a email=a@e.example tickets=12.0
        b email=b@e.example tickets=' 7 '
        c email=c@e.example tickets=''
        d email=d@e.example tickets=1.5
        e email=e@e.example tickets=-1
        f email=f@e.example tickets=\uff11
        g email=g@e.example tickets=1234567890123456789
        h email=h@e.example tickets=123456789012345678
        i email=i@e.example tickets=x
        j email=j@e.example tickets=1,000
        """, "a none; b none; c none; d bad-row; e bad-row; f bad-row; g bad-row; h none; i bad-row; j bad-row"),
    ("tickets are the row's own, never what it absorbed", """
        a email=x@e.example acc=1 ref=user_1 tickets=5
        b email=x@e.example acc=1 ref=crm tickets=90
        c email=x@e.example acc=2 ref=user_1 tickets=6
        """, "a merge:c external-ref; b merge:c cxp-uid+external-ref; c keep external-ref"),
    ("uid: .0 dropped", """
        a email=x@e.example acc=1 ref=user_1 uid=12
        b email=x@e.example acc=1 ref=crm uid=12.0
        """, "a keep cxp-uid; b merge:a cxp-uid"),
    ("words that are no uid", """
        a email=x@e.example acc=1 ref=user_1 uid=12
        b email=x@e.example acc=1 ref=c1 uid=N/A
        c email=x@e.example acc=1 ref=c2 uid=na
        d email=x@e.example acc=1 ref=c3 uid=-
        e email=x@e.example acc=1 ref=c4 uid=0.0
        f email=x@e.example acc=1 ref=c5 uid=NULL
        g email=x@e.example acc=1 ref=c6 uid=' '
        """, "a keep cxp-uid; b merge:a cxp-uid; c merge:a cxp-uid; d merge:a cxp-uid; e merge:a cxp-uid;"
             " f merge:a cxp-uid; g merge:a cxp-uid"),
    ("updated: an instant, zones count", """
        a email=x@e.example ref=r at=2024-05-01T12:00:00+02:00
        b email=x@e.example ref=r at=2024-05-01T11:00:00Z
        """, "a merge:b external-ref; b keep external-ref"),
    ("updated: no zone is UTC, seconds and time may be missing", """
        a email=x@e.example ref=r at='2024-05-01 10:00'
        b email=x@e.example ref=r at=2024-05-01T10:00:00.001Z
        c email=x@e.example ref=r at=2024-05-01
        d email=x@e.example ref=r at='2024-05-01 10:00:00'
        """, "a merge:b external-ref; b keep external-ref; c merge:b external-ref; d merge:b external-ref"),
    ("updated: empty is oldest", """
        a email=x@e.example ref=r at='' disp=REVU-1
        b email=x@e.example ref=r at=1969-12-31 disp=REVU-2
        """, "a merge:b external-ref; b keep external-ref"),
    ("updated: unreadable where it would decide: undecided", """
        a email=x@e.example ref=r at=yesterday
        b email=x@e.example ref=r at=2024-05-01
        """, "a undecided; b undecided"),
    ("updated: RFC 3339 takes small letters too", """
        a email=x@e.example ref=r at=2024-05-01t10:00:00z
        b email=x@e.example ref=r at='2024-05-01 09:59'
        """, "a keep external-ref; b merge:a external-ref"),
    ("updated: an hour that is none is unreadable", """
        a email=x@e.example ref=r at='2024-05-01 24:00'
        b email=x@e.example ref=r at=2024-05-01
        """, "a undecided; b undecided"),
    ("updated: RFC 3339 without a zone is none", """
        a email=x@e.example ref=r at=2024-05-01T10:00:00
        b email=x@e.example ref=r at=2024-05-01
        """, "a undecided; b undecided"),
    ("updated: a day that is none is unreadable", """
        a email=x@e.example ref=r at=2023-02-29
        b email=x@e.example ref=r at=2024-02-29
        """, "a undecided; b undecided"),
    ("updated: unreadable where it would not decide", """
        a email=x@e.example ref=r at=yesterday tickets=2
        b email=x@e.example ref=r at=2024-05-01 tickets=1
        """, "a keep external-ref; b merge:a external-ref"),
    ("updated: unreadable of one that is out already", """
        a email=x@e.example ref=r at=2024-05-02 tickets=2
        b email=x@e.example ref=r at=2024-05-01 tickets=2
        c email=x@e.example ref=r at=soon tickets=1
        """, "a keep external-ref; b merge:a external-ref; c merge:a external-ref"),
    ("oldest id: the number at the end of the display id, not its text", """
        a email=x@e.example ref=r disp=REVU-10
        b email=x@e.example ref=r disp=REVU-9
        """, "a merge:b external-ref; b keep external-ref"),
    ("oldest id: any length, leading zeros", """
        a email=x@e.example ref=r disp=REVU-123456789012345678901234567891
        b email=x@e.example ref=r disp=REVU-000123456789012345678901234567890
        """, "a merge:b external-ref; b keep external-ref"),
    ("oldest id: of the id where there is no display id", """
        c/7  email=x@e.example ref=r disp=REVU-8
        c/9  email=x@e.example ref=r disp=''
        c/10 email=x@e.example ref=r disp=REVU-10
        """, "c/7 keep external-ref; c/9 merge:c/7 external-ref; c/10 merge:c/7 external-ref"),
    ("oldest id: the id's number is the smaller one", """
        c/9  email=x@e.example ref=r disp=REVU-8
        c/7  email=x@e.example ref=r disp=' '
        """, "c/9 merge:c/7 external-ref; c/7 keep external-ref"),
    ("oldest id: no number sorts last", """
        a email=x@e.example ref=r disp=REVU-
        b email=x@e.example ref=r disp=REVU-99999999999999999999999
        """, "a merge:b external-ref; b keep external-ref"),
    ("oldest id: then the smallest bytes of the id", """
        \u00fc email=x@e.example ref=r disp=REVU-5
        Z email=x@e.example ref=r disp=REVU-05
        a email=x@e.example ref=r disp=REVU-5
        """, "\u00fc merge:Z external-ref; Z keep external-ref; a merge:Z external-ref"),
    # --- bad rows
    ("a group with a bad row is undecided in every strategy", """
        a email=x@e.example acc=1 ref=user_1
        b email=x@e.example acc=1 ref=crm
        c email=x@e.example acc=1 ref=crm2 tickets=x
        d email=x@e.example acc=2 ref=crm3
        """, "a undecided; b undecided; c bad-row; d undecided"),
    ("a bad row keeps no other group from being decided", """
        a email=x@e.example acc=1 ref=user_1
        b email=x@e.example acc=1 ref=crm
        c email=x@e.example acc=1 ref=crm2 tickets=x
        d email=x@e.example acc=2 ref=crm
        """, "a undecided; b keep external-ref; c bad-row; d merge:b external-ref"),
    ("the same id with different content: all of them are bad", """
        a email=x@e.example acc=1 ref=user_1
        a email=x@e.example acc=1 ref=user_1 tickets=1
        b email=x@e.example acc=1 ref=crm
        c email=c@e.example
        """, "a bad-row; a bad-row; b undecided; c none"),
    ("the same id with the same content is one contact, decided alike on each line", """
        a email=x@e.example acc=1 ref=user_1
        b email=x@e.example acc=1 ref=crm
        a email=' x@e.example' acc=1 ref=user_1
        c email=c@e.example
        c email=c@e.example
        """, "a keep cxp-uid; b merge:a cxp-uid; a keep cxp-uid; c none; c none"),
    ("content is what the rule set reads: type and labels are not", """
        a email=x@e.example acc=1 ref=user_1 type=rev_user action=Main
        a email=x@e.example acc=1 ref=user_1 type=other linked=Yes
        b email=x@e.example acc=1 ref=crm
        """, "a keep cxp-uid; a keep cxp-uid; b merge:a cxp-uid"),
    ("content is compared as it stands: another case is another content", """
        a email=x@e.example
        a email=X@e.example
        b email=b@e.example
        """, "a bad-row; a bad-row; b none"),
    # --- what comes out
    ("none: nobody shares anything; an account is nothing", """
        a email=x@e.example acc=1 name=Real
        b email=y@e.example acc=1 name=Real
        """, "a none; b none"),
    ("review: a partner by reference", """
        a email=x@e.example ref=r
        b email=y@e.example ref=r
        """, "a undecided; b undecided"),
    ("review: a partner by the Upwork key", """
        a email=x@upwork.com acc=1 name=Upwork
        b email=x+1@cloud.upwork.com acc=1 name=Upwork
        """, "a undecided; b undecided"),
    ("review: a merged contact is a partner too", """
        a email=x@e.example acc=1 ref=user_1
        b email=x@e.example acc=1 ref=crm
        c email=x@e.example acc=2 ref=crm3
        """, "a keep cxp-uid; b merge:a cxp-uid; c undecided"),
    ("email: only where all that it shares is a blocked e-mail", """
        a email=info@e.example ref=r
        b email=info@e.example
        c email=c@e.example ref=r
        """, "a undecided; b email; c undecided"),
    ("stars only: a survivor that loses later takes everything along", """
        a email=x@upwork.com acc=1 name=Upwork ref=user_1
        b email=x@upwork.com acc=1 name=Upwork ref=crm
        c email=x+7@upwork.com acc=2 name=Real ref=crm2
        """, "a merge:c upwork; b merge:c cxp-uid+upwork; c keep upwork"),
    ("keep: the strategies that merged into it, in order", """
        a email=x@e.example acc=1 ref=user_1 bi=yes
        b email=x@e.example acc=1 ref=crm
        c email=x@e.example acc=2 ref=user_1
        """, "a keep cxp-uid+external-ref; b merge:a cxp-uid; c merge:a external-ref"),
    ("contacts that lost are gone for the later strategies", """
        a email=x@e.example acc=1 ref=user_1
        b email=x@e.example acc=1 ref=crm
        c email=y@e.example acc=2 ref=crm
        """, "a keep cxp-uid; b merge:a cxp-uid; c undecided"),
    ("conflict: different uids", """
        a email=x@e.example acc=1 ref=user_1 uid=1
        b email=x@e.example acc=1 ref=crm uid=2
        """, "a conflict; b conflict"),
    ("conflict: different cxp references", """
        a email=x@upwork.com acc=1 name=Upwork ref=user_1
        b email=x@upwork.com acc=2 name=Real ref=user_2
        """, "a conflict; b conflict"),
    ("conflict: all contacts of the star fall", """
        a email=x@upwork.com acc=1 name=Upwork ref=user_1
        b email=x@upwork.com acc=1 name=Upwork ref=crm
        c email=x+7@upwork.com acc=2 name=Real ref=user_2
        """, "a conflict; b conflict; c conflict"),
    ("conflict: what bot-amended made a loser does not count", """
        a email=x@e.example acc=1 ref=user_1 uid=1 by='DevRev Bot'
        b email=x@e.example acc=1 ref=user_2 uid=2
        """, "a merge:b bot-amended; b keep bot-amended"),
    ("conflict: not even at the end of a path", """
        a email=x@upwork.com acc=1 name=Upwork ref=user_1 uid=1 by='DevRev Bot'
        b email=x@upwork.com acc=1 name=Upwork ref=user_2 uid=2
        c email=x@upwork.com acc=2 name=Real ref=crm
        """, "a merge:c bot-amended+upwork; b merge:c upwork; c keep upwork"),
    ("too-large: 25 are not", "\n".join(
        ["s email=x@e.example acc=1 ref=user_1", *(f"c{n} email=x@e.example acc=1 ref=r{n}" for n in range(24))]),
     "; ".join(["s keep cxp-uid", *(f"c{n} merge:s cxp-uid" for n in range(24))])),
    ("too-large: 26 are", "\n".join(
        ["s email=x@e.example acc=1 ref=user_1", *(f"c{n} email=x@e.example acc=1 ref=r{n}" for n in range(25))]),
     "; ".join(["s too-large", *(f"c{n} too-large" for n in range(25))])),
    ("too-large: the whole star counts, not one strategy's part", "\n".join(
        ["s email=x@upwork.com acc=1 name=Upwork ref=user_1",
         *(f"c{n} email=x@upwork.com acc=1 name=Upwork ref=r{n}" for n in range(24)),
         "z email=x@upwork.com acc=2 name=Real"]),
     "; ".join(["s too-large", *(f"c{n} too-large" for n in range(24)), "z too-large"])),
    ("conflict comes before too-large", "\n".join(
        ["s email=x@e.example acc=1 ref=user_1 uid=1",
         *(f"c{n} email=x@e.example acc=1 ref=r{n} uid={n}" for n in range(25))]),
     "; ".join(["s conflict", *(f"c{n} conflict" for n in range(25))])),
    # --- cxp-uid
    ("cxp-uid: two cxp are undecided here", """
        a email=x@e.example acc=1 ref=user_1
        b email=x@e.example acc=1 ref=user_2
        c email=x@e.example acc=1 ref=crm
        """, "a undecided; b undecided; c undecided"),
    ("cxp-uid: no cxp is undecided here", """
        a email=x@e.example acc=1 ref=crm
        b email=x@e.example acc=1 ref=REVU-1
        """, "a undecided; b undecided"),
    ("cxp-uid: a generated one is merged like any other", """
        a email=x@e.example acc=1 ref=user_1
        b email=x@e.example acc=1 ref=REVU-1
        c email=x@e.example acc=1 ref=''
        """, "a keep cxp-uid; b merge:a cxp-uid; c merge:a cxp-uid"),
    # --- bot-amended
    ("bot-amended: several amended, one not", """
        a email=x@e.example acc=1 ref=user_1 by='devrev  BOT'
        b email=x@e.example acc=1 ref=user_2
        c email=x@e.example acc=1 ref=user_3 by='DevRev Bot'
        """, "a merge:b bot-amended; b keep bot-amended; c merge:b bot-amended"),
    ("bot-amended: two not amended are undecided", """
        a email=x@e.example acc=1 ref=user_1 by='DevRev Bot'
        b email=x@e.example acc=1 ref=user_2
        c email=x@e.example acc=1 ref=user_3 by=Ann
        """, "a undecided; b undecided; c undecided"),
    ("bot-amended: all amended are undecided", """
        a email=x@e.example acc=1 ref=user_1 by='DevRev Bot'
        b email=x@e.example acc=1 ref=user_2 by='DevRev Bot'
        """, "a undecided; b undecided"),
    ("bot-amended: not all cxp is undecided", """
        a email=x@e.example acc=1 ref=user_1 by='DevRev Bot'
        b email=x@e.example acc=1 ref=user_2
        c email=x@e.example acc=1 ref=crm
        """, "a undecided; b undecided; c undecided"),
    ("bot-amended: not across accounts, not by a blocked e-mail", """
        a email=x@e.example acc=1 ref=user_1 by='DevRev Bot'
        b email=x@e.example acc=2 ref=user_2
        c email=info@e.example acc=1 ref=user_3 by='DevRev Bot'
        d email=info@e.example acc=1 ref=user_4
        """, "a undecided; b undecided; c email; d email"),
    # --- external-ref
    ("external-ref: an empty or placeholder e-mail agrees with any", """
        a email=x@e.example ref=r
        b email='' ref=r
        c email=na@f.example ref=r
        d email=n/a ref=r
        """, "a keep external-ref; b merge:a external-ref; c merge:a external-ref; d merge:a external-ref"),
    ("external-ref: a role address is an e-mail like any other here", """
        a email=x@e.example ref=r
        b email=info@e.example ref=r
        c email=info@f.example ref=s disp=REVU-2
        d email=info@f.example ref=s disp=REVU-1
        """, "a undecided; b undecided; c merge:d external-ref; d keep external-ref"),
    ("external-ref: an e-mail that is neither empty nor blocked comes first", """
        a email='' ref=r name=Real bi=yes tickets=9
        b email=x@e.example ref=r
        """, "a merge:b external-ref; b keep external-ref"),
    ("external-ref: where nobody has one, the step leaves everybody", """
        a email='' ref=r tickets=1
        b email=na ref=r tickets=2
        """, "a merge:b external-ref; b keep external-ref"),
    ("external-ref: then on a real account", f"""
        a email=x@e.example ref=r {OTHER} bi=yes tickets=9
        b email=x@e.example ref=r name=Upwork bi=yes tickets=9
        c email=x@e.example ref=r name=Real
        d email=x@e.example ref=r acc=1 bi=yes tickets=9
        """, "a merge:c external-ref; b merge:c external-ref; c keep external-ref; d merge:c external-ref"),
    ("external-ref: then bi, in any spelling", """
        a email=x@e.example ref=r bi=no tickets=9
        b email=x@e.example ref=r bi=' TRUE '
        """, "a merge:b external-ref; b keep external-ref"),
    ("external-ref: bi words", """
        a email=a@e.example ref=a bi=Y
        b email=a@e.example ref=a bi=N tickets=1
        c email=c@e.example ref=c bi=1.0 tickets=1
        d email=c@e.example ref=c bi=1
        e email=e@e.example ref=e bi=yess tickets=1
        f email=e@e.example ref=e bi=\uff39\uff45\uff53
        """, "a keep external-ref; b merge:a external-ref; c merge:d external-ref; d keep external-ref;"
             " e merge:f external-ref; f keep external-ref"),
    ("external-ref: then the most tickets", """
        a email=x@e.example ref=r tickets=9 at=2024-01-02
        b email=x@e.example ref=r tickets=10.0 at=2024-01-01
        """, "a merge:b external-ref; b keep external-ref"),
    ("external-ref: then the latest updated, then the oldest id", """
        a email=x@e.example ref=r at=2024-01-01 disp=REVU-1
        b email=x@e.example ref=r at=2024-01-02 disp=REVU-3
        c email=x@e.example ref=r at=2024-01-02T00:00:00Z disp=REVU-2
        """, "a merge:c external-ref; b merge:c external-ref; c keep external-ref"),
    ("external-ref: different e-mails are undecided, whatever else agrees", """
        a email=x@e.example ref=r acc=1
        b email=x+1@e.example ref=r acc=1
        c email='' ref=r
        """, "a undecided; b undecided; c undecided"),
    ("external-ref: two cxp contacts that share their reference", """
        a email=x@e.example acc=1 ref=user_1 uid=1
        b email=x@e.example acc=1 ref=user_1 uid=1.0 tickets=3
        """, "a merge:b external-ref; b keep external-ref"),
    # --- upwork
    ("upwork: the key is the local part up to its first +, without the domain", """
        a email=X+1+2@upwork.com name=Upwork
        b email=x@CLOUD.upwork.com. name=Real
        c email=x@e.example name=Upwork
        """, "a merge:b upwork; b keep upwork; c none"),
    ("upwork: a domain below the family makes no key", """
        a email=x@sub.upwork.com name=Upwork
        b email=x@upwork.com name=Real
        """, "a none; b none"),
    ("upwork: nothing left of the local part: no key", """
        a email=+1@upwork.com name=Upwork
        b email=+2@upwork.com name=Real
        """, "a none; b none"),
    ("upwork: a blocked local part: no key", """
        a email=support+1@upwork.com name=Upwork
        b email=support+2@upwork.com name=Real
        c email=test+1@upwork.com name=Upwork
        d email=test@cloud.upwork.com name=Real
        """, "a none; b none; c none; d none"),
    ("upwork: the local part is folded before it is looked up", """
        a email='info +1@upwork.com' name=Upwork
        b email='info@upwork.com' name=Real
        c email='na\u3000@upwork.com' name=Upwork
        d email='na\u3000@upwork.com' name=Real
        """, "a none; b none; c email; d email"),
    ("upwork: OTHER and no account name are left", f"""
        a email=x@upwork.com name=Upwork
        b email=x+1@upwork.com name=Real
        c email=x+2@upwork.com {OTHER}
        d email=x+3@upwork.com acc=1
        """, "a merge:b upwork; b keep upwork; c undecided; d undecided"),
    ("upwork: several generic, one real", """
        a email=x@upwork.com name=Upwork
        b email=x+1@upwork.com name=Real
        c email=x+2@upwork.com name=upwork
        """, "a merge:b upwork; b keep upwork; c merge:b upwork"),
    ("upwork: two real contacts are undecided", """
        a email=x@upwork.com name=Upwork
        b email=x+1@upwork.com name=Real
        c email=x+2@upwork.com name=Real
        """, "a undecided; b undecided; c undecided"),
    ("upwork: no generic is undecided", f"""
        a email=x@upwork.com {OTHER}
        b email=x+1@upwork.com name=Real
        """, "a undecided; b undecided"),
    # --- velocity-global
    ("velocity-global: two, the real one is kept", f"""
        a email=x@e.example {OTHER} ref=user_1
        b email=x@e.example name=Real ref=crm
        """, "a merge:b velocity-global; b keep velocity-global"),
    ("velocity-global: without a real one undecided", f"""
        a email=x@e.example {OTHER} ref=r1
        b email=x@e.example name=Upwork ref=r2
        c email=y@e.example {OTHER} ref=r3
        d email=y@e.example ref=r4
        """, "a undecided; b undecided; c undecided; d undecided"),
    ("velocity-global: two real ones without OTHER are undecided", """
        a email=x@e.example name=Real ref=r1
        b email=x@e.example name=Other ref=r2
        """, "a undecided; b undecided"),
    ("velocity-global: a blocked e-mail is no group", f"""
        a email=info@e.example {OTHER} ref=r1
        b email=info@e.example name=Real ref=r2
        """, "a email; b email"),
    ("velocity-global: more than two, the reference equals the uid", f"""
        a email=x@e.example {OTHER} ref=r1
        b email=x@e.example name=Real ref=77 uid=77.0
        c email=x@e.example name=Third ref=r3
        d email=x@e.example {OTHER} ref=r4
        """, "a merge:b velocity-global; b keep velocity-global; c undecided; d merge:b velocity-global"),
    ("velocity-global: own id is the id where there is no uid", f"""
        a email=x@e.example {OTHER} ref=r1
        b email=x@e.example name=Real ref=b uid=n/a
        c email=x@e.example name=Third ref=r3
        """, "a merge:b velocity-global; b keep velocity-global; c undecided"),
    ("velocity-global: the id does not count where there is a uid", f"""
        a email=x@e.example {OTHER} ref=r1
        b email=x@e.example name=Real ref=b uid=5
        c email=x@e.example name=Third ref=r3
        """, "a undecided; b undecided; c undecided"),
    ("velocity-global: two whose reference is their own id are undecided", f"""
        a email=x@e.example {OTHER} ref=a
        b email=x@e.example name=Real ref=b
        c email=x@e.example name=Third ref=r3
        """, "a undecided; b undecided; c undecided"),
    ("velocity-global: the survivor must be real", f"""
        a email=x@e.example {OTHER} ref=a
        b email=x@e.example name=Real ref=r2
        c email=x@e.example name=Third ref=r3
        """, "a undecided; b undecided; c undecided"),
    ("velocity-global: every contact of the group counts, those without an account name too", f"""
        a email=x@e.example {OTHER} ref=r1
        b email=x@e.example name=Real ref=r2
        c email=x@e.example ref=r3
        """, "a undecided; b undecided; c undecided"),
    ("velocity-global: what lost before does not count", f"""
        a email=x@e.example acc=1 {OTHER} ref=user_1
        b email=x@e.example acc=1 {OTHER} ref=r2
        c email=x@e.example acc=2 name=Real ref=r3
        """, "a merge:c velocity-global; b merge:c cxp-uid+velocity-global; c keep velocity-global"),
]


def contacts_of(text):
    """The contacts of a case as dictionaries over HEADER."""
    contacts = []
    for line in text.strip("\n").split("\n"):
        if not line.strip():
            continue
        ident, *words = shlex.split(line)
        contacts.append({"id": ident, **dict(word.split("=", 1) for word in words)})
    return contacts


def csv_of(contacts, header=HEADER):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header.values())
    writer.writerows([contact.get(word, "") for word in header] for contact in contacts)
    return out.getvalue().encode("utf-8")


def decisions_of(text):
    """(id, action, strategy, survivor, word), one for each contact."""
    decisions = []
    for part in text.split(";"):
        ident, what, *strategy = shlex.split(part)
        action, _, survivor = what.partition(":")
        if action in ("keep", "merge"):
            decisions.append((ident, action, *strategy, survivor or ident, ""))
        elif action == "none":
            decisions.append((ident, "none", "", "", ""))
        else:
            decisions.append((ident, "review", "", "", action))
    return decisions
