# SPDX-License-Identifier: MIT
# A result that did not reach its reader is no result.
fails sh -c 'steward --version >/dev/full'
