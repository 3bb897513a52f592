/* SPDX-License-Identifier: MIT */
/*
 * rev-users.merge and the jobs that it makes.
 *
 * The 200 only acknowledges; the merge happens --merge-delay later, in the order of acceptance. The
 * errors are not documented for rev users, the stand-in answers: 404 for a contact that does not
 * exist (or was deleted), 400 value_not_permitted for a contact and itself, for one that was merged
 * already and for one whose merge is under way.
 *
 * A job's state follows from the clock: queued for the first tenth of the delay, started until a
 * quarter, then in_progress until it happened. It names the users in metadata_list as `primary_user`
 * and `secondary_user`.
 */
#include <stdio.h>
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

static bool is_pending(const struct world *world, const struct user *secondary)
{
    const struct list *jobs = &world->all[KIND_JOB];
    for (size_t i = world->jobs_done; i < jobs->len; i++) {
        const struct job *job = (const struct job *)jobs->items[i];
        if (job->done_ms == 0 && job->secondary == secondary) {
            return true;
        }
    }
    return false;
}

static struct user *wanted(struct request *request, const char *name)
{
    struct user *user = (struct user *)body_obj(request, name, KIND_USER, "rev user");
    if (user != NULL && user->now->deleted) {
        fail_not_found(request, "rev user");
        return NULL;
    }
    return user;
}

static const char *objection(const struct world *world, const struct user *user)
{
    if (user->now->merged_into != NULL) {
        return "the user was merged into another one";
    }
    return is_pending(world, user) ? "a merge of the user is under way" : NULL;
}

static void add_job(const struct request *request, struct user *primary, struct user *secondary)
{
    struct sandbox *sandbox = request->sandbox;
    struct world *world = &sandbox->world;
    int64_t now_ms = request->now_ms;
    char *body = json_dumps(request->body, JSON_COMPACT);
    uint32_t number = (uint32_t)world->all[KIND_JOB].len + 1;
    struct job *job = arena_new(&world->arena, struct job);
    job->obj.id = arena_printf(&world->arena, "don:core:dvrv-us-1:" WORLD_ORG ":job/%u", number);
    job->obj.display_id = arena_printf(&world->arena, "JOB-%u", number);
    job->obj.created_ms = now_ms;
    job->primary = primary;
    job->secondary = secondary;
    job->body = arena_strdup(&world->arena, body);
    free(body);
    job->due_ms = now_ms + sandbox->options->merge_delay_ms;
    world_add(world, KIND_JOB, &job->obj);
    (void)pthread_cond_signal(&sandbox->merges);
}

void contacts_merge(struct request *request)
{
    struct sandbox *sandbox = request->sandbox;
    struct user *primary = wanted(request, "primary_user");
    struct user *secondary = primary != NULL ? wanted(request, "secondary_user") : NULL;
    if (secondary == NULL) {
        return;
    }
    if (primary == secondary) {
        fail_value(request, "secondary_user", "a user cannot be merged into itself");
        return;
    }
    const char *why = objection(&sandbox->world, secondary);
    if (why != NULL) {
        fail_value(request, "secondary_user", why);
        return;
    }
    why = objection(&sandbox->world, primary);
    if (why != NULL) {
        fail_value(request, "primary_user", why);
        return;
    }
    if (!request->never) {
        add_job(request, primary, secondary);
    }
    request->changed = true;
    buf_addz(&request->out, "{}");
}

/* --- carrying out ------------------------------------------------------------------------------ */

static struct job *next_job(const struct world *world)
{
    const struct list *jobs = &world->all[KIND_JOB];
    return world->jobs_done < jobs->len ? (struct job *)jobs->items[world->jobs_done] : NULL;
}

static void end_job(struct world *world, struct job *job, int64_t now_ms, bool failed)
{
    job->done_ms = now_ms;
    job->failed = failed;
    const struct list *jobs = &world->all[KIND_JOB];
    while (world->jobs_done < jobs->len &&
           ((const struct job *)jobs->items[world->jobs_done])->done_ms != 0) {
        world->jobs_done++;
    }
}

int64_t merges_next(const struct sandbox *sandbox)
{
    const struct job *job = next_job(&sandbox->world);
    return job != NULL ? job->due_ms : INT64_MAX;
}

static void log_done(struct sandbox *sandbox, const struct job *job, int64_t now_ms)
{
    AUTO_BUF struct buf line = {0};
    jw_obj(&line, NULL);
    jw_int(&line, "seq", ++sandbox->effect_seq);
    jw_int(&line, "at_ms", now_ms);
    jw_str(&line, "remote", "devrev");
    jw_str(&line, "call", "rev-users.merge/done");
    jw_raw(&line, "body", job->body);
    jw_null(&line, "fault");
    jw_bool(&line, "answered", true);
    jw_end_obj(&line);
    store_line(&sandbox->store, 'E', buf_str(&line));
    store_effect(&sandbox->store, buf_str(&line));
}

void merges_run(struct sandbox *sandbox, int64_t now_ms)
{
    struct world *world = &sandbox->world;
    struct job *job = NULL;
    while ((job = next_job(world)) != NULL && job->due_ms <= now_ms) {
        bool done =
            world_merge(world, job->primary, job->secondary, &sandbox->options->moves, now_ms);
        if (done) {
            log_done(sandbox, job, now_ms);
        }
        end_job(world, job, now_ms, !done);
    }
}

bool merge_replay_done(struct sandbox *sandbox, const json_t *body, int64_t at_ms)
{
    struct world *world = &sandbox->world;
    const char *id = json_string_value(json_object_get(body, "secondary_user"));
    const struct user *secondary = id != NULL ? world_contact(world, id) : NULL;
    const struct list *jobs = &world->all[KIND_JOB];
    for (size_t i = world->jobs_done; i < jobs->len; i++) {
        struct job *job = (struct job *)jobs->items[i];
        if (job->done_ms == 0 && job->secondary == secondary) {
            bool done =
                world_merge(world, job->primary, job->secondary, &sandbox->options->moves, at_ms);
            end_job(world, job, at_ms, !done);
            return done;
        }
    }
    return false;
}
