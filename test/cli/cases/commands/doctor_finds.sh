# SPDX-License-Identifier: MIT
chmod 700 .
mkdir -m 755 backups
echo 'DEVREV_API_TOKEN=abc' >.env
chmod 644 .env
fails_into found env DEVREV_BASE_URL=http://127.0.0.1:1 steward doctor --quiet
sed 's/[0-9]* MB/N MB/' found
fails env WORKERS=none steward doctor
rm .env
fails_into found.json steward doctor --json
schema doctor <found.json
