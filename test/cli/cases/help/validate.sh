# SPDX-License-Identifier: MIT
steward validate --help
