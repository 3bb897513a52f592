# SPDX-License-Identifier: MIT
steward approve --help
