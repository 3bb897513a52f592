/* SPDX-License-Identifier: MIT */
/*
 * steward sample: a small input with whole groups, drawn from a large one.
 */
#include "command/registry.h"

#include <inttypes.h>

#include "base/num.h"
#include "command/cli.h"
#include "job/sample.h"

enum { DEFAULT_SIZE = 4, DEFAULT_SEED = 1 };

static const struct option options[] = {
    {.name = "input", .argument = "FILE", .help = "the contacts (CSV)"},
    {.name = "output", .argument = "FILE", .help = "where the sample goes"},
    {.name = "size", .argument = "N", .help = "groups to draw (default: 4)"},
    {.name = "rules",
     .argument = "NAME",
     .help = "rule set whose keys make the groups, a name or a file (default: revu-pairs)"},
    {.name = "map",
     .argument = "FILE",
     .help = "which header of the input is which column of the rules (YAML)"},
    {.name = "seed", .argument = "N", .help = "another number draws other groups (default: 1)"},
    {.name = NULL},
};

static bool read_number(const struct cli *cli, const char *name, int64_t min, uint64_t fallback,
                        uint64_t *ret, struct err *err)
{
    const char *text = cli_get(cli, name);
    int64_t value = (int64_t)fallback;
    if (text != NULL && !num_parse_i64(str_of(text), min, INT64_MAX, &value)) {
        return err_set(err, ERR_USAGE, "could not use '--%s %s': it is no number from %" PRId64,
                       name, text, min);
    }
    *ret = (uint64_t)value;
    return true;
}

static bool read_options(const struct cli *cli, struct sample_options *ret, struct err *err)
{
    const char *rules = cli_get(cli, "rules");
    *ret = (struct sample_options){
        .input = cli_get(cli, "input"),
        .output = cli_get(cli, "output"),
        .rules = rules != NULL ? rules : "revu-pairs",
        .map = cli_get(cli, "map"),
    };
    if (ret->input == NULL || ret->output == NULL) {
        (void)err_set(err, ERR_USAGE, "could not run 'steward sample': no %s was named",
                      ret->input == NULL ? "input" : "output");
        return err_hint(err, "Name both with --input FILE and --output FILE.");
    }
    return read_number(cli, "size", 1, DEFAULT_SIZE, &ret->size, err) &&
           read_number(cli, "seed", 0, DEFAULT_SEED, &ret->seed, err);
}

static void print_json(const struct sample_options *wanted, const struct sample_result *result)
{
    AUTO_BUF struct buf out = {0};
    buf_addz(&out, "{\"input\":");
    buf_add_json(&out, str_of(wanted->input));
    buf_addz(&out, ",\"output\":");
    buf_add_json(&out, str_of(wanted->output));
    buf_printf(&out,
               ",\"seed\":%" PRIu64 ",\"groups\":%" PRIu64 ",\"rows\":%" PRIu64
               ",\"input_groups\":%" PRIu64 ",\"input_rows\":%" PRIu64 "}\n",
               wanted->seed, result->groups, result->rows, result->input_groups,
               result->input_rows);
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

static int run_sample(struct cli *cli, struct err *err)
{
    struct sample_options wanted;
    struct sample_result result;
    if (!read_options(cli, &wanted, err)) {
        return command_fail(err);
    }
    if (!sample_draw(&wanted, &result, err)) {
        if (err->kind == ERR_NOT_FOUND) {
            err->kind = ERR_USAGE; /* the rule set that was named does not exist */
        }
        return command_fail(err);
    }
    if (cli->json) {
        print_json(&wanted, &result);
    } else {
        (void)printf("%s: %" PRIu64 " of %" PRIu64 " groups, %" PRIu64 " of %" PRIu64 " rows\n",
                     wanted.output, result.groups, result.input_groups, result.rows,
                     result.input_rows);
    }
    return 0;
}

static const char *const examples[] = {
    "steward sample --input contacts.csv --output test.csv --size 4",
    "steward sample --input pivot.csv --output test.csv --rules external-contacts",
    NULL,
};

const struct command command_sample = {
    .name = "sample",
    .summary = "draw whole groups of duplicates from a CSV file, for a trial",
    .usage = "--input FILE --output FILE [--size N] [options]",
    .description =
        "Draws groups of contacts that hang together by any key of the rule set, and copies their "
        "rows, as they are, below the header. A group is never cut, so a plan of the sample "
        "decides "
        "its contacts as a plan of the whole file would. --size counts groups, not rows; contacts "
        "that share nothing with another one are left out.\n\n"
        "The same file, rules, size and seed draw the same groups. An existing output is replaced, "
        "the input never. Holds the file fewer groups than wanted, all of them are taken; holds it "
        "none, nothing is written and the exit code is 64.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_WRITES_LOCAL,
    .run = run_sample,
};
