/* SPDX-License-Identifier: MIT */
#include "job/user_groups.h"

#include "harness/tap.h"

static const char JSON[] =
    "{\"tenant\":\"devo/a\",\"at_ms\":1000,\"groups\":["
    "{\"id\":\"don:g:group/1\",\"display_id\":\"GROUP-1\",\"name\":\"Support\",\"members\":["
    "{\"id\":\"don:u/1\",\"display_id\":\"DEVU-1\",\"state\":\"active\"},"
    "{\"id\":\"don:u/2\",\"display_id\":\"DEVU-2\",\"state\":\"active\"},"
    "{\"id\":\"don:u/3\",\"display_id\":\"DEVU-3\",\"state\":\"deactivated\"}]},"
    "{\"id\":\"don:g:group/2\",\"display_id\":\"GROUP-2\",\"name\":\"Pay  Ments\",\"members\":["
    "{\"id\":\"don:u/2\",\"display_id\":\"DEVU-2\",\"state\":\"active\"}]},"
    "{\"id\":\"don:g:group/3\",\"display_id\":\"GROUP-3\",\"name\":\"Twin\",\"members\":[]},"
    "{\"id\":\"don:g:group/4\",\"display_id\":\"GROUP-4\",\"name\":\"twin\",\"members\":[]}]}";

static struct groups *parse(int64_t now_ms, int64_t ttl_ms, struct err *err)
{
    return groups_parse(str_of(JSON), STR("devo/a"), now_ms, ttl_ms, err);
}

static void answer(const struct groups *groups, const char *user, const char *assigned,
                   enum groups_answer expected, const char *text)
{
    const struct group *group = NULL;
    AUTO_BUF struct buf why = {0};
    enum groups_answer got = groups_of(groups, str_of(user), str_of(assigned), &group, &why);
    CHECK_INT(got, expected);
    CHECK_INT(group != NULL, expected == GROUPS_FOUND);
    if (expected == GROUPS_FOUND) {
        CHECK_STR(group->display_id.ptr, text);
    } else {
        CHECK_STR(buf_z(&why), text);
    }
}

static void whose_group_it_is(void)
{
    struct err err = {0};
    AUTO(groups_free) struct groups *groups = parse(1500, 1000, &err);
    CHECK(groups != NULL);
    answer(groups, "don:u/1", "", GROUPS_FOUND, "GROUP-1");
    answer(groups, " DEVU-1 ", "", GROUPS_FOUND, "GROUP-1");
    /* an assigned group that is not theirs changes nothing where there is only one */
    answer(groups, "don:u/1", "GROUP-2", GROUPS_FOUND, "GROUP-1");
    answer(groups, "don:u/2", "don:g:group/2", GROUPS_FOUND, "GROUP-2");
    answer(groups, "don:u/2", " pay ments", GROUPS_FOUND, "GROUP-2");
    answer(groups, "don:u/2", "", GROUPS_AMBIGUOUS,
           "ambiguous: the creator is in 2 groups (GROUP-1, GROUP-2) and no group is assigned");
    answer(
        groups, "don:u/2", "GROUP-3", GROUPS_AMBIGUOUS,
        "ambiguous: the creator is in 2 groups (GROUP-1, GROUP-2), and the assigned group is none "
        "of them");
    answer(groups, "don:u/1", "GROUP-9", GROUPS_NO_SUCH_GROUP,
           "no-such-group: the assigned group does not exist");
    answer(groups, "don:u/1", "TWIN", GROUPS_NO_SUCH_GROUP,
           "no-such-group: the assigned group's name stands for several groups");
    answer(groups, "don:u/3", "", GROUPS_INACTIVE, "inactive: the creator is deactivated");
    answer(groups, "don:u/4", "", GROUPS_UNKNOWN, "unknown: the creator is in no group");
}

static void what_is_kept_is_not_used_for_ever(void)
{
    struct err err = {0};
    CHECK(parse(2000, 1000, &err) == NULL);
    CHECK_STR(err.message, "could not use 'cache/devrev-groups.json': it is too old");
    CHECK(parse(999, 1000, &err) == NULL);
    CHECK_STR(err.message, "could not use 'cache/devrev-groups.json': it is too old");
    CHECK(groups_parse(str_of(JSON), STR("devo/b"), 1500, 1000, &err) == NULL);
    CHECK_STR(err.message, "could not use 'cache/devrev-groups.json': it is another tenant's");
    CHECK(groups_parse(STR("{\"tenant\":\"devo/a\"}"), STR("devo/a"), 1500, 1000, &err) == NULL);
    CHECK_STR(err.message, "could not read 'cache/devrev-groups.json': it is no list of groups");
}

static void note_ambiguous(void *ctx, str user, const struct group *const *in, size_t count)
{
    struct buf *out = ctx;
    buf_printf(out, "%.*s:%zu:%.*s;", STR_ARG(user), count, STR_ARG(in[0]->display_id));
}

static void who_is_in_several(void)
{
    struct err err = {0};
    AUTO_BUF struct buf out = {0};
    AUTO(groups_free) struct groups *groups = parse(1000, 1000, &err);
    CHECK(groups != NULL);
    CHECK_INT(groups_count(groups), 4);
    CHECK_INT(groups_at(groups, 0)->member_count, 3);
    groups_each_ambiguous(groups, note_ambiguous, &out);
    CHECK_STR(buf_z(&out), "don:u/2:2:GROUP-1;");
}

TAP_MAIN(TAP_TEST(whose_group_it_is), TAP_TEST(what_is_kept_is_not_used_for_ever),
         TAP_TEST(who_is_in_several))
