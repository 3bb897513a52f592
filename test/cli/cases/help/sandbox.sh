# SPDX-License-Identifier: MIT
# Everything after the word belongs to the sandbox, but `help sandbox` is ours.
steward help sandbox
steward sandbox --help | head -1
