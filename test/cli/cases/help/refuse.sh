# SPDX-License-Identifier: MIT
steward refuse --help
