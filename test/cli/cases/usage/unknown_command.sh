# SPDX-License-Identifier: MIT
fails steward mrege
fails steward xyzzy
fails steward audit verfy
fails steward doctor devrve
