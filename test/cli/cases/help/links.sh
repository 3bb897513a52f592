# SPDX-License-Identifier: MIT
steward links --help
