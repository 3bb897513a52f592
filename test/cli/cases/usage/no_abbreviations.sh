# SPDX-License-Identifier: MIT
fails steward merge --strict --appl
fails steward merg
