# SPDX-License-Identifier: MIT
steward backups --help
