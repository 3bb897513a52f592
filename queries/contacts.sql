-- Contacts for `steward merge`, in the shape REV_USER_ID, DISPLAY_NAME, EMAIL, EXTERNAL_REF, FULL_NAME,
-- CREATED_AT, UPDATED_AT, TICKET_COUNT. docs/sources.md describes the tables; where yours have other
-- names, make views of these names or give a copy of this file with --query.
--
-- Contacts that were merged into another one or deleted are left out, and the order is fixed, so that
-- the same data gives the same plan.
SELECT
    u.ID AS REV_USER_ID,
    u.DISPLAY_NAME AS DISPLAY_NAME,
    u.EMAIL AS EMAIL,
    u.EXTERNAL_REF AS EXTERNAL_REF,
    u.FULL_NAME AS FULL_NAME,
    u.CREATED_DATE AS CREATED_AT,
    u.MODIFIED_DATE AS UPDATED_AT,
    COUNT(r.WORK_ID) AS TICKET_COUNT
FROM REV_USERS AS u
LEFT JOIN WORK_REPORTERS AS r ON r.REV_USER_ID = u.ID
WHERE u.PRIMARY_IDENTITY IS NULL AND u.STATE <> 'deleted'
GROUP BY u.ID, u.DISPLAY_NAME, u.EMAIL, u.EXTERNAL_REF, u.FULL_NAME, u.CREATED_DATE, u.MODIFIED_DATE
ORDER BY u.ID
