# SPDX-License-Identifier: MIT
steward slow --help
