/* SPDX-License-Identifier: MIT */
#include "sandbox/options.h"

#include <getopt.h>
#include <string.h>

#include "base/num.h"

const char OPTIONS_HELP[] =
    "usage: steward sandbox [OPTION]...\n"
    "\n"
    "Serves stand-ins of DevRev and Snowflake on 127.0.0.1 until SIGTERM or\n"
    "SIGINT.\n"
    "\n"
    "  --state DIR           keep everything over restarts, kill -9 included\n"
    "  --port-base N         first port, one a stand-in; 0: free ones (default)\n"
    "  --seed N              the same seed gives the same data (default 1)\n"
    "  --contacts N          how many contacts (default 400)\n"
    "  --issues N            how many issues for the backfill (default 100)\n"
    "  --leads N             how many Salesforce leads; only 0 so far\n"
    "  --load contacts=FILE  contacts from a CSV instead\n"
    "  --env-file FILE       write the settings that steward needs\n"
    "  --contacts-csv FILE   write what the contact query would have given\n"
    "  --pivot-csv FILE      the same in the shape of the pivot export\n"
    "  --issues-csv FILE     write what the issue query would have given\n"
    "  --snowflake-key FILE  PEM with the public key of Snowflake's user\n"
    "  --limit CALLS/SECONDS refuse more calls than that with 429\n"
    "  --latency MS          half before a change, half before the answer\n"
    "  --merge-delay MS      how long a merge takes (default 200)\n"
    "  --merge-moves LIST    of reported,owned,created,conversations, or all\n"
    "                        (default reported,conversations)\n"
    "  --faults SPEC         CALL@WHICH=ACTION; may be given again\n"
    "  --effects FILE        append a JSON line for each change\n"
    "  --requests FILE       append a JSON line for each request\n"
    "  --help                this text\n";

enum option_id {
    OPT_STATE = 256,
    OPT_PORT_BASE,
    OPT_SEED,
    OPT_CONTACTS,
    OPT_ISSUES,
    OPT_LEADS,
    OPT_LOAD,
    OPT_ENV_FILE,
    OPT_CONTACTS_CSV,
    OPT_PIVOT_CSV,
    OPT_ISSUES_CSV,
    OPT_SNOWFLAKE_KEY,
    OPT_LIMIT,
    OPT_LATENCY,
    OPT_MERGE_DELAY,
    OPT_MERGE_MOVES,
    OPT_FAULTS,
    OPT_EFFECTS,
    OPT_REQUESTS,
    OPT_HELP
};

