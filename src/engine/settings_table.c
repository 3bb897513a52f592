/* SPDX-License-Identifier: MIT */
#include "engine/settings_table.h"

#include <stddef.h>

#define AT(field) offsetof(struct settings, field)
#define KNOWN(name)                                                                                \
    {                                                                                              \
        name, SETTING_KNOWN, 0, 0, 0, NULL, NULL                                                   \
    }

enum { S = 1000, DAY = 86400 * S };

const struct setting settings_table[] = {
    {"DEVREV_BASE_URL", SETTING_URL, AT(devrev_base_url), 0, 0, "https://api.devrev.ai",
     "where DevRev's API is"},
    {"DEVREV_API_TOKEN", SETTING_SECRET, AT(devrev_token), 0, 0, NULL,
     "the token that steward acts with; belongs into .env, mode 0600"},
    {"SNOWFLAKE_ACCOUNT", SETTING_TEXT, AT(snowflake_account), 0, 0, NULL,
     "the Snowflake account, <org>-<account>"},
    {"SNOWFLAKE_USER", SETTING_TEXT, AT(snowflake_user), 0, 0, NULL, "the Snowflake user"},
    {"SNOWFLAKE_HOST", SETTING_URL, AT(snowflake_host), 0, 0, NULL,
     "where Snowflake's API is, if not at <account>.snowflakecomputing.com"},
    {"SNOWFLAKE_PRIVATE_KEY_PATH", SETTING_TEXT, AT(snowflake_private_key_path), 0, 0, NULL,
     "PEM file with the user's private key, mode 0600"},
    {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", SETTING_SECRET, AT(snowflake_key_passphrase), 0, 0, NULL,
     "what opens the private key where it is encrypted"},
    {"SNOWFLAKE_TOKEN", SETTING_SECRET, AT(snowflake_token), 0, 0, NULL,
     "a programmatic access token, where there is no private key"},
    {"SNOWFLAKE_PASSWORD", SETTING_SECRET, AT(snowflake_password), 0, 0, NULL,
     "a programmatic access token in a password's place; Snowflake's API takes no passwords"},
    {"SNOWFLAKE_WAREHOUSE", SETTING_TEXT, AT(snowflake_warehouse), 0, 0, NULL,
     "the warehouse that runs the query"},
    {"SNOWFLAKE_DATABASE", SETTING_TEXT, AT(snowflake_database), 0, 0, NULL,
     "the database that the query's names are looked up in"},
    {"SNOWFLAKE_SCHEMA", SETTING_TEXT, AT(snowflake_schema), 0, 0, NULL, "its schema"},
    {"SNOWFLAKE_ROLE", SETTING_TEXT, AT(snowflake_role), 0, 0, NULL,
     "the role that the query runs with"},
    {"RATE_LIMIT_CALLS", SETTING_INT, AT(rate_limit_calls), 0, 1000000, NULL,
     "calls allowed in each period, for the workspace as a whole (merge: 45); 0: no limit of our "
     "own"},
    {"RATE_LIMIT_PERIOD", SETTING_SECONDS, AT(rate_limit_period_ms), S, DAY, NULL,
     "the period in seconds (merge: 60)"},
    {"MAX_RETRIES", SETTING_INT, AT(max_retries), 1, 100, "3",
     "attempts at a call, the first included; a write is only tried again when nothing can have "
     "happened"},
    {"RETRY_BACKOFF", SETTING_SECONDS, AT(retry_backoff_ms), 0, 3600 * S, "0.2",
     "seconds of the first pause between attempts; doubles, with full jitter"},
    {"CONNECT_TIMEOUT", SETTING_SECONDS, AT(connect_timeout_ms), 10, 3600 * S, "30",
     "seconds to wait for a connection"},
    {"READ_TIMEOUT", SETTING_SECONDS, AT(read_timeout_ms), 10, 3600 * S, "60",
     "seconds of silence that end a call"},
    {"RETRY_BUDGET", SETTING_INT, AT(retry_budget), 1, 100, "20",
     "retries that may go at once, in percent of the calls; more of them wait"},
    {"BREAKER_OPEN_SECONDS", SETTING_SECONDS, AT(breaker_open_ms), 10, 3600 * S, "60",
     "seconds that a remote whose calls mostly fail is left alone"},
    {"BREAKER_GIVE_UP_SECONDS", SETTING_SECONDS, AT(breaker_give_up_ms), 1, DAY, "600",
     "a remote that does not recover for so many seconds stops the run"},
    {"WORKERS", SETTING_INT, AT(workers), 1, 256, "8", "changes worked on at the same time"},
    {"BATCH_SIZE", SETTING_INT, AT(batch_size), 1, 1000000, "100", "changes in a batch"},
    {"MAX_BATCH_FAILURES", SETTING_INT, AT(max_batch_failures), 0, 1000000, "10",
     "failures in one batch that stop the run; 0: never stop"},
    {"MAX_CHANGES", SETTING_INT, AT(max_changes), 0, 1000000000, "10000000",
     "a plan with more changes is refused when it is to be applied"},
    {"MAX_ACCOUNT_SHARE", SETTING_INT, AT(max_account_share), 0, 100, "100",
     "a plan that changes a larger share of one account, in percent, is refused when it is to be "
     "applied"},
    {"CANARY", SETTING_INT, AT(canary), 0, 1000000, "5",
     "so many changes go first; if all of them fail the run stops; 0: none"},
    {"MERGE_SETTLE_SECONDS", SETTING_SECONDS, AT(merge_settle_ms), 0, 7 * DAY, "300",
     "a sent merge counts as not applied only after so many seconds without a trace of it"},
    {"CARRY_EXTERNAL_REF", SETTING_BOOL, AT(carry_external_ref), 0, 0, "false",
     "a survivor without an external reference of its own gets the loser's after the merge"},
    {"CACHE_TTL", SETTING_SECONDS, AT(cache_ttl_ms), 0, 7 * DAY, "3600",
     "so many seconds the listed groups are used again; 0: they are listed anew"},
    {"BACKUP_DIR", SETTING_TEXT, AT(backup_dir), 0, 0, "backups",
     "where backups go, below the workspace or absolute"},
    {"ENABLE_COMPRESSION", SETTING_BOOL, AT(compress), 0, 0, "false", "backups compressed (zstd)"},
    {"BACKUP_KEY_FILE", SETTING_TEXT, AT(backup_key_file), 0, 0, NULL,
     "backups are encrypted with the key in this file (32 bytes, or 64 hex digits), mode 0600"},
    {"BACKUP_PASSPHRASE", SETTING_SECRET, AT(backup_passphrase), 0, 0, NULL,
     "backups are encrypted with a key made of this passphrase"},
    {"BACKUP_PASSPHRASE_FILE", SETTING_TEXT, AT(backup_passphrase_file), 0, 0, NULL,
     "the same, with the passphrase in the first line of this file, mode 0600"},
    {"BACKUP_RETENTION_DAYS", SETTING_INT, AT(backup_retention_days), 1, 36500, "30",
     "what `steward backups prune` keeps at least, in days; until then a merge can be undone"},
    {"MAX_BACKUP_SIZE_GB", SETTING_INT, AT(max_backup_size_gb), 0, 1000000, "50",
     "above so many GB `steward backups prune` removes more, the oldest first; 0: no limit"},
    {"MONITOR", SETTING_BOOL, AT(monitor), 0, 0, "false",
     "progress shows CPU, memory, disk and network, too"},
    {"PROFILE", SETTING_TEXT, AT(profile), 0, 0, NULL,
     "where the time of a run went is written there (*.folded: for flamegraphs, else for "
     "speedscope); true: reports/run-N.speedscope.json"},
    {"METRICS_LISTEN", SETTING_TEXT, AT(metrics_listen), 0, 0, NULL,
     "Prometheus metrics are on /metrics there while a run works: 127.0.0.1:9464"},
    {"METRICS_FILE", SETTING_TEXT, AT(metrics_file), 0, 0, NULL,
     "metrics are written there when a run ends, for a textfile collector"},
    {"ALERT_EMAIL", SETTING_TEXT, AT(alert_email), 0, 0, NULL,
     "alerts and the end of a run go there by e-mail; several addresses with commas between"},
    {"SMTP_HOST", SETTING_TEXT, AT(smtp_host), 0, 0, NULL,
     "the mail server, host or host:port with STARTTLS; smtps://host: TLS; smtp://host: plain"},
    {"SMTP_USER", SETTING_TEXT, AT(smtp_user), 0, 0, NULL, "who signs in there"},
    {"SMTP_PASSWORD", SETTING_SECRET, AT(smtp_password), 0, 0, NULL, "with what"},
    {"SMTP_FROM", SETTING_TEXT, AT(smtp_from), 0, 0, NULL,
     "the sender of alerts (default: steward@ this host)"},
    {"SMTP_CA_FILE", SETTING_TEXT, AT(smtp_ca_file), 0, 0, NULL,
     "certificates that the mail server is checked against (default: the system's)"},
    {"SLACK_WEBHOOK", SETTING_SECRET, AT(slack_webhook), 0, 0, NULL,
     "alerts and the end of a run go to this Slack webhook"},
    {"ALERT_ERROR_RATE", SETTING_SECONDS, AT(alert_error_permille), 0, 1000, "0.1",
     "an alert when a larger share of the changes fails; 0: none"},
    {"ALERT_BATCH_SECONDS", SETTING_SECONDS, AT(alert_batch_ms), 0, DAY, "60",
     "an alert when a batch takes longer; 0: none"},
    {"ALERT_API_ERRORS", SETTING_INT, AT(alert_api_errors), 0, 1000000000, "5",
     "an alert at so many failed calls; 0: none"},
    {"CSV_INPUT_PATH", SETTING_TEXT, AT(csv_input_path), 0, 0, NULL,
     "the input where --csv is not given"},
    {"CSV_OUTPUT_PATH", SETTING_TEXT, AT(csv_output_path), 0, 0, NULL,
     "the decisions file where --csv-out is not given"},
    {"LOG_LEVEL", SETTING_LEVEL, AT(log_level), 0, 0, "info",
     "what the log file keeps: debug, info, warn, error"},
    {"LOG_MAX_MB", SETTING_INT, AT(log_max_mb), 0, 1000000, "16",
     "the log file is compressed and a new one begun at so many MB; 0: never"},
    {"LOG_KEEP", SETTING_INT, AT(log_keep), 0, 100000, "10", "so many old log files are kept"},
    {"ENABLE_DEBUG_MODE", SETTING_BOOL, AT(debug_mode), 0, 0, "false",
     "the same as LOG_LEVEL=debug"},
    KNOWN("ENVIRONMENT"),
    KNOWN("SALESFORCE_USERNAME"),
    KNOWN("SALESFORCE_PASSWORD"),
    KNOWN("SALESFORCE_SECURITY_TOKEN"),
    KNOWN("SALESFORCE_CLIENT_ID"),
    KNOWN("SALESFORCE_CLIENT_SECRET"),
    KNOWN("SALESFORCE_DOMAIN"),
    KNOWN("CLICKHOUSE_USERNAME"),
    KNOWN("CLICKHOUSE_PASSWORD"),
    KNOWN("ELASTICSEARCH_URL"),
    KNOWN("AWS_ACCESS_KEY_ID"),
    KNOWN("AWS_SECRET_ACCESS_KEY"),
    KNOWN("AWS_SESSION_TOKEN"),
    KNOWN("S3_BUCKET_NAME"),
};

const size_t settings_table_len = ARRAY_LEN(settings_table);

const struct settings_ini_name settings_ini_names[] = {
    {"database", "host", NULL},
    {"database", "port", NULL},
    {"database", "database", NULL},
    {"database", "username", NULL},
    {"database", "password", NULL},
    {"redis", "host", NULL},
    {"redis", "port", NULL},
    {"redis", "password", NULL},
    {"elasticsearch", "url", "ELASTICSEARCH_URL"},
    {"s3", "aws_access_key_id", "AWS_ACCESS_KEY_ID"},
    {"s3", "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"},
    {"s3", "aws_session_token", "AWS_SESSION_TOKEN"},
    {"s3", "bucket_name", "S3_BUCKET_NAME"},
    {"clickhouse", "username", "CLICKHOUSE_USERNAME"},
    {"clickhouse", "password", "CLICKHOUSE_PASSWORD"},
    {"clickhouse", "host", NULL},
    {"clickhouse", "port", NULL},
};

const size_t settings_ini_names_len = ARRAY_LEN(settings_ini_names);

const struct setting *settings_find(str name)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        if (str_eq_nocase(name, str_of(settings_table[i].name))) {
            return &settings_table[i];
        }
    }
    return NULL;
}
