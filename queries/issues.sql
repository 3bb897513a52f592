-- Issues for `steward backfill`, in the shape ISSUE_ID, CREATOR_USER_ID, ASSIGNED_GROUP, CREATOR_GROUP.
-- docs/sources.md describes the table; where yours has another name, make a view of this name or give a
-- copy of this file with --query.
--
-- Issues whose field is filled come too: so the plan can say that they are right, or differ.
SELECT
    i.ID AS ISSUE_ID,
    i.CREATED_BY AS CREATOR_USER_ID,
    i.ASSIGNED_GROUP AS ASSIGNED_GROUP,
    i.CREATOR_GROUP AS CREATOR_GROUP
FROM ISSUES AS i
ORDER BY i.ID
