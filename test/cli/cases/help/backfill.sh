# SPDX-License-Identifier: MIT
steward backfill --help
