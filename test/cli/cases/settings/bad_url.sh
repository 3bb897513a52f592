# SPDX-License-Identifier: MIT
fails env DEVREV_BASE_URL=api.devrev.ai steward runs
fails env DEVREV_BASE_URL=ftp://api.devrev.ai steward runs
fails env DEVREV_BASE_URL=https://me:word@api.devrev.ai steward runs
fails env DEVREV_BASE_URL=http://api.devrev.ai steward runs
