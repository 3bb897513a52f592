# SPDX-License-Identifier: MIT
fails steward merge --aply
fails steward merge --frobnicate
fails steward merge -x
fails steward --jsno runs
