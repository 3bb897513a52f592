/* SPDX-License-Identifier: MIT */
#include "sandbox/control.h"

#include "sandbox/jw.h"
#include "sandbox/sandbox.h"

static const size_t STATE_MAX_BYTES = (size_t)4 << 30;

static int refuse(struct buf *out, int status, const char *message)
{
    buf_clear(out);
    jw_obj(out, NULL);
    jw_str(out, "message", message);
    jw_end_obj(out);
    return status;
}

static bool read_rules(const json_t *specs, struct faults *faults, struct err *err)
{
    if (!json_is_array(specs) || json_array_size(specs) > FAULTS_MAX) {
        return err_set(err, ERR_USAGE, "could not read the faults: not {\"faults\":[\"SPEC\"]}");
    }
    for (size_t i = 0; i < json_array_size(specs); i++) {
        const char *spec = json_string_value(json_array_get(specs, i));
        if (!fault_parse(str_of(spec != NULL ? spec : ""), &faults->rules[i], err)) {
            return false;
        }
        faults->len++;
    }
    return true;
}

static int set_faults(struct sandbox *sandbox, str body, struct buf *out)
{
    struct err err = {0};
    struct faults *faults = xnew(struct faults);
    json_t *json = json_loadb(body.ptr != NULL ? body.ptr : "", body.len, 0, NULL);
    bool ok = read_rules(json_object_get(json, "faults"), faults, &err);
    if (ok) {
        pthread_mutex_lock(&sandbox->lock);
        sandbox_set_faults(sandbox, faults);
        pthread_mutex_unlock(&sandbox->lock);
        buf_addz(out, "{}");
    }
    free(faults);
    json_decref(json);
    return ok ? 200 : refuse(out, 400, err.message);
}

static int show(struct sandbox *sandbox, bool state, struct buf *out)
{
    out->max = STATE_MAX_BYTES;
    pthread_mutex_lock(&sandbox->lock);
    merges_run(sandbox, sandbox_tick(sandbox));
    if (state) {
        sandbox_state_json(sandbox, out);
    } else {
        calls_json(&sandbox->calls, out);
    }
    pthread_mutex_unlock(&sandbox->lock);
    return 200;
}

static str parameter(const struct visit *visit, const char *name)
{
    for (size_t i = 0; i < visit->query_len; i++) {
        if (str_eqz(visit->query[i].name, name)) {
            return visit->query[i].raw;
        }
    }
    return STR("");
}

static int fetch(struct sandbox *sandbox, const struct visit *visit, str name, struct buf *out,
                 const char **ret_mime)
{
    pthread_mutex_lock(&sandbox->lock);
    int status =
        artifact_fetch(sandbox, name, parameter(visit, "expires"), parameter(visit, "signature"),
                       sandbox_tick(sandbox), out, ret_mime);
    pthread_mutex_unlock(&sandbox->lock);
    return status == 200 ? 200
                         : refuse(out, status, status == 403 ? "access denied" : "no such key");
}

int control_serve(struct sandbox *sandbox, const struct visit *visit, struct buf *out,
                  const char **ret_mime)
{
    static const str artifacts = STR("sandbox/artifacts/");
    bool get = str_eqz(visit->method, "GET");
    str call = visit->call;
    *ret_mime = "application/json";
    if (str_eqz(call, "sandbox/state") && get) {
        return show(sandbox, true, out);
    }
    if (str_eqz(call, "sandbox/calls") && get) {
        return show(sandbox, false, out);
    }
    if (str_eqz(call, "sandbox/faults") && str_eqz(visit->method, "POST")) {
        return set_faults(sandbox, visit->body, out);
    }
    if (str_starts(call, artifacts) && get) {
        str name = {call.ptr + artifacts.len, call.len - artifacts.len};
        return fetch(sandbox, visit, name, out, ret_mime);
    }
    return refuse(out, 404, "route not found");
}
