# SPDX-License-Identifier: MIT
steward audit --help
