/* SPDX-License-Identifier: MIT */
#include "engine/limits.h"

#include "harness/tap.h"

static struct run run_with(const char *options)
{
    return (struct run){.id = 7, .options = str_of(options)};
}

static void changes_are_counted(void)
{
    struct err err;
    const struct settings settings = {.max_changes = 3, .max_account_share = 100};
    const struct run run = run_with("{}");
    CHECK_OK(limits_check(&settings, &run, 0, &err), err);
    CHECK_OK(limits_check(&settings, &run, 3, &err), err);
    CHECK_ERR(limits_check(&settings, &run, 4, &err), err, ERR_REFUSED,
              "could not apply run 7: its 4 changes are more than the limit of 3");
    CHECK_STR(err.hint, "If so many are meant, raise MAX_CHANGES or give --max-changes.");
}

static void a_share_is_held_against_its_limit_exactly(void)
{
    struct err err;
    struct settings settings = {.max_changes = 100, .max_account_share = 25};
    const struct run quarter =
        run_with("{\"max_account_share\":{\"percent\":25,\"changes\":5,\"contacts\":20}}");
    const struct run more =
        run_with("{\"max_account_share\":{\"percent\":25,\"changes\":251,\"contacts\":1000}}");
    CHECK_OK(limits_check(&settings, &quarter, 5, &err), err);
    CHECK_ERR(limits_check(&settings, &more, 1, &err), err, ERR_REFUSED,
              "could not apply run 7: it changes 251 of the 1000 records of one account (25.1 %), "
              "more than the limit of 25 %");
    CHECK_STR(err.hint,
              "If so many are meant, raise MAX_ACCOUNT_SHARE or give --max-account-share.");
    CHECK_OK(limits_check(&settings, &more, 0, &err), err);
    settings.max_account_share = 0;
    CHECK_ERR(limits_check(&settings, &quarter, 5, &err), err, ERR_REFUSED,
              "could not apply run 7: it changes 5 of the 20 records of one account (25.0 %), more "
              "than the limit of 0 %");
    settings.max_account_share = 100;
    const struct run whole = run_with("{\"max_account_share\":{\"changes\":9,\"contacts\":9}}");
    CHECK_OK(limits_check(&settings, &whole, 9, &err), err);
}

static void a_plan_without_accounts_has_no_share(void)
{
    struct err err;
    const struct settings settings = {.max_changes = 100, .max_account_share = 1};
    static const char *const options[] = {"", "{}", "{\"max_account_share\":{\"changes\":3}}",
                                          "{\"max_account_share\":{\"changes\":3,\"contacts\":0}}"};
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct run run = run_with(options[i]);
        CHECK_OK(limits_check(&settings, &run, 50, &err), err);
    }
}

static void options_that_cannot_be_read_let_nothing_pass(void)
{
    struct err err;
    const struct settings settings = {.max_changes = 100, .max_account_share = 100};
    const struct run run = run_with("{\"max");
    CHECK(!limits_check(&settings, &run, 1, &err));
    CHECK_INT(err.kind, ERR_PROTOCOL);
    CHECK(str_starts(str_of(err.message), STR("could not read the options of run 7: ")));
}

/* Nothing was counted, so nothing says that the limit holds. */
static void a_plan_made_without_the_limit_is_refused_with_it(void)
{
    struct settings settings = {.max_changes = 100, .max_account_share = 99};
    const struct run run = run_with("{\"max_account_share\":null}");
    struct err err;
    CHECK_ERR(limits_check(&settings, &run, 1, &err), err, ERR_REFUSED,
              "could not apply run 7: it was planned without MAX_ACCOUNT_SHARE, so no account was "
              "counted");
    settings.max_account_share = 100;
    CHECK_OK(limits_check(&settings, &run, 1, &err), err);
}

TAP_MAIN(TAP_TEST(changes_are_counted), TAP_TEST(a_share_is_held_against_its_limit_exactly),
         TAP_TEST(a_plan_without_accounts_has_no_share),
         TAP_TEST(a_plan_made_without_the_limit_is_refused_with_it),
         TAP_TEST(options_that_cannot_be_read_let_nothing_pass))
