# SPDX-License-Identifier: MIT
steward rules --help
