/* SPDX-License-Identifier: MIT */
/*
 * Faults on demand: CALL@WHICH=ACTION (cli.md section 5). CALL is a call's name or `*`; WHICH is
 * `7`, `7-9`, `p0.05` or `*`; every rule counts the calls that it names by itself. The first rule in
 * order that hits decides; the others only count.
 *
 * A call that the token or the limit refused is not counted: it never came as far as a fault.
 * Shares are drawn from the seed and the rule's count, so a run can be repeated.
 */
#ifndef STEWARD_SANDBOX_FAULTS_H
#define STEWARD_SANDBOX_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum fault_action {
    FAULT_NONE,
    FAULT_DROP_BEFORE,
    FAULT_DROP_AFTER,
    FAULT_STATUS,
    FAULT_SLOW,
    FAULT_TRUNCATE,
    FAULT_GARBAGE,
    FAULT_STALE,
    FAULT_NEVER,
    FAULT_EXPIRE,
    FAULT_RESET_MID,
    FAULT_REDIRECT
};

struct fault {
    char spec[160];
    char call[80];
    enum fault_action action;
    int64_t from; /* 1-based; share >= 0 takes their place */
    int64_t to;
    double share; /* -1: from..to */
    int status;
    int retry_after; /* -1 none */
    int64_t wait_ms; /* slow, stale */
    int64_t seen;
};

enum { FAULTS_MAX = 64 };

struct faults {
    uint64_t seed;
    struct fault rules[FAULTS_MAX];
    size_t len;
};

bool fault_parse(str spec, struct fault *ret, struct err *err) MUST_CHECK;
/* The action as it was written, for logs. */
const char *fault_cause(const struct fault *fault);
/* A call arrived: counts it in every rule that names it; the rule that hits, or NULL. */
const struct fault *faults_hit(struct faults *faults, const char *call);

#endif
