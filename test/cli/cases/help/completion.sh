# SPDX-License-Identifier: MIT
for shell in bash zsh fish; do
    steward completion $shell >script
    head -2 script
done
steward completion bash >script
bash -n script
cat >try <<'TRY'
. ./script
complete_line() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _steward
    echo "$*: ${COMPREPLY[*]}"
}
complete_line steward me
complete_line steward audit ve
complete_line steward merge --back
complete_line steward merge --source ''
complete_line steward --json sh
complete_line steward show --al
complete_line steward help ap
complete_line steward completion ''
complete_line steward runs --log-level e
touch one.csv
complete_line steward merge --csv o
TRY
bash try
fails steward completion tcsh
