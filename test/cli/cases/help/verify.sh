# SPDX-License-Identifier: MIT
steward verify --help
