# SPDX-License-Identifier: MIT
steward --version