static const struct option LONG_OPTIONS[] = {
    {"state", required_argument, NULL, OPT_STATE},
    {"port-base", required_argument, NULL, OPT_PORT_BASE},
    {"seed", required_argument, NULL, OPT_SEED},
    {"contacts", required_argument, NULL, OPT_CONTACTS},
    {"issues", required_argument, NULL, OPT_ISSUES},
    {"leads", required_argument, NULL, OPT_LEADS},
    {"load", required_argument, NULL, OPT_LOAD},
    {"env-file", required_argument, NULL, OPT_ENV_FILE},
    {"contacts-csv", required_argument, NULL, OPT_CONTACTS_CSV},
    {"pivot-csv", required_argument, NULL, OPT_PIVOT_CSV},
    {"issues-csv", required_argument, NULL, OPT_ISSUES_CSV},
    {"snowflake-key", required_argument, NULL, OPT_SNOWFLAKE_KEY},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"latency", required_argument, NULL, OPT_LATENCY},
    {"merge-delay", required_argument, NULL, OPT_MERGE_DELAY},
    {"merge-moves", required_argument, NULL, OPT_MERGE_MOVES},
    {"faults", required_argument, NULL, OPT_FAULTS},
    {"effects", required_argument, NULL, OPT_EFFECTS},
    {"requests", required_argument, NULL, OPT_REQUESTS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

static bool number(const char *name, const char *text, int64_t max, int64_t *ret, struct err *err)
{
    if (!num_parse_i64(str_of(text), 0, max, ret)) {
        return err_set(err, ERR_USAGE, "could not read --%s '%s': not a number from 0 to %lld",
                       name, text, (long long)max);
    }
    return true;
}

static bool parse_limit(const char *text, struct options *options, struct err *err)
{
    str seconds;
    str calls = str_cut(str_of(text), '/', &seconds);
    int64_t count = 0;
    double period = 0;
    if (!num_parse_i64(calls, 0, 10000000, &count) || seconds.ptr == NULL ||
        !num_parse_decimal(seconds, 0.001, 86400, &period)) {
        return err_set(err, ERR_USAGE, "could not read --limit '%s': not CALLS/SECONDS", text);
    }
    options->limit_calls = (size_t)count;
    options->limit_ms = (int64_t)(period * 1000 + 0.5);
    return true;
}

static bool parse_moves(const char *text, struct merge_moves *ret, struct err *err)
{
    struct merge_moves moves = {0};
    for (str rest = str_of(text); rest.ptr != NULL;) {
        str word = str_cut(rest, ',', &rest);
        bool all = str_eqz(word, "all");
        if (!all && !str_eqz(word, "reported") && !str_eqz(word, "owned") &&
            !str_eqz(word, "created") && !str_eqz(word, "conversations")) {
            return err_set(err, ERR_USAGE,
                           "could not read --merge-moves '%s': a list of reported, owned, created, "
                           "conversations, or all",
                           text);
        }
        moves.reported |= all || str_eqz(word, "reported");
        moves.owned |= all || str_eqz(word, "owned");
        moves.created |= all || str_eqz(word, "created");
        moves.conversations |= all || str_eqz(word, "conversations");
    }
    *ret = moves;
    return true;
}

static bool add_fault(const char *spec, struct faults *faults, struct err *err)
{
    if (faults->len == FAULTS_MAX) {
        return err_set(err, ERR_USAGE, "could not take the fault '%s': more than %d", spec,
                       FAULTS_MAX);
    }
    if (!fault_parse(str_of(spec), &faults->rules[faults->len], err)) {
        return false;
    }
    faults->len++;
    return true;
}

static bool parse_number_option(int id, const char *text, struct options *options, struct err *err)
{
    int64_t n = 0;
    bool ok = true;
    switch (id) {
    case OPT_PORT_BASE:
        ok = number("port-base", text, 65000, &n, err);
        options->port_base = (uint16_t)n;
        return ok;
    case OPT_SEED:
        ok = number("seed", text, INT64_MAX, &n, err);
        options->seed = (uint64_t)n;
        return ok;
    case OPT_CONTACTS:
        ok = number("contacts", text, 5000000, &n, err);
        options->contacts = (uint32_t)n;
        return ok;
    case OPT_ISSUES:
        ok = number("issues", text, 5000000, &n, err);
        options->issues = (uint32_t)n;
        return ok;
    case OPT_LEADS:
        ok = number("leads", text, 0, &n, err);
        options->leads = (uint32_t)n;
        return ok;
    case OPT_LATENCY:
        return number("latency", text, 3600000, &options->latency_ms, err);
    default:
        return number("merge-delay", text, 86400000, &options->merge_delay_ms, err);
    }
}

static bool parse_option(int id, const char *text, struct options *options, struct err *err)
{
    switch (id) {
    case OPT_STATE:
        options->state_dir = text;
        return true;
    case OPT_LOAD:
        if (strncmp(text, "contacts=", 9) != 0) {
            return err_set(err, ERR_USAGE, "could not read --load '%s': not contacts=FILE", text);
        }
        options->load_contacts = text + 9;
        return true;
    case OPT_ENV_FILE:
        options->env_file = text;
        return true;
    case OPT_CONTACTS_CSV:
        options->contacts_csv = text;
        return true;
    case OPT_PIVOT_CSV:
        options->pivot_csv = text;
        return true;
    case OPT_ISSUES_CSV:
        options->issues_csv = text;
        return true;
    case OPT_SNOWFLAKE_KEY:
        options->snowflake_key = text;
        return true;
    case OPT_LIMIT:
        return parse_limit(text, options, err);
    case OPT_MERGE_MOVES:
        return parse_moves(text, &options->moves, err);
    case OPT_FAULTS:
        return add_fault(text, &options->faults, err);
    case OPT_EFFECTS:
        options->effects = text;
        return true;
    case OPT_REQUESTS:
        options->requests = text;
        return true;
    case OPT_HELP:
        options->help = true;
        return true;
    default:
        return parse_number_option(id, text, options, err);
    }
}

bool options_parse(int argc, char **argv, struct options *ret, struct err *err)
{
    *ret = (struct options){.seed = 1,
                            .contacts = 400,
                            .issues = 100,
                            .merge_delay_ms = 200,
                            .moves = {.reported = true, .conversations = true}};
    opterr = 0;
    optind = 1;
    int id = 0;
    while ((id = getopt_long(argc, argv, ":", LONG_OPTIONS, NULL)) != -1) {
        if (id == '?' || id == ':') {
            return err_set(err, ERR_USAGE, "could not read the command line: %s '%s'",
                           id == '?' ? "unknown option" : "no value for", argv[optind - 1]);
        }
        if (!parse_option(id, optarg, ret, err)) {
            return false;
        }
    }
    if (optind < argc) {
        return err_set(err, ERR_USAGE, "could not read the command line: what is '%s'",
                       argv[optind]);
    }
    ret->faults.seed = ret->seed;
    return true;
}
