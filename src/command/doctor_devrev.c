/* SPDX-License-Identifier: MIT */
/*
 * DevRev by harmless reads. Plain calls instead of remote/devrev.h, because what matters here are the
 * headers of single answers, and nothing is tried again: a doctor tells what is.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/fs.h"
#include "command/doctor.h"
#include "job/merge.h"
#include "net/http.h"
#include "net/limiter.h"

enum { SKEW_WARN_MS = 5000, SKEW_FAIL_MS = 120000, EXPIRY_WARN_MS = 7 * 86400000 };

struct patient {
    struct checkup *checkup;
    const struct settings *settings;
    struct http *http;
    struct limiter *limiter;
    struct http_response response;
    json_t *json; /* of the last answer, NULL where it was none */
};

/* False: no answer; *err says why. */
static bool ask(struct patient *patient, const char *call, const char *body, struct err *err)
{
    static const struct http_header beta[] = {{"X-Devrev-Scope", {"beta", 4}}};
    AUTO_BUF struct buf url = {0};
    buf_printf(&url, "%s/%s", patient->settings->devrev_base_url, call);
    const struct http_request request = {
        .method = "POST",
        .url = buf_z(&url),
        .bearer = &patient->settings->devrev_token,
        .headers = beta,
        .header_count = ARRAY_LEN(beta),
        .body = str_of(body),
    };
    int token;
    if (!limiter_take(patient->limiter, NULL, 1, &token, NULL, err)) {
        return false;
    }
    bool ok = http_send(patient->http, &request, &patient->response, err);
    limiter_give(patient->limiter, token);
    json_decref(patient->json);
    patient->json = NULL;
    if (ok) {
        str answer = buf_str(&patient->response.body);
        patient->json = json_loadb(answer.ptr != NULL ? answer.ptr : "", answer.len, 0, NULL);
    }
    return ok;
}

static const char *text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The published error type, where the body has one. */
static const char *error_type(const struct patient *patient)
{
    const char *type = text_at(patient->json, "type");
    return type != NULL ? type : "no reason given";
}

static void check_clock(struct patient *patient)
{
    const struct http_response *response = &patient->response;
    if (response->date_ms == 0) {
        checkup_add(patient->checkup, "clock", FINDING_WARN, "the remote tells no time");
        return;
    }
    /* Date has whole seconds; the answer is as old as half the way. */
    int64_t now = clock_real_ms(clock_system()) - response->duration_ns / 2000000;
    int64_t skew = now - response->date_ms;
    skew = skew >= 0 && skew < 1000 ? 0 : skew;
    int64_t size = skew < 0 ? -skew : skew;
    enum finding finding = size >= SKEW_FAIL_MS   ? FINDING_FAIL
                           : size >= SKEW_WARN_MS ? FINDING_WARN
                                                  : FINDING_OK;
    checkup_add(patient->checkup, "clock", finding, "%.1f s %s the remote's", (double)size / 1000.0,
                skew < 0 ? "behind" : "ahead of");
    if (finding != FINDING_OK) {
        checkup_fix(patient->checkup, "Set this machine's clock (NTP).");
    }
}

static void check_limit(struct patient *patient)
{
    const struct http_response *response = &patient->response;
    if (response->ratelimit_remaining < 0) {
        checkup_add(patient->checkup, "rate limit", FINDING_OK, "the remote tells none");
        return;
    }
    enum finding finding = response->ratelimit_remaining == 0 ? FINDING_WARN : FINDING_OK;
    checkup_add(patient->checkup, "rate limit", finding, "%" PRId64 " of %" PRId64 " calls left",
                response->ratelimit_remaining, response->ratelimit_limit);
    if (finding != FINDING_OK) {
        checkup_fix(patient->checkup, "Wait; or ask DevRev for a higher limit.");
    }
}

static void check_expiry(struct patient *patient)
{
    const char *expiry = text_at(json_object_get(patient->json, "token"), "expiry");
    int64_t at_ms;
    if (expiry == NULL || !clock_parse(str_of(expiry), &at_ms)) {
        checkup_add(patient->checkup, "token expiry", FINDING_OK, "the remote tells none");
        return;
    }
    int64_t left = at_ms - clock_real_ms(clock_system());
    if (left <= 0) {
        checkup_add(patient->checkup, "token expiry", FINDING_FAIL, "it expired at %s", expiry);
        checkup_fix(patient->checkup, "Make a new token and put it into .env.");
        return;
    }
    bool soon = left < EXPIRY_WARN_MS;
    checkup_add(patient->checkup, "token expiry", soon ? FINDING_WARN : FINDING_OK,
                "%s, in %" PRId64 " days", expiry, left / 86400000);
    if (soon) {
        checkup_fix(patient->checkup,
                    "A run that outlives the token pauses; make a new one in time.");
    }
}

static void check_owner(struct patient *patient)
{
    const json_t *user = json_object_get(patient->json, "user");
    const json_t *organization = json_object_get(patient->json, "organization");
    const char *name = text_at(user, "display_id");
    const char *slug = text_at(organization, "slug");
    if (name == NULL) {
        name = text_at(user, "id");
    }
    if (slug == NULL) {
        slug = text_at(organization, "display_id");
    }
    checkup_add(patient->checkup, "token owner", FINDING_OK, "%s in organisation %s",
                name != NULL ? name : "not told", slug != NULL ? slug : "not told");
}

