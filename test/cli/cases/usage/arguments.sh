# SPDX-License-Identifier: MIT
fails steward apply
fails steward apply 1 2
fails steward runs 1
fails steward show
fails steward verify
fails steward report
fails steward audit
fails steward rules
fails steward rules check
fails steward rules list x
fails steward completion
