/* SPDX-License-Identifier: MIT */
#include "engine/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "engine/settings_table.h"
#include "harness/tap.h"

/* A workspace of its own, the environment clean of settings, warnings collected. */
struct fixture {
    char path[512];
    int fd;
    struct settings settings;
    struct settings_sources sources;
    struct buf warnings;
    struct err err;
};

static void setup(struct fixture *fx)
{
    static int count;
    *fx = (struct fixture){0};
    for (size_t i = 0; i < settings_table_len; i++) {
        unsetenv(settings_table[i].name);
    }
    (void)snprintf(fx->path, sizeof(fx->path), "%s/w%d", tap_tmpdir(), count++);
    CHECK(mkdir(fx->path, 0700) == 0);
    fx->fd = open(fx->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fx->sources.workspace_fd = fx->fd;
}

static void teardown(struct fixture *fx)
{
    settings_done(&fx->settings);
    buf_done(&fx->warnings);
    (void)close(fx->fd);
}

static void put(struct fixture *fx, const char *name, const char *text)
{
    CHECK(fs_write_new(fx->fd, name, str_of(text), false, &fx->err));
}

static void collect(void *ctx, const char *text)
{
    struct fixture *fx = ctx;
    buf_printf(&fx->warnings, "%s\n", text);
}

static bool load(struct fixture *fx)
{
    settings_done(&fx->settings);
    fx->err = (struct err){0};
    return settings_load(&fx->settings, &fx->sources, collect, fx, &fx->err);
}

static void loads(struct fixture *fx)
{
    bool ok = load(fx);
    if (!CHECK(ok)) {
        CHECK_STR(fx->err.message, "");
    }
}

static void refuses(struct fixture *fx, const char *message)
{
    CHECK(!load(fx));
    CHECK_INT(fx->err.kind, ERR_CONFIG);
    CHECK_STR(fx->err.message, message);
}

static void defaults(void)
{
    struct fixture fx;
    setup(&fx);
    loads(&fx);
    const struct settings *s = &fx.settings;
    CHECK_STR(s->devrev_base_url, "https://api.devrev.ai");
    CHECK(!secret_is_set(&s->devrev_token));
    CHECK_INT(s->rate_limit_calls, -1);
    CHECK_INT(s->rate_limit_period_ms, -1);
    CHECK_INT(s->max_retries, 3);
    CHECK_INT(s->retry_backoff_ms, 200);
    CHECK_INT(s->connect_timeout_ms, 30000);
    CHECK_INT(s->read_timeout_ms, 60000);
    CHECK_INT(s->workers, 8);
    CHECK_INT(s->batch_size, 100);
    CHECK_INT(s->max_batch_failures, 10);
    CHECK_INT(s->max_changes, 10000000);
    CHECK_INT(s->max_account_share, 100);
    CHECK_INT(s->canary, 5);
    CHECK_INT(s->merge_settle_ms, 300000);
    CHECK_STR(s->backup_dir, "backups");
    CHECK(!s->compress);
    CHECK(s->csv_input_path == NULL && s->csv_output_path == NULL);
    CHECK_INT(s->log_level, LOG_INFO);
    CHECK_STR(buf_z(&fx.warnings), "");
    teardown(&fx);
}

static void the_stronger_source_wins(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, "steward.ini",
        "[steward]\nbatch_size = 1\nworkers = 1\ncanary = 1\nmax_retries = 1\n");
    put(&fx, ".env", "BATCH_SIZE=2\nWORKERS=2\nCANARY=2\n");
    setenv("BATCH_SIZE", "3", 1);
    setenv("WORKERS", "3", 1);
    const struct settings_flag flags[] = {{"--batch-size", "BATCH_SIZE", "4"},
                                          {"--batch-size", "BATCH_SIZE", "5"}};
    fx.sources.flags = flags;
    fx.sources.flag_count = ARRAY_LEN(flags);
    loads(&fx);
    CHECK_INT(fx.settings.batch_size, 5); /* the last flag */
    CHECK_INT(fx.settings.workers, 3);
    CHECK_INT(fx.settings.canary, 2);
    CHECK_INT(fx.settings.max_retries, 1);
    CHECK_STR(buf_z(&fx.warnings), "");
    teardown(&fx);
}

