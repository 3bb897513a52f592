/* SPDX-License-Identifier: MIT */
/*
 * The planner without the program around it, for the bench and for the oracle:
 *
 *   plan_driver --csv FILE [--rules NAME|FILE] [--csv-out FILE] [--plan FILE] [--threads N]
 * [--strict]
 *
 * Prints the result as one JSON line; errors go to stderr, and the exit code is steward's.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "job/merge_plan.h"

static void print_result(const struct merge_plan_result *r, const struct plan_totals *totals)
{
    char hash[SHA256_HEX];
    num_hex(totals->hash, sizeof(totals->hash), hash);
    (void)printf("{\"rows\":%llu,\"good\":%llu,\"bad\":%llu,\"keep\":%llu,\"merge\":%llu,"
                 "\"review\":%llu,\"none\":%llu,\"contacts\":%llu,\"changes\":%llu,"
                 "\"peak_bytes\":%llu,\"plan_changes\":%llu,\"plan_review\":%llu,"
                 "\"plan_bad\":%llu,\"plan_hash\":\"%s\"}\n",
                 (unsigned long long)r->rows, (unsigned long long)r->good,
                 (unsigned long long)r->bad, (unsigned long long)r->keep,
                 (unsigned long long)r->merge, (unsigned long long)r->review,
                 (unsigned long long)r->none, (unsigned long long)r->contacts,
                 (unsigned long long)r->changes, (unsigned long long)r->peak_bytes,
                 (unsigned long long)totals->changes, (unsigned long long)totals->review,
                 (unsigned long long)totals->bad, hash);
}

static bool run(const struct merge_plan_options *options, const char *plan_path, struct err *err)
{
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(options, err);
    if (plan == NULL) {
        return false;
    }
    AUTO(plan_writer_free) struct plan_writer *writer = NULL;
    struct merge_plan_result result = {0};
    struct plan_totals totals = {0};
    if (plan_path != NULL) {
        (void)unlink(plan_path); /* of an earlier run; a failure shows in the next line */
        writer = plan_writer_new(AT_FDCWD, plan_path, merge_plan_header(plan), err);
        if (writer == NULL) {
            return false;
        }
    }
    if (!merge_plan_run(plan, writer, &result, err) ||
        (writer != NULL && !plan_writer_finish(writer, &totals, err))) {
        return false;
    }
    print_result(&result, &totals);
    return true;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"csv", required_argument, NULL, 'c'},
        {"rules", required_argument, NULL, 'r'},
        {"csv-out", required_argument, NULL, 'o'},
        {"plan", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'},
        {"strict", no_argument, NULL, 's'},
        {0},
    };
    struct merge_plan_options options = {.rules = "revu-pairs"};
    const char *plan_path = NULL;
    int64_t threads = 0;
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            options.csv_path = optarg;
            break;
        case 'r':
            options.rules = optarg;
            break;
        case 'o':
            options.csv_out = optarg;
            break;
        case 'p':
            plan_path = optarg;
            break;
        case 's':
            options.strict = true;
            break;
        case 't':
            if (num_parse_i64(str_of(optarg), 1, 64, &threads)) {
                break;
            }
            return 2;
        default:
            return 2;
        }
    }
    if (options.csv_path == NULL) {
        return 2;
    }
    options.threads = (int)threads;
    struct err err = {0};
    if (!run(&options, plan_path, &err)) {
        (void)fprintf(stderr, "steward: %s\n", err.message);
        return err_exit_code(err.kind);
    }
    return 0;
}
