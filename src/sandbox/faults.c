/* SPDX-License-Identifier: MIT */
#include "sandbox/faults.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

static const struct {
    const char *name;
    enum fault_action action;
} ACTIONS[] = {{"drop-before", FAULT_DROP_BEFORE},
               {"drop-after", FAULT_DROP_AFTER},
               {"status", FAULT_STATUS},
               {"slow", FAULT_SLOW},
               {"truncate", FAULT_TRUNCATE},
               {"garbage", FAULT_GARBAGE},
               {"stale", FAULT_STALE},
               {"never", FAULT_NEVER},
               {"expire", FAULT_EXPIRE},
               {"reset-mid", FAULT_RESET_MID},
               {"redirect", FAULT_REDIRECT}};

static bool parse_which(str which, struct fault *fault)
{
    fault->share = -1;
    if (str_eqz(which, "*")) {
        fault->from = 1;
        fault->to = INT64_MAX;
        return true;
    }
    if (str_starts(which, STR("p"))) {
        return num_parse_decimal((str){which.ptr + 1, which.len - 1}, 0, 1, &fault->share);
    }
    str last;
    str first = str_cut(which, '-', &last);
    if (!num_parse_i64(first, 1, INT64_MAX, &fault->from)) {
        return false;
    }
    fault->to = fault->from;
    return last.ptr == NULL || num_parse_i64(last, fault->from, INT64_MAX, &fault->to);
}

static bool parse_seconds(str text, int64_t *ret_ms)
{
    double seconds = 0;
    if (!num_parse_decimal(text, 0, 86400, &seconds)) {
        return false;
    }
    *ret_ms = (int64_t)(seconds * 1000 + 0.5);
    return true;
}

static bool parse_action(str action, struct fault *fault)
{
    str argument;
    str name = str_cut(action, ':', &argument);
    for (size_t i = 0; i < ARRAY_LEN(ACTIONS); i++) {
        if (str_eqz(name, ACTIONS[i].name)) {
            fault->action = ACTIONS[i].action;
        }
    }
    if (fault->action == FAULT_STATUS) {
        str after;
        int64_t code = 0;
        int64_t wait = -1;
        if (argument.ptr == NULL ||
            !num_parse_i64(str_cut(argument, ':', &after), 200, 599, &code) ||
            (after.ptr != NULL && !num_parse_i64(after, 0, 86400, &wait))) {
            return false;
        }
        fault->status = (int)code;
        fault->retry_after = (int)wait;
        return true;
    }
    if (fault->action == FAULT_SLOW || fault->action == FAULT_STALE) {
        return argument.ptr != NULL && parse_seconds(argument, &fault->wait_ms);
    }
    return fault->action != FAULT_NONE && argument.ptr == NULL;
}

bool fault_parse(str spec, struct fault *ret, struct err *err)
{
    struct fault fault = {.retry_after = -1};
    str rest;
    str call = str_cut(spec, '@', &rest);
    str action;
    str which = str_cut(rest, '=', &action);
    if (spec.len >= sizeof(fault.spec) || call.len == 0 || call.len >= sizeof(fault.call) ||
        rest.ptr == NULL || action.ptr == NULL) {
        return err_set(err, ERR_USAGE,
                       "could not read the fault '%" STR_FMT "': not CALL@WHICH=ACTION",
                       STR_ARG(spec));
    }
    memcpy(fault.spec, spec.ptr, spec.len);
    memcpy(fault.call, call.ptr, call.len);
    if (!parse_which(which, &fault)) {
        return err_set(err, ERR_USAGE,
                       "could not read the fault '%" STR_FMT "': WHICH is N, N-M, pSHARE or *",
                       STR_ARG(spec));
    }
    if (!parse_action(action, &fault)) {
        return err_set(err, ERR_USAGE, "could not read the fault '%" STR_FMT "': no such ACTION",
                       STR_ARG(spec));
    }
    *ret = fault;
    return true;
}

const char *fault_cause(const struct fault *fault)
{
    return strchr(fault->spec, '=') + 1;
}

static bool hits(const struct faults *faults, size_t rule)
{
    const struct fault *fault = &faults->rules[rule];
    if (fault->share < 0) {
        return fault->seen >= fault->from && fault->seen <= fault->to;
    }
    uint64_t x = faults->seed ^ (rule + 1) * 0x9e3779b97f4a7c15u ^
                 (uint64_t)fault->seen * 0xd1342543de82ef95u;
    x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 29)) * 0x94d049bb133111ebu;
    x ^= x >> 32;
    return (double)(x >> 11) / 9007199254740992.0 < fault->share;
}

const struct fault *faults_hit(struct faults *faults, const char *call)
{
    const struct fault *found = NULL;
    for (size_t i = 0; i < faults->len; i++) {
        struct fault *fault = &faults->rules[i];
        if (strcmp(fault->call, "*") != 0 && strcmp(fault->call, call) != 0) {
            continue;
        }
        fault->seen++;
        if (found == NULL && hits(faults, i)) {
            found = fault;
        }
    }
    return found;
}
