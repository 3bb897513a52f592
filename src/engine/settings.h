/* SPDX-License-Identifier: MIT */
/*
 * Every setting of the program as one table: name, type, range, default, what it is for. Sources, the
 * stronger first: command-line flags, environment, `.env` (--env FILE), `steward.ini` (--config FILE).
 * The names that the five scripts used are taken over unchanged. Unknown keys of
 * files are named in a warning; a value out of range is ERR_CONFIG naming setting, source and line,
 * never the value of a secret.
 *
 * Loaded once at start, then read-only for all threads.
 */
#ifndef STEWARD_ENGINE_SETTINGS_H
#define STEWARD_ENGINE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"

struct settings {
    struct arena arena;

    /* DevRev */
    const char *devrev_base_url; /* DEVREV_BASE_URL, https://api.devrev.ai */
    struct secret devrev_token;  /* DEVREV_API_TOKEN */

    /* Snowflake (remote/snowflake.h); NULL and not set: the user's defaults there */
    const char *snowflake_account;          /* SNOWFLAKE_ACCOUNT */
    const char *snowflake_user;             /* SNOWFLAKE_USER */
    const char *snowflake_host;             /* SNOWFLAKE_HOST, NULL: from the account */
    const char *snowflake_private_key_path; /* SNOWFLAKE_PRIVATE_KEY_PATH */
    struct secret snowflake_key_passphrase; /* SNOWFLAKE_PRIVATE_KEY_PASSPHRASE */
    struct secret snowflake_token;          /* SNOWFLAKE_TOKEN */
    struct secret snowflake_password;       /* SNOWFLAKE_PASSWORD, sent as a token */
    const char *snowflake_warehouse;        /* SNOWFLAKE_WAREHOUSE */
    const char *snowflake_database;         /* SNOWFLAKE_DATABASE */
    const char *snowflake_schema;           /* SNOWFLAKE_SCHEMA */
    const char *snowflake_role;             /* SNOWFLAKE_ROLE */

    /* pace */
    int64_t rate_limit_calls;     /* RATE_LIMIT_CALLS; -1: the job's default; 0: none */
    int64_t rate_limit_period_ms; /* RATE_LIMIT_PERIOD in seconds; -1: the job's default */
    int64_t max_retries;          /* MAX_RETRIES, --retry-attempts: attempts in all, 3 */
    int64_t retry_backoff_ms;     /* RETRY_BACKOFF in seconds (decimals allowed), 0.2 */
    int64_t connect_timeout_ms;   /* CONNECT_TIMEOUT in seconds, 30 */
    int64_t read_timeout_ms;      /* READ_TIMEOUT in seconds, 60 */
    int64_t workers;              /* WORKERS, --workers, 8 */
    int64_t retry_budget;         /* RETRY_BUDGET, 20: retries in percent of calls */
    int64_t breaker_open_ms;      /* BREAKER_OPEN_SECONDS, 60 */
    int64_t breaker_give_up_ms;   /* BREAKER_GIVE_UP_SECONDS, 600 */

    /* look-ups */
    int64_t cache_ttl_ms; /* CACHE_TTL in seconds, 3600: how long listed groups are used again */

    /* safety */
    int64_t batch_size;         /* BATCH_SIZE, 100 */
    int64_t max_batch_failures; /* MAX_BATCH_FAILURES, 10 */
    int64_t max_changes;        /* MAX_CHANGES, 10,000,000: a plan with more is refused at apply */
    int64_t max_account_share;  /* MAX_ACCOUNT_SHARE in percent, 100: no limit */
    int64_t canary;             /* CANARY, 5: this many first; if all of them fail, stop. 0: none */
    int64_t merge_settle_ms;    /* MERGE_SETTLE_SECONDS, 300 */

    /* merge */
    bool carry_external_ref; /* CARRY_EXTERNAL_REF, --carry-external-ref */

    /* backups */
    const char *backup_dir;             /* BACKUP_DIR, --backup-dir: backups */
    bool compress;                      /* ENABLE_COMPRESSION, --backup-compress */
    const char *backup_key_file;        /* BACKUP_KEY_FILE, NULL */
    struct secret backup_passphrase;    /* BACKUP_PASSPHRASE */
    const char *backup_passphrase_file; /* BACKUP_PASSPHRASE_FILE, NULL */
    int64_t backup_retention_days;      /* BACKUP_RETENTION_DAYS, 30 */
    int64_t max_backup_size_gb;         /* MAX_BACKUP_SIZE_GB, 50; 0: no limit */

    /* looking on */
    bool monitor;        /* MONITOR, --monitor */
    const char *profile; /* PROFILE, --profile, NULL: none; "true": below reports/ */

    /* metrics */
    const char *metrics_listen; /* METRICS_LISTEN, --metrics-listen, NULL: nowhere */
    const char *metrics_file;   /* METRICS_FILE, NULL: none */

    /* alerts */
    const char *alert_email;      /* ALERT_EMAIL, NULL: none; several with commas between */
    const char *smtp_host;        /* SMTP_HOST (net/mail.h) */
    const char *smtp_user;        /* SMTP_USER */
    struct secret smtp_password;  /* SMTP_PASSWORD */
    const char *smtp_from;        /* SMTP_FROM, NULL: steward@<host> */
    const char *smtp_ca_file;     /* SMTP_CA_FILE, NULL: the system's */
    struct secret slack_webhook;  /* SLACK_WEBHOOK: who knows it can post */
    int64_t alert_error_permille; /* ALERT_ERROR_RATE, 0.1 */
    int64_t alert_batch_ms;       /* ALERT_BATCH_SECONDS, 60 */
    int64_t alert_api_errors;     /* ALERT_API_ERRORS, 5 */

    /* input and output */
    const char *csv_input_path;  /* CSV_INPUT_PATH, NULL */
    const char *csv_output_path; /* CSV_OUTPUT_PATH, NULL */
    enum log_level log_level;    /* LOG_LEVEL, info: the file's; ENABLE_DEBUG_MODE: debug */
    int64_t log_max_mb;          /* LOG_MAX_MB, 16: put aside at this size; 0: never */
    int64_t log_keep;            /* LOG_KEEP, 10 old log files */
    bool debug_mode;             /* ENABLE_DEBUG_MODE; already in log_level */
};

/* A flag that is a setting: `flag` is its spelling, for messages ("--batch-size"). */
struct settings_flag {
    const char *flag;
    const char *name;
    const char *value;
};

struct settings_sources {
    int workspace_fd;
    const char *env_file; /* --env: must exist; NULL: .env of the workspace if it is there */
    const char
        *config_file; /* --config: must exist; NULL: steward.ini of the workspace if it is there */
    const struct settings_flag *flags; /* the last of a name counts */
    size_t flag_count;
};

/* `warn` is called for each unknown key of a file, a file with secrets that others can read, and a
 * token that would travel unencrypted. An empty value of environment or file counts as not given. */
bool settings_load(struct settings *settings, const struct settings_sources *sources,
                   void (*warn)(void *ctx, const char *text), void *ctx,
                   struct err *err) MUST_CHECK;
void settings_done(struct settings *settings);

#endif
