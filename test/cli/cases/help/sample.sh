# SPDX-License-Identifier: MIT
steward sample --help
