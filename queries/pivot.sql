-- Contacts for `steward merge --rules external-contacts`, in the shape of the pivot export. Action and
-- Strategy are a person's labels and empty here, and so is the column whose header is empty: Snowflake
-- allows no empty name, so a blank stands for it.
--
-- docs/sources.md describes the tables; where yours have other names, make views of these names or give
-- a copy of this file with --query.
SELECT
    u.EMAIL AS "Email",
    u.EXTERNAL_REF AS "External Ref",
    u.MODIFIED_BY_NAME AS "Modified By Name",
    u.ID AS "User ID",
    'rev_user' AS "Type",
    u.DISPLAY_ID AS "Display ID",
    a.ID AS "Devrev Account ID",
    a.DISPLAY_NAME AS "Devrev Account Name",
    u.MODIFIED_DATE AS "Updated At",
    IFF(STARTSWITH(u.EXTERNAL_REF, 'user_'), SUBSTR(u.EXTERNAL_REF, 6), NULL) AS "CXP User id",
    IFF(u.UPDATED_BY_BI_SERVICE, 'Yes', 'No') AS "Updated by BI service",
    NULL AS " ",
    IFF(a.ID IS NULL, 'No', 'Yes') AS "Linked to acc",
    COUNT(r.WORK_ID) AS "Tickets",
    NULL AS "Action",
    NULL AS "Strategy"
FROM REV_USERS AS u
LEFT JOIN ACCOUNTS AS a ON a.ID = u.ACCOUNT_ID
LEFT JOIN WORK_REPORTERS AS r ON r.REV_USER_ID = u.ID
WHERE u.PRIMARY_IDENTITY IS NULL AND u.STATE <> 'deleted'
GROUP BY u.EMAIL, u.EXTERNAL_REF, u.MODIFIED_BY_NAME, u.ID, u.DISPLAY_ID, a.ID, a.DISPLAY_NAME,
    u.MODIFIED_DATE, u.UPDATED_BY_BI_SERVICE
ORDER BY u.ID
