/* SPDX-License-Identifier: MIT */
/*
 * Snowflake by three small statements: who are we (needs no warehouse), one row by the warehouse, and
 * one row of the view that the queries of queries/ read. Nothing is tried again: a doctor tells what is.
 */
#include <inttypes.h>
#include <jansson.h>

#include "command/doctor.h"
#include "job/source.h"
#include "net/callstats.h"
#include "net/http.h"

enum { FIELDS_MAX = 5 };

static const char WHO[] = "SELECT CURRENT_USER() AS USER_NAME, CURRENT_ROLE() AS ROLE_NAME, "
                          "CURRENT_WAREHOUSE() AS WAREHOUSE_NAME, CURRENT_DATABASE() AS "
                          "DATABASE_NAME, CURRENT_SCHEMA() AS SCHEMA_NAME";
static const char COMPUTE[] = "SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 1))";
static const char VIEW[] = "SELECT u.ID AS REV_USER_ID FROM REV_USERS u LIMIT 1";

enum field { USER_NAME, ROLE_NAME, WAREHOUSE_NAME, DATABASE_NAME, SCHEMA_NAME };

struct patient {
    struct checkup *checkup;
    struct snowflake *snowflake;
    struct callstats *calls;
    const struct clock *clock;
    const char *fields[FIELDS_MAX]; /* of the last row; "" where null or not asked for */
    int64_t took_ms;                /* the last statement, from the question to the whole answer */
};

static bool take_columns(void *ctx, const str *names, size_t count, struct err *err)
{
    (void)ctx;
    (void)names; /* they are ours */
    return count <= FIELDS_MAX ||
           err_set(err, ERR_PROTOCOL, "could not query Snowflake: it answered %zu columns", count);
}

static bool take_partition(void *ctx, uint64_t number, struct err *err)
{
    (void)ctx; /* the last row counts, whatever came before */
    (void)number;
    (void)err;
    return true;
}

static bool take_row(void *ctx, const str *cells, size_t count, struct err *err)
{
    (void)err; /* the number of columns is checked */
    struct patient *patient = ctx;
    for (size_t i = 0; i < count; i++) {
        patient->fields[i] = str_z(&patient->checkup->arena, cells[i]);
    }
    return true;
}

static bool ask(struct patient *patient, const char *sql, struct err *err)
{
    const struct snowflake_sink sink = {take_columns, take_partition, take_row, patient};
    struct snowflake_result result;
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        patient->fields[i] = "";
    }
    int64_t began_ns = clock_mono_ns(patient->clock);
    bool ok = snowflake_query(patient->snowflake, str_of(sql), &sink, &result, err);
    patient->took_ms = (clock_mono_ns(patient->clock) - began_ns) / 1000000;
    return ok;
}

static void add_refusal(struct patient *patient, const char *name, enum finding finding,
                        const struct err *err)
{
    checkup_add(patient->checkup, name, finding, "%s", err->message);
    checkup_fix(patient->checkup, "%s",
                err->hint[0] != '\0'
                    ? err->hint
                    : "Check the SNOWFLAKE_ settings, and whether it has trouble.");
}

/* A setting that Snowflake has no default for is missing only where a statement needs it. */
static void add_default(struct patient *patient, const char *name, enum field field,
                        const char *setting)
{
    const char *value = patient->fields[field];
    if (value[0] != '\0') {
        checkup_add(patient->checkup, name, FINDING_OK, "%s", value);
        return;
    }
    checkup_add(patient->checkup, name, FINDING_WARN, "none is set");
    checkup_fix(patient->checkup, "Set %s, or a default for the user at Snowflake.", setting);
}

/* Of the first request, whose answer is not waited for by looking again; -1: not known. */
static int64_t round_trip_ms(struct callstats *calls)
{
    AUTO_BUF struct buf text = {0};
    callstats_json(calls, &text);
    json_t *json = json_loadb(text.ptr, text.len, 0, NULL);
    const json_t *submit = json_object_get(json_object_get(json, "calls"), "statements.submit");
    const json_t *first = json_array_get(json_object_get(submit, "latency"), 0);
    const json_t *bucket = json_array_get(first, 0);
    int64_t ms = -1;
    if (json_is_integer(bucket) && json_integer_value(bucket) < CALLSTATS_BUCKETS) {
        uint64_t buckets[CALLSTATS_BUCKETS] = {0};
        buckets[json_integer_value(bucket)] = 1;
        ms = callstats_percentile_us(buckets, 1) / 1000;
    }
    json_decref(json);
    return ms;
}

/* True where statements are answered. */
static bool check_sign_in(struct patient *patient)
{
    struct err err = {0};
    if (!ask(patient, WHO, &err)) {
        add_refusal(patient, err.kind == ERR_AUTH ? "sign in to Snowflake" : "reach Snowflake",
                    FINDING_FAIL, &err);
        return false;
    }
    checkup_add(patient->checkup, "reach Snowflake", FINDING_OK,
                "there and back in %" PRId64 " ms, a statement in %" PRId64 " ms",
                round_trip_ms(patient->calls), patient->took_ms);
    checkup_add(patient->checkup, "sign in to Snowflake", FINDING_OK, "%s with the role %s",
                patient->fields[USER_NAME],
                patient->fields[ROLE_NAME][0] != '\0' ? patient->fields[ROLE_NAME] : "(none)");
    add_default(patient, "database", DATABASE_NAME, "SNOWFLAKE_DATABASE");
    add_default(patient, "schema", SCHEMA_NAME, "SNOWFLAKE_SCHEMA");
    return true;
}

static bool check_warehouse(struct patient *patient)
{
    const char *name = patient->fields[WAREHOUSE_NAME][0] != '\0' ? patient->fields[WAREHOUSE_NAME]
                                                                  : "the user's default";
    struct err err = {0};
    if (!ask(patient, COMPUTE, &err)) {
        add_refusal(patient, "warehouse", FINDING_FAIL, &err);
        return false;
    }
    checkup_add(patient->checkup, "warehouse", FINDING_OK, "%s, a row took %" PRId64 " ms", name,
                patient->took_ms);
    return true;
}

/* A warning, because a query of one's own (--query) may read other views. */
static void check_view(struct patient *patient)
{
    struct err err = {0};
    if (!ask(patient, VIEW, &err)) {
        add_refusal(patient, "read REV_USERS", FINDING_WARN, &err);
        return;
    }
    checkup_add(patient->checkup, "read REV_USERS", FINDING_OK, "the shipped queries can read it");
}

void doctor_snowflake(struct checkup *checkup, const struct settings *settings)
{
    struct err err = {0};
    struct patient patient = {.checkup = checkup, .clock = clock_system()};
    struct snowflake_options options = source_snowflake_options(settings, patient.clock);
    AUTO(callstats_free) struct callstats *calls = callstats_new();
    patient.calls = calls;
    options.calls = calls;
    options.retry.attempts = 1;
    patient.snowflake = snowflake_new(&options, &err);
    if (patient.snowflake == NULL) {
        add_refusal(&patient, "Snowflake's settings", FINDING_FAIL, &err);
        return;
    }
    if (check_sign_in(&patient) && check_warehouse(&patient)) {
        check_view(&patient);
    }
    snowflake_free(patient.snowflake);
}
