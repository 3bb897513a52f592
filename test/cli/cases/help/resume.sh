# SPDX-License-Identifier: MIT
steward resume --help
