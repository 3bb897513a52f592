/* SPDX-License-Identifier: MIT */
#include "engine/limits.h"

#include <inttypes.h>

#include "format/jsonx.h"

static bool check_share(const struct settings *settings, const struct run *run,
                        const json_t *options, struct err *err)
{
    int64_t limit = settings->max_account_share;
    int64_t changes;
    int64_t records;
    if (limit < 100 && json_is_null(json_object_get(options, "max_account_share"))) {
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64
                      ": it was planned without MAX_ACCOUNT_SHARE, so no account was counted",
                      run->id);
        return err_hint(err, "Plan again with it, or raise it to 100.");
    }
    if (!jsonx_int(options, "max_account_share.changes", &changes) ||
        !jsonx_int(options, "max_account_share.contacts", &records)) {
        return true; /* the records of this plan belong to no accounts */
    }
    if (records <= 0 || changes * 100 <= limit * records) {
        return true;
    }
    (void)err_set(err, ERR_REFUSED,
                  "could not apply run %" PRId64 ": it changes %" PRId64 " of the %" PRId64
                  " records of one account (%.1f %%), more than the limit of %" PRId64 " %%",
                  run->id, changes, records, (double)changes * 100 / (double)records, limit);
    return err_hint(err, "If so many are meant, raise MAX_ACCOUNT_SHARE or give "
                         "--max-account-share.");
}

bool limits_check(const struct settings *settings, const struct run *run, uint64_t changes,
                  struct err *err)
{
    if (changes > (uint64_t)settings->max_changes) {
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64 ": its %" PRIu64
                      " changes are more than the limit of %" PRId64,
                      run->id, changes, settings->max_changes);
        return err_hint(err, "If so many are meant, raise MAX_CHANGES or give --max-changes.");
    }
    if (run->options.len == 0 || changes == 0) {
        return true;
    }
    AUTO(json_decref) json_t *options = jsonx_parse(run->options, 0, err);
    if (options == NULL) {
        return err_wrap(err, "could not read the options of run %" PRId64, run->id);
    }
    return check_share(settings, run, options, err);
}
