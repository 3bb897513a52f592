# SPDX-License-Identifier: MIT
fails steward runs --workspace nowhere
fails steward apply last --workspace nowhere
fails steward show last --workspace nowhere
