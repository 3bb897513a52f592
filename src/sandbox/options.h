/* SPDX-License-Identifier: MIT */
/*
 * The command line of steward-sandbox (cli.md section 5).
 */
#ifndef STEWARD_SANDBOX_OPTIONS_H
#define STEWARD_SANDBOX_OPTIONS_H

#include "base/err.h"
#include "sandbox/faults.h"
#include "sandbox/world.h"

struct options {
    const char *state_dir;
    uint16_t port_base; /* 0: a free port */
    uint64_t seed;
    uint32_t contacts;
    uint32_t issues;
    uint32_t leads;
    const char *load_contacts;
    const char *env_file;
    const char *contacts_csv;
    const char *pivot_csv;
    const char *issues_csv;
    const char *snowflake_key; /* the public key of Snowflake's user; NULL: none is registered */
    size_t limit_calls;        /* 0: none */
    int64_t limit_ms;
    int64_t latency_ms;
    int64_t merge_delay_ms;
    struct faults faults;
    const char *effects;
    const char *requests;
    struct merge_moves moves;
    bool help;
};

extern const char OPTIONS_HELP[];

/* Values point into argv. */
bool options_parse(int argc, char **argv, struct options *ret, struct err *err) MUST_CHECK;

#endif
