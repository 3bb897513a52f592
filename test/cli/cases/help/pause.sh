# SPDX-License-Identifier: MIT
steward pause --help
