# SPDX-License-Identifier: MIT
steward undo --help
