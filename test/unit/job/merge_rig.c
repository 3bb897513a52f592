/* SPDX-License-Identifier: MIT */
#include "unit/job/merge_rig.h"

#include <fcntl.h>
#include <stdio.h>

static const struct plan_column columns[] = {
    {{"email", 5}, {"email", 5}, {"email", 5}, true},
    {{"external_ref", 12}, {"external_ref", 12}, {"trim", 4}, true},
    {{"full_name", 9}, {"full_name", 9}, {"trim", 4}, false},
    {{"tickets", 7}, {NULL, 0}, {"count", 5}, false},
};

static const struct plan_header header = {
    .job = {"merge", 5},
    .rules = {"revu-pairs", 10},
    .kind = {"merge-contact", 13},
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
};

/* Bodies live as long as the server: in an arena of the rig's change. */
void rig_answer(struct rig *rig, int status, const char *body)
{
    struct httpserver_step step = {.status = status,
                                   .body = str_dup(&rig->change.arena, str_of(body))};
    httpserver_script(rig->server, &step);
}

void rig_contact(struct rig *rig, int n, const char *external_ref, const char *more)
{
    rig_answer(rig, 200,
               arena_printf(&rig->change.arena,
                            "{\"rev_user\":{\"id\":\"don:identity:dvrv-us-1:devo/0:revu/%d\","
                            "\"display_id\":\"REVU-%d\",\"email\":\"ann@example.com\","
                            "\"external_ref\":\"%s\",\"state\":\"active\"%s}}",
                            n, n, external_ref, more));
}

/* Each rig has a journal of its own. */
static struct journal *fresh_journal(struct rig *rig)
{
    static int number = 0;
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/rig-%d.db", tap_tmpdir(), ++number);
    return journal_open(path, JOURNAL_WRITE, &rig->fake.clock, &rig->err);
}

void rig_start(struct rig *rig)
{
    *rig = (struct rig){0};
    rig->server = httpserver_start();
    fakeclock_init(&rig->fake);
    stop_init(&rig->stop);
    secret_set(&rig->token, STR("tok-1"));
    struct limiter_options limits = {.period_ms = 1000, .clock = &rig->fake.clock};
    rig->limiter = limiter_open(-1, NULL, &limits, &rig->err);
    struct devrev_options options = {
        .base_url = httpserver_url(rig->server),
        .token = &rig->token,
        .limiter = rig->limiter,
        .clock = &rig->fake.clock,
        .stop = &rig->stop,
        .retry = {.attempts = 2, .base_ms = 1, .cap_ms = 10},
    };
    rig->shared = devrev_shared_new(&options, &rig->err);
    rig->settings.merge_settle_ms = 300000;
    rig->run = (struct job_run){
        .run = 7,
        .settings = &rig->settings,
        .clock = &rig->fake.clock,
        .stop = &rig->stop,
        .workspace_fd = open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .journal = fresh_journal(rig),
        .limiter = rig->limiter,
        .stamp = "20261124_120000",
        .plan = &header,
        .shared = rig->shared,
    };
    rig->worker = (struct merge_worker){&rig->run, devrev_new(rig->shared, &rig->err)};
    CHECK(rig->worker.devrev != NULL);
    rig->values[0] = (struct plan_value){STR("Ann@Example.com"), STR("ann@example.com ")};
    rig->values[1] = (struct plan_value){STR("REVU-1"), STR("user_2")};
    rig->values[2] = (struct plan_value){STR("A. Lee"), STR("Ann Lee")};
    rig->values[3] = (struct plan_value){STR("5"), STR("0")};
    rig->change.plan = (struct plan_change){
        .id = "00112233445566778899aabbccddeeff",
        .target = STR("REVU-1"),
        .survivor = STR("REVU-2"),
        .strategy = STR("revu-pairs"),
        .reason = STR("same email"),
        .values = rig->values,
    };
    rig->change.row.sent_at_ms = FAKECLOCK_REAL_MS;
}

void rig_finish(struct rig *rig)
{
    merge_forget(&rig->change);
    devrev_free(rig->worker.devrev);
    devrev_shared_free(rig->shared);
    limiter_close(rig->limiter);
    journal_close(rig->run.journal);
    secret_done(&rig->token);
    stop_done(&rig->stop);
    httpserver_stop(rig->server);
    arena_done(&rig->change.arena);
    (void)close(rig->run.workspace_fd);
}

static struct httpserver_record record;

const char *rig_path(struct rig *rig, int number)
{
    return httpserver_get(rig->server, number, &record) ? record.path : "";
}

const char *rig_body(struct rig *rig, int number)
{
    return httpserver_get(rig->server, number, &record) ? record.body : "";
}
