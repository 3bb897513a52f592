# SPDX-License-Identifier: MIT
steward continue --help