static void an_overridden_mistake_hurts_nobody(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env", "BATCH_SIZE=many\n");
    const struct settings_flag flag = {"--batch-size", "BATCH_SIZE", "4"};
    fx.sources.flags = &flag;
    fx.sources.flag_count = 1;
    loads(&fx);
    CHECK_INT(fx.settings.batch_size, 4);
    teardown(&fx);
}

static void empty_means_not_given(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env", "BATCH_SIZE=\nDEVREV_API_TOKEN=''\n");
    setenv("DEVREV_BASE_URL", "", 1);
    loads(&fx);
    CHECK_INT(fx.settings.batch_size, 100);
    CHECK_STR(fx.settings.devrev_base_url, "https://api.devrev.ai");
    CHECK_STR(buf_z(&fx.warnings), "");
    teardown(&fx);
}

static void old_names_are_known(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env",
        "ENVIRONMENT=development\nRATE_LIMIT_CALLS=50\nRATE_LIMIT_PERIOD=10\nBACKUP_RETENTION_DAYS="
        "30\n"
        "MAX_BACKUP_SIZE_GB=50\nENABLE_COMPRESSION=True\nLOG_LEVEL=WARNING\nSNOWFLAKE_ACCOUNT=a\n"
        "SNOWFLAKE_USER=a\nSNOWFLAKE_PASSWORD=a\nSNOWFLAKE_WAREHOUSE=a\nSNOWFLAKE_DATABASE=a\n"
        "SNOWFLAKE_SCHEMA=a\nMAX_RETRIES=5\nRETRY_BACKOFF=1.5\nCACHE_TTL=300\nALERT_EMAIL=a\n"
        "SMTP_HOST=a\nSLACK_WEBHOOK=a\nSALESFORCE_USERNAME=a\nSALESFORCE_PASSWORD=a\n"
        "SALESFORCE_SECURITY_TOKEN=a\nSALESFORCE_CLIENT_ID=a\nSALESFORCE_CLIENT_SECRET=a\n"
        "SALESFORCE_DOMAIN=a\nCLICKHOUSE_USERNAME=a\nCLICKHOUSE_PASSWORD=a\nELASTICSEARCH_URL=a\n"
        "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=a\nAWS_SESSION_TOKEN=a\nS3_BUCKET_NAME=a\n"
        "CSV_INPUT_PATH=in.csv\nCSV_OUTPUT_PATH=out.csv\n");
    put(&fx, "steward.ini",
        "[database]\nhost=h\nport=1\ndatabase=d\nusername=u\npassword=p\n[redis]\nhost=h\nport=1\n"
        "password=p\n[elasticsearch]\nurl=u\n[s3]\naws_access_key_id=a\naws_secret_access_key=a\n"
        "aws_session_token=a\nbucket_name=b\n[clickhouse]\nusername=u\npassword=p\nhost=h\nport="
        "1\n");
    loads(&fx);
    CHECK_STR(buf_z(&fx.warnings), "");
    CHECK_INT(fx.settings.rate_limit_calls, 50);
    CHECK_INT(fx.settings.rate_limit_period_ms, 10000);
    CHECK_INT(fx.settings.max_retries, 5);
    CHECK_INT(fx.settings.retry_backoff_ms, 1500);
    CHECK(fx.settings.compress);
    CHECK_INT(fx.settings.log_level, LOG_WARN);
    CHECK_STR(fx.settings.csv_input_path, "in.csv");
    CHECK_STR(fx.settings.csv_output_path, "out.csv");
    teardown(&fx);
}

