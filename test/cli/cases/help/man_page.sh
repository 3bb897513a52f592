# SPDX-License-Identifier: MIT
# The page is there for every command, and the formatter has nothing to say about it.
steward --dump-man >steward.1
head -4 steward.1
for command in merge apply resume verify report runs show rules audit doctor sandbox completion help; do
    grep -q "^.SS $command$" steward.1 || echo "$command is missing"
done
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning steward.1 | grep -v 'missing date' || :
fi
