# SPDX-License-Identifier: MIT
# Snowflake alone: no token of DevRev is asked for.
chmod 700 .
# The name of the row and what was found, without numbers that change.
snowflake() {
    status=0
    steward doctor snowflake --quiet "$@" >found || status=$?
    sed -n '/other steward/,$p' found | sed '1d; s/[0-9]* ms/N ms/g; s/SHA256:[^;]*/SHA256:@KEY@/'
    echo "exit $status"
}
openssl genrsa -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out key.pub 2>/dev/null
chmod 600 key.pem
sandbox --contacts 8 --issues 0 --seed 5 --snowflake-key key.pub --requests requests
sed -i '/^DEVREV/d' .env
snowflake
steward doctor snowflake --json | schema doctor
grep -c '"remote":"devrev"' requests || echo 'DevRev was not asked'
export SNOWFLAKE_PRIVATE_KEY_PATH=key.pem
snowflake
(SNOWFLAKE_ACCOUNT=OTHER-ACCOUNT && export SNOWFLAKE_ACCOUNT && snowflake)
(SNOWFLAKE_USER=NOBODY && export SNOWFLAKE_USER && snowflake)
openssl genrsa -out other.pem 2048 2>/dev/null
(SNOWFLAKE_PRIVATE_KEY_PATH=other.pem && export SNOWFLAKE_PRIVATE_KEY_PATH && snowflake)
(SNOWFLAKE_PRIVATE_KEY_PATH=no.pem && export SNOWFLAKE_PRIVATE_KEY_PATH && snowflake)
unset SNOWFLAKE_PRIVATE_KEY_PATH

(SNOWFLAKE_PASSWORD=secret && export SNOWFLAKE_PASSWORD && snowflake)
(SNOWFLAKE_TOKEN=pat && export SNOWFLAKE_TOKEN && snowflake)
(SNOWFLAKE_ROLE=OTHER && export SNOWFLAKE_ROLE && snowflake)
(SNOWFLAKE_WAREHOUSE=SUSPENDED_WH && export SNOWFLAKE_WAREHOUSE && snowflake)
(SNOWFLAKE_WAREHOUSE=NO_WH && export SNOWFLAKE_WAREHOUSE && snowflake)
(SNOWFLAKE_SCHEMA=OTHER && export SNOWFLAKE_SCHEMA && snowflake)
(SNOWFLAKE_HOST=http://127.0.0.1:1 && export SNOWFLAKE_HOST && snowflake)

# not set up: only who asks for it is told
grep -v SNOWFLAKE .env >plain.env || :
chmod 600 plain.env
snowflake --env plain.env
fails_into found steward doctor --env plain.env
grep -ci snowflake found || :
fails steward doctor postgres
