/* SPDX-License-Identifier: MIT */
/* jobs.get and jobs.list: what became of the merges (merge.c says what a job's state follows from). */
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

static const char *state_at(const struct job *job, int64_t ms)
{
    if (job->done_ms != 0 && job->done_ms <= ms) {
        return job->failed ? "failed" : "completed";
    }
    int64_t delay = job->due_ms - job->obj.created_ms;
    int64_t gone = ms - job->obj.created_ms;
    if (gone * 10 < delay) {
        return "queued";
    }
    return gone * 4 < delay ? "started" : "in_progress";
}

static int64_t seen_at(const struct request *request)
{
    return request->as_of == WORLD_NOW ? request->now_ms : request->as_of;
}

static void render_user_entry(struct buf *out, const char *key, const struct user *user)
{
    jw_obj(out, NULL);
    jw_str(out, "type", "don");
    jw_str(out, "key", key);
    jw_str(out, "value", user->obj.id);
    jw_end_obj(out);
}

static void render_job(struct request *request, const char *key, const struct job *job)
{
    struct buf *out = &request->out;
    const char *state = state_at(job, seen_at(request));
    bool ended = strcmp(state, "completed") == 0 || strcmp(state, "failed") == 0;
    jw_obj(out, key);
    render_obj_head(out, &job->obj, request->sandbox->world.self, request->as_of);
    render_modified(out, request->sandbox->world.self, ended ? job->done_ms : job->obj.created_ms,
                    request->as_of);
    jw_str(out, "job_category", "merge_revuser");
    jw_str(out, "job_id", job->obj.display_id);
    jw_str(out, "state", state);
    jw_int(out, "progress", ended ? 100 : (strcmp(state, "in_progress") == 0 ? 50 : 0));
    jw_int(out, "retry_count", 0);
    jw_str(out, "title", "Merge contacts");
    jw_arr(out, "metadata_list");
    render_user_entry(out, "primary_user", job->primary);
    render_user_entry(out, "secondary_user", job->secondary);
    jw_end_arr(out);
    jw_arr(out, "output_artifacts");
    jw_end_arr(out);
    jw_end_obj(out);
}

void jobs_get(struct request *request)
{
    const struct job *job = (const struct job *)body_obj(request, "id", KIND_JOB, "job");
    if (job == NULL) {
        return;
    }
    if (job->obj.created_ms > seen_at(request)) {
        fail_not_found(request, "job");
        return;
    }
    jw_obj(&request->out, NULL);
    render_job(request, "job", job);
    jw_end_obj(&request->out);
}

static int64_t modified_ms(const struct obj *obj, int64_t as_of)
{
    const struct job *job = (const struct job *)obj;
    return job->done_ms != 0 && job->done_ms <= as_of ? job->done_ms : obj->created_ms;
}

void jobs_list(struct request *request)
{
    const struct world *world = &request->sandbox->world;
    const struct list *jobs = &world->all[KIND_JOB];
    int64_t ms = seen_at(request);
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    bool wanted = filter_text(body_list(request, "category"), "merge_revuser") &&
                  filter_obj(body_list(request, "created_by"), &world->self->obj) &&
                  filter_obj(body_list(request, "owned_by_id"), &world->self->obj) &&
                  json_array_size(body_list(request, "parent_ids")) == 0;
    size_t len = wanted ? jobs->len : 0;
    for (size_t i = page_first(&page, jobs); i < len && !page_full(&page); i++) {
        const struct job *job = (const struct job *)jobs->items[i];
        if (job->obj.created_ms <= ms &&
            filter_text(body_list(request, "state"), state_at(job, ms))) {
            page_add(&page, jobs->items[i]);
        }
    }
    if (page_sort(request, &page, modified_ms)) {
        page_cut(request, &page);
        jw_obj(&request->out, NULL);
        jw_arr(&request->out, "jobs");
        for (size_t i = page.from; i < page.to; i++) {
            render_job(request, NULL, (const struct job *)page.found.items[i]);
        }
        jw_end_arr(&request->out);
        page_cursors(&request->out, &page);
        jw_end_obj(&request->out);
    }
    page_free(&page);
}