/* True where the token is good for more calls. */
static bool check_token(struct patient *patient)
{
    struct err err = {0};
    if (!ask(patient, "auth-tokens.info", "{}", &err)) {
        checkup_add(patient->checkup, "reach DevRev", FINDING_FAIL, "%s", err.message);
        checkup_fix(patient->checkup, "Check DEVREV_BASE_URL (%s), network and proxy.",
                    patient->settings->devrev_base_url);
        return false;
    }
    checkup_add(patient->checkup, "reach DevRev", FINDING_OK, "%s, %.0f ms",
                patient->settings->devrev_base_url, (double)patient->response.duration_ns / 1e6);
    int status = patient->response.status;
    if (status != 200) {
        checkup_add(patient->checkup, "token", FINDING_FAIL, "HTTP %d (%s)", status,
                    error_type(patient));
        checkup_fix(patient->checkup, status == 401 ? "Make a new token and put it into .env."
                                                    : "Check DEVREV_BASE_URL and the token.");
        check_clock(patient);
        return false;
    }
    checkup_add(patient->checkup, "token", FINDING_OK, "valid");
    check_owner(patient);
    check_expiry(patient);
    check_clock(patient);
    check_limit(patient);
    return true;
}

/* The first contact's id, for reads that need an object. */
static void first_contact(const struct patient *patient, struct buf *out)
{
    const char *id = text_at(json_array_get(json_object_get(patient->json, "rev_users"), 0), "id");
    if (id != NULL) {
        buf_addz(out, id);
    }
}

static void check_read(struct patient *patient, const char *call, const char *body,
                       const char *what, bool needed)
{
    struct err err = {0};
    const char *name = arena_printf(&patient->checkup->arena, "read %s", what);
    if (!ask(patient, call, body, &err)) {
        checkup_add(patient->checkup, name, FINDING_FAIL, "%s", err.message);
        checkup_fix(patient->checkup, "Check network and proxy, and whether DevRev has trouble.");
        return;
    }
    int status = patient->response.status;
    if (status == 200) {
        checkup_add(patient->checkup, name, FINDING_OK, "%s", call);
        return;
    }
    checkup_add(patient->checkup, name, needed ? FINDING_FAIL : FINDING_WARN, "%s: HTTP %d (%s)",
                call, status, error_type(patient));
    if (status == 403) {
        checkup_fix(patient->checkup, "Give the token's owner the privilege to read %s.", what);
    } else if (!needed) {
        checkup_fix(patient->checkup,
                    "steward works without it, and is slower to settle a lost answer.");
    } else {
        checkup_fix(patient->checkup, "Look at DevRev's status page; try again later.");
    }
}

static void check_permissions(struct patient *patient)
{
    AUTO_BUF struct buf contact = {0};
    check_read(patient, "rev-users.list", "{\"limit\":1}", "contacts", true);
    first_contact(patient, &contact);
    check_read(patient, "works.list", "{\"limit\":1}", "tickets and issues", true);
    check_read(patient, "conversations.list", "{\"limit\":1}", "conversations", true);
    if (contact.len > 0) {
        AUTO_BUF struct buf body = {0};
        buf_addz(&body, "{\"limit\":1,\"object\":");
        buf_add_json(&body, buf_str(&contact));
        buf_addc(&body, '}');
        check_read(patient, "timeline-entries.list", buf_z(&body), "timelines", true);
        buf_clear(&body);
        buf_addz(&body, "{\"parent_id\":");
        buf_add_json(&body, buf_str(&contact));
        buf_addc(&body, '}');
        check_read(patient, "artifacts.list", buf_z(&body), "attachments", true);
    }
    check_read(patient, "jobs.list", "{\"category\":[\"merge_revuser\"],\"limit\":1}", "merge jobs",
               false);
    checkup_add(patient->checkup, "merge contacts", FINDING_OK,
                "not tried: the permission to write can only be learnt by a write");
}

struct limiter *doctor_limiter(int workspace_fd, const struct limiter_options *limits,
                               struct err *err)
{
    if (!fs_mkdirs(workspace_fd, "limits", err)) {
        return NULL;
    }
    return limiter_open(workspace_fd, "limits/devrev", limits, err);
}

static bool open_patient(struct patient *patient, int workspace_fd, struct err *err)
{
    const struct settings *settings = patient->settings;
    const struct limiter_options limits = {
        .calls =
            settings->rate_limit_calls >= 0 ? settings->rate_limit_calls : merge_job.rate_calls,
        .period_ms = settings->rate_limit_period_ms >= 0 ? settings->rate_limit_period_ms
                                                         : merge_job.rate_period_ms,
        .clock = clock_system(),
    };
    const struct http_options http = {
        .connect_timeout_ms = settings->connect_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .clock = clock_system(),
    };
    patient->limiter = doctor_limiter(workspace_fd, &limits, err);
    if (patient->limiter != NULL) {
        patient->http = http_new(&http, err);
    }
    return patient->http != NULL;
}

void doctor_devrev(struct checkup *checkup, int workspace_fd, const struct settings *settings)
{
    if (!secret_is_set(&settings->devrev_token)) {
        checkup_add(checkup, "token", FINDING_FAIL, "DEVREV_API_TOKEN is not set");
        checkup_fix(checkup, "Put DEVREV_API_TOKEN=... into .env of the workspace, mode 0600.");
        return;
    }
    struct patient patient = {.checkup = checkup, .settings = settings};
    struct err err = {0};
    if (!open_patient(&patient, workspace_fd, &err)) {
        checkup_add(checkup, "reach DevRev", FINDING_FAIL, "%s", err.message);
        checkup_fix(checkup, "Give the right to write into limits/ of the workspace.");
    } else if (check_token(&patient)) {
        check_permissions(&patient);
    }
    json_decref(patient.json);
    http_response_done(&patient.response);
    http_free(patient.http);
    limiter_close(patient.limiter);
}
