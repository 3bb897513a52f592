# SPDX-License-Identifier: MIT
# Never shown, whatever is wrong with it.
printf 'DEVREV_API_TOKEN="secret\\nX-Evil: yes"\n' >.env
chmod 600 .env
fails steward runs
fails env 'DEVREV_API_TOKEN=two words' steward runs
