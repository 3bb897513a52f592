# SPDX-License-Identifier: MIT
steward merge --help
