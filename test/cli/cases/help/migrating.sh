# SPDX-License-Identifier: MIT
# docs/migrating.md: each of its commands is one, each old name stands in it and is taken.
"$PYTHON" - "$CLI/../../docs/migrating.md" <<'CHECK'
import re, subprocess, sys
text = open(sys.argv[1], encoding="utf-8").read()
flags = """--csv --preview --dry-run --execute --batch-size --retry-attempts --backup-compress --verbose --source --resume
--log-level --validate-only --profile --monitor --test --count --full --incremental --config --integration --days-inactive
--max-contributors --job-url --project-id --sample-size --fetch-only --backup-dir --verify-contacts --verify-tickets
--verify-conversations --input --output --size""".split()
variables = """ENVIRONMENT DEVREV_API_TOKEN DEVREV_BASE_URL RATE_LIMIT_CALLS RATE_LIMIT_PERIOD BACKUP_RETENTION_DAYS
MAX_BACKUP_SIZE_GB ENABLE_COMPRESSION LOG_LEVEL ENABLE_DEBUG_MODE CSV_INPUT_PATH CSV_OUTPUT_PATH SNOWFLAKE_ACCOUNT
SNOWFLAKE_USER SNOWFLAKE_PASSWORD SNOWFLAKE_WAREHOUSE SNOWFLAKE_DATABASE SNOWFLAKE_SCHEMA BATCH_SIZE MAX_RETRIES
RETRY_BACKOFF MAX_BATCH_FAILURES CACHE_TTL ALERT_EMAIL SMTP_HOST SLACK_WEBHOOK SALESFORCE_USERNAME SALESFORCE_PASSWORD
SALESFORCE_SECURITY_TOKEN SALESFORCE_CLIENT_ID SALESFORCE_CLIENT_SECRET SALESFORCE_DOMAIN CLICKHOUSE_USERNAME
CLICKHOUSE_PASSWORD ELASTICSEARCH_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN S3_BUCKET_NAME""".split()
for flag in flags:
    if re.search(re.escape(flag) + r"(?![a-z-])", text) is None:
        print(flag, "is not there")
for name in variables:
    if f"`{name}`" not in text:
        print(name, "is not there")
commands = sorted(set(re.findall(r"`(steward [^`]*)`", text.replace("\n", " "))))
for line in commands:
    # the parser goes through the whole line before it shows the help
    done = subprocess.run(line.split() + ["--help"], capture_output=True, text=True)
    if done.returncode != 0:
        print(line, "->", done.stderr.strip())
assert len(commands) > 30, commands
with open(".env", "w", encoding="utf-8") as env:
    env.writelines(f"{name}={'info' if name == 'LOG_LEVEL' else ''}\n" for name in variables)
with open("steward.ini", "w", encoding="utf-8") as ini:
    sections = re.findall(r"`\[(\w+)\] ([a-z_ ]+)`", text)
    assert len(sections) >= 6, sections
    seen = set()
    for section, keys in sections:
        ini.write(f"[{section}]\n" + "".join(f"{key}=1\n" for key in keys.split()))
CHECK
chmod 600 .env steward.ini
# no name of theirs is unknown
fails steward runs
