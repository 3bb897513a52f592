/* SPDX-License-Identifier: MIT */
#include "sandbox/faults.h"

#include "harness/tap.h"

static void reads_every_action(void)
{
    struct err err = {0};
    struct fault fault;
    CHECK_OK(fault_parse(STR("rev-users.merge@7-9=status:429:2"), &fault, &err), err);
    CHECK_STR(fault.call, "rev-users.merge");
    CHECK_INT(fault.from, 7);
    CHECK_INT(fault.to, 9);
    CHECK_INT(fault.action, FAULT_STATUS);
    CHECK_INT(fault.status, 429);
    CHECK_INT(fault.retry_after, 2);
    CHECK_STR(fault_cause(&fault), "status:429:2");
    CHECK_OK(fault_parse(STR("*@p0.05=slow:0.25"), &fault, &err), err);
    CHECK_INT(fault.action, FAULT_SLOW);
    CHECK_INT(fault.wait_ms, 250);
    CHECK(fault.share > 0.049 && fault.share < 0.051);
    CHECK_OK(fault_parse(STR("x@*=status:503"), &fault, &err), err);
    CHECK_INT(fault.retry_after, -1);
    CHECK_INT(fault.from, 1);
    CHECK_INT(fault.to, INT64_MAX);
    static const struct {
        const char *text;
        enum fault_action action;
    } rest[] = {{"x@1=drop-before", FAULT_DROP_BEFORE}, {"x@1=drop-after", FAULT_DROP_AFTER},
                {"x@1=truncate", FAULT_TRUNCATE},       {"x@1=garbage", FAULT_GARBAGE},
                {"x@1=stale:3", FAULT_STALE},           {"x@1=never", FAULT_NEVER},
                {"x@1=expire", FAULT_EXPIRE},           {"x@1=reset-mid", FAULT_RESET_MID},
                {"x@1=redirect", FAULT_REDIRECT}};
    for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
        CHECK_OK(fault_parse(str_of(rest[i].text), &fault, &err), err);
        CHECK_INT(fault.action, rest[i].action);
    }
}

static void names_what_is_wrong(void)
{
    struct err err = {0};
    struct fault fault = {.status = 1};
    CHECK_ERR(fault_parse(STR("x"), &fault, &err), err, ERR_USAGE,
              "could not read the fault 'x': not CALL@WHICH=ACTION");
    CHECK_ERR(fault_parse(STR("x@=never"), &fault, &err), err, ERR_USAGE,
              "could not read the fault 'x@=never': WHICH is N, N-M, pSHARE or *");
    CHECK_ERR(fault_parse(STR("x@5-4=never"), &fault, &err), err, ERR_USAGE,
              "could not read the fault 'x@5-4=never': WHICH is N, N-M, pSHARE or *");
    CHECK_ERR(fault_parse(STR("x@1=never:1"), &fault, &err), err, ERR_USAGE,
              "could not read the fault 'x@1=never:1': no such ACTION");
    CHECK_ERR(fault_parse(STR("x@1=slow"), &fault, &err), err, ERR_USAGE,
              "could not read the fault 'x@1=slow': no such ACTION");
    CHECK_INT(fault.status, 1); /* untouched */
}

static void set(struct faults *faults, const char *const *specs, size_t count)
{
    struct err err = {0};
    *faults = (struct faults){.seed = 3};
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(fault_parse(str_of(specs[i]), &faults->rules[i], &err), err);
        faults->len++;
    }
}

static void counts_by_rule(void)
{
    static struct faults faults;
    static const char *const specs[] = {"a@2=never", "*@3-4=garbage", "b@1=expire"};
    set(&faults, specs, ARRAY_LEN(specs));
    CHECK(faults_hit(&faults, "a") == NULL);
    CHECK_INT(faults_hit(&faults, "b")->action, FAULT_EXPIRE);
    CHECK_INT(faults_hit(&faults, "a")->action, FAULT_NEVER); /* the first rule decides */
    CHECK_INT(faults_hit(&faults, "c")->action, FAULT_GARBAGE);
    CHECK(faults_hit(&faults, "c") == NULL);
    CHECK_INT(faults.rules[0].seen, 2);
    CHECK_INT(faults.rules[1].seen, 5);
}

static void shares_follow_the_seed(void)
{
    static struct faults faults;
    static struct faults again;
    static const char *const specs[] = {"a@p0.1=never"};
    set(&faults, specs, 1);
    set(&again, specs, 1);
    int hits = 0;
    for (int i = 0; i < 10000; i++) {
        bool hit = faults_hit(&faults, "a") != NULL;
        CHECK((faults_hit(&again, "a") != NULL) == hit);
        hits += hit;
    }
    CHECK(hits > 850 && hits < 1150);
}

TAP_MAIN(TAP_TEST(reads_every_action), TAP_TEST(names_what_is_wrong), TAP_TEST(counts_by_rule),
         TAP_TEST(shares_follow_the_seed))
