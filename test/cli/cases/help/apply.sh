# SPDX-License-Identifier: MIT
steward apply --help
