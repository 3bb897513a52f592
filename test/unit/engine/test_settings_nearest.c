/* SPDX-License-Identifier: MIT */
#include "engine/settings_nearest.h"
#include "harness/tap.h"

static void edits_are_counted(void)
{
    CHECK_INT(nearest_distance(STR("apply"), STR("apply")), 0);
    CHECK_INT(nearest_distance(STR("aply"), STR("apply")), 1);
    CHECK_INT(nearest_distance(STR("applly"), STR("apply")), 1);
    CHECK_INT(nearest_distance(STR("appls"), STR("apply")), 1);
    CHECK_INT(nearest_distance(STR("paply"), STR("apply")), 1); /* neighbours swapped */
    CHECK_INT(nearest_distance(STR("APPLY"), STR("apply")), 0);
    CHECK_INT(nearest_distance(STR(""), STR("abc")), 3);
    CHECK_INT(nearest_distance(STR("kitten"), STR("sitting")), 3);
    char longer[64];
    memset(longer, 'a', sizeof(longer));
    CHECK(nearest_distance((str){longer, 64}, STR("a")) == SIZE_MAX);
}

static const char *nearest_of(const char *wanted)
{
    static const char *const names[] = {"merge",  "apply",  "resume",
                                        "verify", "report", "batch-size"};
    struct nearest nearest = {.wanted = str_of(wanted)};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        nearest_offer(&nearest, names[i]);
    }
    return nearest.best != NULL ? nearest.best : "none";
}

static void only_near_names_are_offered(void)
{
    CHECK_STR(nearest_of("mrege"), "merge");
    CHECK_STR(nearest_of("verfiy"), "verify");
    CHECK_STR(nearest_of("batch_size"), "batch-size");
    CHECK_STR(nearest_of("bat"), "batch-size"); /* a beginning */
    CHECK_STR(nearest_of("ba"), "none");
    CHECK_STR(nearest_of("resort"), "report");
    CHECK_STR(nearest_of("frobnicate"), "none");
    CHECK_STR(nearest_of(""), "none");
}

TAP_MAIN(TAP_TEST(edits_are_counted), TAP_TEST(only_near_names_are_offered))
