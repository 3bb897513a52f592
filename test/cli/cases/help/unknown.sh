# SPDX-License-Identifier: MIT
fails steward help mrege
