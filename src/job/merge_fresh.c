/* SPDX-License-Identifier: MIT */
#include "job/merge_fresh.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "format/jsonx.h"
#include "job/inputs.h"
#include "job/merge_memory.h"
#include "job/merge_plan_internal.h"

/* --- noting ---------------------------------------------------------------------------------- */

static bool note_map(struct job_run *run, const char *path, struct err *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not read '%s'", path);
    }
    return inputs_note(run, "map_file", fd, path, 1, err);
}

/* A built-in rule set is found by its name wherever steward is installed, a file by its path. */
static bool is_path(const char *rules)
{
    return strpbrk(rules, "/.") != NULL;
}

bool merge_fresh_note(struct job_run *run, const struct merge_options *options, const char *rules,
                      struct merge_plan *plan, struct err *err)
{
    if (options->source == NULL &&
        (!inputs_note(run, "csv_file", plan->fd, options->csv_path, plan->threads, err) ||
         !plan_check_unchanged(plan, err))) {
        return false;
    }
    if (options->map != NULL && !note_map(run, options->map, err)) {
        return false;
    }
    AUTO_FREE char *path = is_path(rules) ? realpath(rules, NULL) : NULL;
    buf_addz(&run->facts, ",\"rules_path\":");
    buf_add_json(&run->facts, str_of(path != NULL ? path : rules));
    return true;
}

/* --- checking -------------------------------------------------------------------------------- */

static bool is_gone(const char *rules, const struct err *err)
{
    return err->kind == ERR_NOT_FOUND || (is_path(rules) && access(rules, F_OK) != 0);
}

static bool check_rules(struct job_run *run, const struct run *planned, const char *path,
                        struct err *err)
{
    struct err failure = {0};
    AUTO(rules_free) struct rules *rules = rules_load(path, &failure);
    if (rules == NULL && is_gone(path, &failure)) {
        log_at(run->log, LOG_WARN, "the rule set that the plan was made by cannot be compared",
               LOG_STR("rules", path), LOG_STR("cause", failure.message));
        return true;
    }
    if (rules != NULL && str_eqz(run->plan->rules_hash, rules->hash)) {
        return true;
    }
    if (rules == NULL) {
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64
                      ": its rule set has changed since the plan and is not one any more: %.400s",
                      planned->id, failure.message);
    } else {
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64
                      ": the rule set '%s' or one of its lists has changed since the plan",
                      planned->id, path);
    }
    return err_hint(err, "Plan again: by the rules of now it may decide otherwise.");
}

bool merge_fresh(struct job_run *run, const struct run *planned, struct err *err)
{
    AUTO(json_decref) json_t *options = jsonx_parse(planned->options, 0, err);
    if (options == NULL) {
        return err_wrap(err, "could not read the options of run %" PRId64, planned->id);
    }
    const char *path = json_string_value(json_object_get(options, "rules_path"));
    return (path == NULL || check_rules(run, planned, path, err)) &&
           inputs_check(planned, run->log, err) && merge_memory_check(run, planned, err);
}
