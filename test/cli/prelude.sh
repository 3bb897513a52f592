# SPDX-License-Identifier: MIT
# Read before every case.

# Runs a command that is expected to fail, shows its exit status, and goes on.
fails() {
    status=0
    "$@" || status=$?
    echo "exit $status"
}

# fails_into FILE COMMAND...: the same, with the standard output in FILE.
fails_into() {
    into=$1
    shift
    status=0
    "$@" >"$into" || status=$?
    echo "exit $status"
}

# sandbox OPTIONS...: starts one, writes .env, and ends it with the case.
sandbox() {
    : >sandbox.out
    steward sandbox --env-file .env "$@" >>sandbox.out 2>sandbox.err &
    sandbox_pid=$!
    trap end_sandbox EXIT
    tries=0
    until grep -q '^READY$' sandbox.out; do
        tries=$((tries + 1))
        if [ "$tries" -gt 400 ] || ! kill -0 "$sandbox_pid" 2>/dev/null; then
            echo "the sandbox did not start: $(cat sandbox.err)" >&2
            exit 1
        fi
        sleep 0.05
    done
    chmod 600 .env
    export RATE_LIMIT_CALLS=0 MERGE_SETTLE_SECONDS=1
}

# One that has ended by itself spoils the case.
end_sandbox() {
    kill "$sandbox_pid" 2>/dev/null || echo "the sandbox was gone" >&2
    wait "$sandbox_pid" 2>/dev/null || code=$?
    [ "${code:-0}" -eq 0 ] || echo "the sandbox ended with $code: $(cat sandbox.err)" >&2
}

# schema NAME [--lines]: checks standard input against schemas/NAME.schema.json, and shows nothing
# where it fits.
schema() {
    "$PYTHON" "$CLI/check_schema.py" "$@"
}

# The header of the REVU pairs export, for cases that write rows below it.
header='REV_USER_ID,DISPLAY_NAME,EMAIL,EXTERNAL_REF,FULL_NAME,CREATED_AT,UPDATED_AT,TICKET_COUNT'

# contacts N: contacts.csv with N pairs, which make N merges.
contacts() {
    echo "$header" >contacts.csv
    number=1
    while [ "$number" -le "$1" ]; do
        pair "$number" "p$number@example.com" >>contacts.csv
        number=$((number + 1))
    done
}

# merges: how many the stand-in has carried out.
merges() {
    grep -c '"call":"rev-users.merge/done"' effects.jsonl || :
}

# pair N EMAIL: two rows that make one merge.
pair() {
    printf '%s,One,%s,REVU-%s,One,2024-01-01,2024-01-02,1\n' "$(contact "$1"1)" "$2" "$1"
    printf '%s,Two,%s,user_%s,Two,2024-01-01,2024-01-02,2\n' "$(contact "$1"2)" "$2" "$1"
}

contact() {
    printf 'don:identity:dvrv-us-1:devo/0:revu/%s' "$1"
}
