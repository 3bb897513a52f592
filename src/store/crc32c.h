/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli) over the blocks of a plan: the processor's instruction where there is one,
 * eight bytes a step from tables elsewhere. Any thread.
 */
#ifndef STEWARD_STORE_CRC32C_H
#define STEWARD_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t len);

/* The table version, whatever the processor: the test compares the two. */
uint32_t crc32c_portable(const void *bytes, size_t len);

#endif
