/* SPDX-License-Identifier: MIT */
#include "job/source_internal.h"

#include <string.h>

#include "base/map.h"
#include "format/jsonx.h"
#include "job/devrev_session.h"

enum { MAX_PAGES = 1000000 };

static const char CALL[] = "rev-users.scan";

static const str HEADER[] = {
    STR("REV_USER_ID"), STR("DISPLAY_NAME"), STR("EMAIL"),      STR("EXTERNAL_REF"),
    STR("FULL_NAME"),   STR("CREATED_AT"),   STR("UPDATED_AT"), STR("TICKET_COUNT"),
};

/* A contact that was merged has another one as its primary identity. */
static bool is_live(const json_t *contact)
{
    str primary = jsonx_str(contact, "primary_identity.id");
    return (primary.len == 0 || devrev_same_user(primary, jsonx_str(contact, "id"))) &&
           !str_eqz(jsonx_str(contact, "state"), "deleted");
}

static bool take_contact(struct spool *spool, const json_t *contact, struct err *err)
{
    if (jsonx_str(contact, "id").len == 0) {
        return err_set(err, ERR_PROTOCOL, "could not call %s: a contact has no id", CALL);
    }
    if (!is_live(contact)) {
        return true;
    }
    const str cells[ARRAY_LEN(HEADER)] = {
        jsonx_str(contact, "id"),
        jsonx_str(contact, "display_name"),
        jsonx_str(contact, "email"),
        jsonx_str(contact, "external_ref"),
        jsonx_str(contact, "full_name"),
        jsonx_str(contact, "created_date"),
        jsonx_str(contact, "modified_date"),
        STR(""),
    };
    return spool_row(spool, cells, ARRAY_LEN(cells), err);
}

/* Pages that have been asked for: a cursor that comes again would never end. */
struct walk {
    struct arena arena;
    struct map seen;
    str cursor; /* of the next page; len 0: there is none */
};

static bool next_cursor(struct walk *walk, const json_t *answer, struct err *err)
{
    str cursor = jsonx_str(answer, "next_cursor");
    if (cursor.len != 0 && map_has(&walk->seen, cursor)) {
        return err_set(err, ERR_PROTOCOL, "could not call %s: a cursor came a second time", CALL);
    }
    walk->cursor = str_dup(&walk->arena, cursor);
    if (cursor.len != 0) {
        (void)map_put(&walk->seen, walk->cursor, walk);
    }
    return walk->seen.len < MAX_PAGES ||
           err_set(err, ERR_PROTOCOL, "could not call %s: more than %d pages", CALL, MAX_PAGES);
}

static bool take_page(struct devrev *devrev, struct walk *walk, struct spool *spool,
                      struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    json_t *request = walk->cursor.len == 0
                          ? json_object()
                          : json_pack("{s:s%}", "cursor", walk->cursor.ptr, walk->cursor.len);
    if (!devrev_read(devrev, CALL, request, &answer, err)) {
        return false;
    }
    const json_t *list = jsonx_get(answer.json, "rev_users");
    if (!json_is_array(list)) { /* taking it for an empty page would end the scan too early */
        return err_set(err, ERR_PROTOCOL, "could not call %s: 'rev_users' is not a list", CALL);
    }
    const json_t *contact;
    JSONX_EACH(contact, list)
    {
        if (!take_contact(spool, contact, err)) {
            return false;
        }
    }
    return next_cursor(walk, answer.json, err);
}

static bool scan(struct devrev *devrev, struct spool *spool, struct err *err)
{
    struct walk walk = {.cursor = STR_NONE};
    bool ok = spool_row(spool, HEADER, ARRAY_LEN(HEADER), err);
    do {
        ok = ok && take_page(devrev, &walk, spool, err);
    } while (ok && walk.cursor.len != 0);
    map_done(&walk.seen);
    arena_done(&walk.arena);
    return ok;
}

bool source_read_devrev(struct job_run *run, const struct source_options *options,
                        struct spool *spool, struct err *err)
{
    AUTO_DEVREV_SESSION struct devrev_session session = {0};
    return devrev_session_open(run, options->rate_calls, options->rate_period_ms, &session, err) &&
           scan(session.devrev, spool, err);
}
