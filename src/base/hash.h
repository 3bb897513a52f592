/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (OpenSSL EVP) for plans, manifests and chains. Keys that live only in memory use XXH3
 * (libxxhash) directly.
 */
#ifndef STEWARD_BASE_HASH_H
#define STEWARD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65 };

struct sha256; /* one thread at a time */

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *sha);
DEFINE_AUTO(struct sha256, sha256_free)
void sha256_add(struct sha256 *sha, const void *bytes, size_t len);
/* Finishes, and starts anew. */
void sha256_end(struct sha256 *sha, uint8_t ret[SHA256_BYTES]);

void sha256_of(const void *bytes, size_t len, uint8_t ret[SHA256_BYTES]);
void sha256_hex_of(const void *bytes, size_t len, char ret[SHA256_HEX]);

#endif