static void unknown_names_are_named(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env", "BATCH_SIZE=5\n\nBACTH_SIZE=5\nCOLOUR_OF_THE_SKY=blue\n");
    put(&fx, "steward.ini",
        "[steward]\nwokers = 3\n[databse]\nhost = h\n[redis]\nhots = h\n[extra]\nworkers = 1\n");
    loads(&fx);
    CHECK_STR(
        buf_z(&fx.warnings),
        "unknown setting 'wokers' (steward.ini, line 2): did you mean WORKERS?\n"
        "unknown setting 'host' in section [databse] (steward.ini, line 4)\n"
        "unknown setting 'hots' in section [redis] (steward.ini, line 6): did you mean host?\n"
        "unknown setting 'workers' in section [extra] (steward.ini, line 8): it belongs into "
        "section [steward]\n"
        "unknown setting 'BACTH_SIZE' (.env, line 3): did you mean BATCH_SIZE?\n"
        "unknown setting 'COLOUR_OF_THE_SKY' (.env, line 4)\n");
    teardown(&fx);
}

static void ranges_are_exact(void)
{
    static const struct {
        const char *name;
        const char *value;
        const char *message; /* NULL: accepted */
    } cases[] = {
        {"BATCH_SIZE", "1", NULL},
        {"BATCH_SIZE", "1000000", NULL},
        {"BATCH_SIZE", "0",
         "could not use BATCH_SIZE '0' (environment): it must be a whole number from 1 to 1000000"},
        {"BATCH_SIZE", "1000001",
         "could not use BATCH_SIZE '1000001' (environment): it must be a whole number from 1 to "
         "1000000"},
        {"BATCH_SIZE", "1e3",
         "could not use BATCH_SIZE '1e3' (environment): it must be a whole number from 1 to "
         "1000000"},
        {"RATE_LIMIT_CALLS", "0", NULL},
        {"RATE_LIMIT_CALLS", "-1",
         "could not use RATE_LIMIT_CALLS '-1' (environment): it must be a whole number from 0 to "
         "1000000"},
        {"RATE_LIMIT_PERIOD", "1", NULL},
        {"RATE_LIMIT_PERIOD", "0.9",
         "could not use RATE_LIMIT_PERIOD '0.9' (environment): it must be a number of seconds from "
         "1 "
         "to 86400"},
        {"READ_TIMEOUT", "0.01", NULL},
        {"READ_TIMEOUT", "0",
         "could not use READ_TIMEOUT '0' (environment): it must be a number of seconds from 0.01 "
         "to "
         "3600"},
        {"RETRY_BACKOFF", "0", NULL},
        {"WORKERS", "257",
         "could not use WORKERS '257' (environment): it must be a whole number from 1 to 256"},
        {"MERGE_SETTLE_SECONDS", "604800", NULL},
        {"MERGE_SETTLE_SECONDS", "604801",
         "could not use MERGE_SETTLE_SECONDS '604801' (environment): it must be a number of "
         "seconds "
         "from 0 to 604800"},
        {"ENABLE_COMPRESSION", "yes", NULL},
        {"ENABLE_COMPRESSION", "perhaps",
         "could not use ENABLE_COMPRESSION 'perhaps' (environment): it must be true or false"},
        {"LOG_LEVEL", "loud",
         "could not use LOG_LEVEL 'loud' (environment): it must be debug, info, warn or error"},
        {"DEVREV_BASE_URL", "api.devrev.ai",
         "could not use DEVREV_BASE_URL 'api.devrev.ai' (environment): it does not begin with "
         "https:// or http://"},
        {"DEVREV_BASE_URL", "https://",
         "could not use DEVREV_BASE_URL 'https://' (environment): it does not begin with https:// "
         "or "
         "http://"},
        {"DEVREV_BASE_URL", "https://user:word@example.com",
         "could not use DEVREV_BASE_URL (environment): it holds a user name"},
        {"BATCH_SIZE", "\033[31m",
         "could not use BATCH_SIZE '?[31m' (environment): it must be a whole number from 1 to "
         "1000000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture fx;
        setup(&fx);
        setenv(cases[i].name, cases[i].value, 1);
        if (cases[i].message == NULL) {
            loads(&fx);
        } else {
            refuses(&fx, cases[i].message);
        }
        teardown(&fx);
    }
}

static void errors_name_file_line_and_flag(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env", "# a\nWORKERS=0\n");
    refuses(&fx,
            "could not use WORKERS '0' (.env, line 2): it must be a whole number from 1 to 256");
    const struct settings_flag flag = {"--workers", "WORKERS", "x"};
    fx.sources.flags = &flag;
    fx.sources.flag_count = 1;
    refuses(&fx, "could not use WORKERS 'x' (--workers): it must be a whole number from 1 to 256");
    teardown(&fx);
}

static void a_token_is_never_shown(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env", "DEVREV_API_TOKEN=\"abc\\ndef\"\n");
    refuses(&fx, "could not use DEVREV_API_TOKEN (.env, line 1): it holds a line break");
    CHECK(strstr(fx.err.message, "abc") == NULL);
    setenv("DEVREV_API_TOKEN", "abc def", 1);
    refuses(&fx,
            "could not use DEVREV_API_TOKEN (environment): it holds a space, a control byte or a "
            "non-ASCII letter");
    setenv("DEVREV_API_TOKEN", "abc.DEF-1_2", 1);
    loads(&fx);
    CHECK_TEXT(secret_reveal(&fx.settings.devrev_token), "abc.DEF-1_2");
    teardown(&fx);
}

