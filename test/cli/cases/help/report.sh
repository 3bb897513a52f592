# SPDX-License-Identifier: MIT
steward report --help
