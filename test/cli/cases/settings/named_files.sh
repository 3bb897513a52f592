# SPDX-License-Identifier: MIT
fails steward runs --env missing.env
fails steward runs --config missing.ini
mkdir directory
fails steward runs --env directory
printf 'WORKERS=3\nno value\n' >broken.env
fails steward runs --env broken.env
printf '[steward\n' >broken.ini
fails steward runs --config broken.ini