static void open_secret_files_are_named(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env", "DEVREV_API_TOKEN=abc\n");
    CHECK(fchmodat(fx.fd, ".env", 0640, 0) == 0);
    loads(&fx);
    CHECK_STR(buf_z(&fx.warnings),
              ".env holds a secret and others can read it (mode 0640): chmod 600 .env\n");
    teardown(&fx);
}

static void plain_http_is_named(void)
{
    struct fixture fx;
    setup(&fx);
    setenv("DEVREV_BASE_URL", "http://127.0.0.1:8080/", 1);
    loads(&fx);
    CHECK_STR(fx.settings.devrev_base_url, "http://127.0.0.1:8080"); /* without the slash */
    CHECK_STR(buf_z(&fx.warnings), "");
    setenv("DEVREV_BASE_URL", "http://example.com", 1);
    loads(&fx);
    CHECK_STR(buf_z(&fx.warnings),
              "DEVREV_BASE_URL begins with http://: the token would travel unencrypted\n");
    teardown(&fx);
}

static void named_files_must_be_there(void)
{
    struct fixture fx;
    setup(&fx);
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/other.env", fx.path);
    fx.sources.env_file = path;
    CHECK(!load(&fx));
    CHECK_INT(fx.err.kind, ERR_CONFIG);
    CHECK(str_ends(str_of(fx.err.message), STR(": No such file or directory")));
    put(&fx, "other.env", "WORKERS=7\n");
    put(&fx, ".env", "WORKERS=9\n"); /* --env takes its place */
    loads(&fx);
    CHECK_INT(fx.settings.workers, 7);
    teardown(&fx);
}

static void a_broken_file_is_an_error(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, "steward.ini", "[steward\n");
    refuses(&fx, "could not read 'steward.ini': line 1: no ']' after the name of the section");
    CHECK_STR(fx.err.hint, "Name another file with --config, or repair this one.");
    teardown(&fx);
}

static void debug_mode_is_a_log_level(void)
{
    struct fixture fx;
    setup(&fx);
    put(&fx, ".env", "ENABLE_DEBUG_MODE=true\nLOG_LEVEL=ERROR\n");
    loads(&fx);
    CHECK_INT(fx.settings.log_level, LOG_DEBUG);
    teardown(&fx);
}

TAP_MAIN(TAP_TEST(defaults), TAP_TEST(the_stronger_source_wins),
         TAP_TEST(an_overridden_mistake_hurts_nobody), TAP_TEST(empty_means_not_given),
         TAP_TEST(old_names_are_known), TAP_TEST(unknown_names_are_named),
         TAP_TEST(ranges_are_exact), TAP_TEST(errors_name_file_line_and_flag),
         TAP_TEST(a_token_is_never_shown), TAP_TEST(open_secret_files_are_named),
         TAP_TEST(plain_http_is_named), TAP_TEST(named_files_must_be_there),
         TAP_TEST(a_broken_file_is_an_error), TAP_TEST(debug_mode_is_a_log_level))
