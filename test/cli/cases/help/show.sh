# SPDX-License-Identifier: MIT
steward show --help
