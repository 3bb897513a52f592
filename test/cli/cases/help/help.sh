# SPDX-License-Identifier: MIT
steward help --help
