/* SPDX-License-Identifier: MIT */
/*
 * Who is in which group of the tenant. DevRev has no call that gives the groups of one user, so all
 * groups are listed once with their members (a call a page) and turned round. The result is kept in the
 * workspace as cache/devrev-groups.json (0600, ids, states and names of groups, no names of people) and
 * used again for `ttl_ms`, by later runs too; a file of another tenant, a damaged one and one from
 * the future are not used.
 *
 * Immutable once loaded: any number of threads may ask. Views live as long as it.
 */
#ifndef STEWARD_JOB_USER_GROUPS_H
#define STEWARD_JOB_USER_GROUPS_H

#include "engine/job.h"
#include "remote/devrev.h"

struct group {
    str id;         /* don:identity:...:group/7 */
    str display_id; /* GROUP-7 */
    str name;
    size_t member_count;
};

struct groups;

struct groups *groups_load(struct job_run *run, struct devrev *devrev, int64_t ttl_ms,
                           struct err *err) MUST_CHECK;
void groups_free(struct groups *groups);
DEFINE_AUTO(struct groups, groups_free)

/* From the JSON of the cache file; `tenant` as groups_tenant gave it. For tests and groups_load. */
struct groups *groups_parse(str json, str tenant, int64_t now_ms, int64_t ttl_ms,
                            struct err *err) MUST_CHECK;

size_t groups_count(const struct groups *groups);
const struct group *groups_at(const struct groups *groups, size_t i);

/* The tenant's part of its ids: "devo/0abc". */
str groups_tenant(const struct groups *groups);

/* When the members were listed. */
int64_t groups_at_ms(const struct groups *groups);

/* By id, display id or name (trimmed, ASCII case apart). NULL: none; *ret_several where a name stands
 * for several groups. */
const struct group *groups_find(const struct groups *groups, str text, bool *ret_several);

enum groups_answer {
    GROUPS_FOUND,
    GROUPS_NO_SUCH_GROUP, /* the assigned group does not exist, or its name stands for several */
    GROUPS_UNKNOWN,       /* nobody of that id is in any group */
    GROUPS_INACTIVE,      /* the remote says that the user is deactivated, deleted or locked */
    GROUPS_AMBIGUOUS      /* in several groups, and none is assigned */
};

/* The group of a creator (id or display id); `assigned` decides between several. What stands in the way
 * goes to `why`, without personal data, for people. */
enum groups_answer groups_of(const struct groups *groups, str user, str assigned,
                             const struct group **ret, struct buf *why);

/* Each user who is in several groups: what `assigned_group` must decide. */
void groups_each_ambiguous(const struct groups *groups,
                           void (*each)(void *ctx, str user, const struct group *const *in,
                                        size_t count),
                           void *ctx);

#endif
