/* SPDX-License-Identifier: MIT */
#include "base/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/num.h"
#include "base/str.h"

enum { MAX_RULES = 64 };

struct rule {
    str name;
    str action;
    int64_t hit;
    bool onwards;
    int64_t seen;
};

atomic_int failpoint_armed_;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[MAX_RULES];
static size_t rule_count;
static int trace_fd = -1;

static void parse_rules(str spec)
{
    while (spec.ptr != NULL && spec.len > 0 && rule_count < MAX_RULES) {
        str rest;
        str one = str_cut(spec, ';', &rest);
        spec = rest;
        str action;
        struct rule rule = {.name = str_cut(one, '=', &action), .hit = 1};
        str hit;
        rule.action = str_cut(action, '@', &hit);
        if (hit.ptr != NULL) {
            if (str_ends(hit, STR("+"))) {
                rule.onwards = true;
                hit.len--;
            }
            if (!num_parse_i64(hit, 1, INT64_MAX, &rule.hit)) {
                (void)fprintf(stderr, "steward: bad failpoint '%" STR_FMT "'\n", STR_ARG(one));
                abort();
            }
        }
        rules[rule_count++] = rule;
    }
}

static void arm(void)
{
    if (atomic_load(&failpoint_armed_) != 0) {
        return;
    }
    const char *spec = getenv("STEWARD_FAILPOINTS");
    const char *trace = getenv("STEWARD_FAILPOINT_TRACE");
    if (spec != NULL) {
        parse_rules(str_of(spec)); /* the environment outlives the process's threads */
    }
    if (trace != NULL) {
        trace_fd = open(trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    }
    atomic_store(&failpoint_armed_, rule_count != 0 || trace_fd >= 0 ? 2 : 1);
}

static int errno_by_name(str name)
{
    static const struct {
        const char *name;
        int value;
    } table[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EACCES", EACCES},
                 {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (str_eqz(name, table[i].name)) {
            return table[i].value;
        }
    }
    return 0;
}

static int act(str action)
{
    if (str_eqz(action, "kill")) {
        (void)kill(getpid(), SIGKILL); /* cannot fail for oneself */
        for (;;) {
            (void)pause(); /* until the signal arrives */
        }
    }
    if (str_eqz(action, "abort")) {
        abort();
    }
    if (str_starts(action, STR("sleep:"))) {
        int64_t ms = 0;
        if (num_parse_i64((str){action.ptr + 6, action.len - 6}, 0, 3600000, &ms)) {
            struct timespec ts = {ms / 1000, (ms % 1000) * 1000000};
            (void)nanosleep(&ts, NULL); /* a test's delay, precision does not matter */
        }
        return 0;
    }
    return errno_by_name(action);
}

int failpoint_hit_(const char *name)
{
    pthread_mutex_lock(&lock);
    arm();
    str action = STR_NONE;
    for (size_t i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];
        if (str_eqz(rule->name, name)) {
            rule->seen++;
            if (rule->seen == rule->hit || (rule->onwards && rule->seen > rule->hit)) {
                action = rule->action;
            }
        }
    }
    if (trace_fd >= 0) {
        (void)dprintf(trace_fd, "%s\n", name); /* a lost trace line only costs the harness a case */
    }
    pthread_mutex_unlock(&lock);
    return action.ptr != NULL ? act(action) : 0;
}
