/* SPDX-License-Identifier: MIT */
/*
 * links.list, artifacts.* and the bytes of artifacts. artifacts.locate gives an address below
 * /sandbox/artifacts/ that is signed and needs no token, as the real one points to signed storage.
 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "sandbox/api.h"
#include "sandbox/jw.h"

enum { URL_SECONDS = 3600 };

static void render_endpoint(struct buf *out, const char *key, const struct obj *obj, int64_t as_of)
{
    if (obj->kind == KIND_WORK) {
        render_work_summary(out, key, (const struct work *)obj, as_of);
        return;
    }
    const struct conversation_version *version =
        conversation_at((const struct conversation *)obj, as_of);
    jw_obj(out, key);
    jw_str(out, "type", "conversation");
    jw_str(out, "id", obj->id);
    jw_str(out, "display_id", obj->display_id);
    jw_str(out, "title", version->title);
    jw_end_obj(out);
}

static const char *endpoint_word(const struct obj *obj)
{
    return obj->kind == KIND_WORK ? work_word(((const struct work *)obj)->type) : "conversation";
}

static bool link_matches(const struct request *request, const struct link *link,
                         const struct obj *obj)
{
    const char *direction = body_text(request, "direction");
    bool source = link->source == obj && (direction == NULL || strcmp(direction, "is_source") == 0);
    bool target = link->target == obj && (direction == NULL || strcmp(direction, "is_target") == 0);
    const struct obj *other = link->source == obj ? link->target : link->source;
    return (source || target) && filter_text(body_list(request, "link_type"), link->type) &&
           filter_text(body_list(request, "types"), link->type) &&
           filter_text(body_list(request, "object_types"), endpoint_word(other));
}

static void render_link(struct request *request, const struct link *link)
{
    struct buf *out = &request->out;
    jw_obj(out, NULL);
    render_obj_head(out, &link->obj, request->sandbox->world.self, request->as_of);
    jw_str(out, "link_type", link->type);
    render_endpoint(out, "source", link->source, request->as_of);
    render_endpoint(out, "target", link->target, request->as_of);
    jw_end_obj(out);
}

void links_list(struct request *request)
{
    const struct obj *obj = world_find(&request->sandbox->world, body_text(request, "object"));
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    for (size_t i = 0; obj != NULL && i < obj->links.len; i++) {
        if (link_matches(request, (const struct link *)obj->links.items[i], obj)) {
            page_add(&page, obj->links.items[i]);
        }
    }
    page_cut(request, &page);
    jw_obj(&request->out, NULL);
    jw_arr(&request->out, "links");
    for (size_t i = page.from; i < page.to; i++) {
        render_link(request, (const struct link *)page.found.items[i]);
    }
    jw_end_arr(&request->out);
    page_cursors(&request->out, &page);
    jw_end_obj(&request->out);
    page_free(&page);
}

static void render_artifact(struct request *request, const char *key,
                            const struct artifact *artifact)
{
    struct buf *out = &request->out;
    jw_obj(out, key);
    render_obj_head(out, &artifact->obj, request->sandbox->world.self, request->as_of);
    jw_obj(out, "file");
    jw_str(out, "type", artifact->mime);
    jw_str(out, "name", artifact->name);
    jw_int(out, "size", artifact->size);
    jw_end_obj(out);
    jw_end_obj(out);
}

/* What hangs on the object itself; attachments of its comments are found in its timeline. */
static void artifacts_of(struct request *request, const struct obj *parent)
{
    const struct list none = {0};
    const struct list *list = &none;
    if (parent->kind == KIND_WORK) {
        list = &work_at((const struct work *)parent, request->as_of)->artifacts;
    } else if (parent->kind == KIND_USER) {
        const struct user_version *version = user_at((const struct user *)parent, request->as_of);
        list = version != NULL ? &version->artifacts : &none;
    }
    for (size_t i = 0; i < list->len; i++) {
        render_artifact(request, NULL, (const struct artifact *)list->items[i]);
    }
}

void artifacts_list(struct request *request)
{
    const char *id = body_text(request, "parent_id");
    const struct obj *parent = id != NULL ? world_find(&request->sandbox->world, id) : NULL;
    if (id != NULL && parent == NULL) {
        fail_not_found(request, "parent");
        return;
    }
    jw_obj(&request->out, NULL);
    jw_arr(&request->out, "artifacts");
    if (parent != NULL) {
        artifacts_of(request, parent);
    }
    jw_end_arr(&request->out);
    jw_end_obj(&request->out);
}

void artifacts_get(struct request *request)
{
    const struct artifact *artifact =
        (const struct artifact *)body_obj(request, "id", KIND_ARTIFACT, "artifact");
    if (artifact == NULL) {
        return;
    }
    struct buf *out = &request->out;
    jw_obj(out, NULL);
    render_artifact(request, "artifact", artifact);
    jw_obj(out, "version");
    jw_time(out, "timestamp", artifact->obj.created_ms);
    jw_str(out, "version", "1");
    jw_end_obj(out);
    jw_end_obj(out);
}

static uint64_t signature_of(const struct sandbox *sandbox, uint32_t ord, int64_t expires_s)
{
    return world_mix(&sandbox->world, (uint64_t)ord << 32 | 99, (uint64_t)expires_s);
}

void artifact_url(const struct sandbox *sandbox, const struct artifact *artifact, int64_t expires_s,
                  struct buf *out)
{
    buf_printf(out, "http://127.0.0.1:%u/sandbox/artifacts/%u?expires=%lld&signature=%016llx",
               sandbox->port, artifact->obj.ord + 1, (long long)expires_s,
               (unsigned long long)signature_of(sandbox, artifact->obj.ord, expires_s));
}

void artifacts_locate(struct request *request)
{
    const struct artifact *artifact =
        (const struct artifact *)body_obj(request, "id", KIND_ARTIFACT, "artifact");
    if (artifact == NULL) {
        return;
    }
    AUTO_BUF struct buf url = {0};
    int64_t expires_s = request->now_ms / 1000 + URL_SECONDS;
    artifact_url(request->sandbox, artifact, expires_s, &url);
    jw_obj(&request->out, NULL);
    jw_text(&request->out, "url", buf_str(&url));
    jw_time(&request->out, "expires_at", expires_s * 1000);
    jw_end_obj(&request->out);
}

int artifact_fetch(struct sandbox *sandbox, str name, str expires, str signature, int64_t now_ms,
                   struct buf *out, const char **ret_mime)
{
    int64_t number = 0;
    int64_t expires_s = 0;
    char wanted[32];
    const struct list *all = &sandbox->world.all[KIND_ARTIFACT];
    if (!num_parse_i64(name, 1, (int64_t)all->len, &number) ||
        !num_parse_i64(expires, 0, INT64_MAX, &expires_s)) {
        return 404;
    }
    const struct artifact *artifact = (const struct artifact *)all->items[number - 1];
    (void)snprintf(wanted, sizeof(wanted), "%016llx",
                   (unsigned long long)signature_of(sandbox, artifact->obj.ord, expires_s));
    if (!str_eqz(signature, wanted) || now_ms / 1000 > expires_s) {
        return 403;
    }
    for (uint32_t i = 0; i < artifact->size; i++) {
        uint64_t m = world_mix(&sandbox->world, artifact->obj.ord, i / 8);
        buf_addc(out, (char)(m >> i % 8 * 8));
    }
    *ret_mime = artifact->mime;
    return 200;
}
