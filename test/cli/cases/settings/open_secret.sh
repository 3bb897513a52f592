# SPDX-License-Identifier: MIT
echo 'DEVREV_API_TOKEN=abc' >.env
chmod 644 .env
fails steward runs
