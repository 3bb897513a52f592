# SPDX-License-Identifier: MIT
steward runs --help
