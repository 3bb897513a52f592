/* SPDX-License-Identifier: MIT */
/* The calls that the stand-in of DevRev serves. */
#include "sandbox/api.h"

static const struct endpoint ENDPOINTS[] = {
    {"accounts.get", accounts_get, false},
    {"accounts.list", accounts_list, false},
    {"artifacts.get", artifacts_get, false},
    {"artifacts.list", artifacts_list, false},
    {"artifacts.locate", artifacts_locate, false},
    {"auth-tokens.info", token_info, false},
    {"conversations.get", conversations_get, false},
    {"conversations.list", conversations_list, false},
    {"conversations.update", conversations_update, true},
    {"dev-orgs.get", org_get, false},
    {"dev-users.list", staff_list, false},
    {"dev-users.self", staff_self, false},
    {"engagements.list", engagements_list, false},
    {"groups.get", groups_get, false},
    {"groups.list", groups_list, false},
    {"groups.members.list", groups_members, false},
    {"jobs.get", jobs_get, false},
    {"jobs.list", jobs_list, false},
    {"links.list", links_list, false},
    {"meetings.list", meetings_list, false},
    {"ping", ping_answer, false},
    {"rev-orgs.get", rev_orgs_get, false},
    {"rev-users.associations.list", contacts_associations, false},
    {"rev-users.create", contacts_create, true},
    {"rev-users.delete", contacts_delete, true},
    {"rev-users.delete-personal-data", contacts_forget, true},
    {"rev-users.get", contacts_get, false},
    {"rev-users.list", contacts_list, false},
    {"rev-users.merge", contacts_merge, true},
    {"rev-users.personal-data", contacts_personal_data, true},
    {"rev-users.scan", contacts_scan, false},
    {"rev-users.update", contacts_update, true},
    {"schemas.aggregated.get", schemas_aggregated, false},
    {"schemas.custom.list", schemas_custom, false},
    {"surveys.responses.list", surveys_list, false},
    {"tags.list", tags_list, false},
    {"timeline-entries.get", timeline_get, false},
    {"timeline-entries.list", timeline_list, false},
    {"works.count", works_count, false},
    {"works.export", works_export, false},
    {"works.get", works_get, false},
    {"works.list", works_list, false},
    {"works.update", works_update, true},
};

const struct endpoint *endpoint_find(str call)
{
    size_t low = 0;
    size_t high = ARRAY_LEN(ENDPOINTS);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(str_of(ENDPOINTS[middle].call), call);
        if (order == 0) {
            return &ENDPOINTS[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

size_t endpoint_place(const struct endpoint *endpoint)
{
    return (size_t)(endpoint - ENDPOINTS);
}

size_t endpoint_count(void)
{
    return ARRAY_LEN(ENDPOINTS);
}

const struct endpoint *endpoint_at(size_t place)
{
    return &ENDPOINTS[place];
}
