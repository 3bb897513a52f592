# SPDX-License-Identifier: MIT
steward doctor --help
