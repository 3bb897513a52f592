/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/arena.h"
#include "base/num.h"

struct sha256 {
    EVP_MD_CTX *ctx;
};

static void must(int ok)
{
    if (ok != 1) {
        abort(); /* SHA-256 is in OpenSSL's default provider; without it nothing can be trusted */
    }
}

struct sha256 *sha256_new(void)
{
    struct sha256 *sha = xnew(struct sha256);
    sha->ctx = EVP_MD_CTX_new();
    must(sha->ctx != NULL);
    must(EVP_DigestInit_ex(sha->ctx, EVP_sha256(), NULL));
    return sha;
}

void sha256_free(struct sha256 *sha)
{
    if (sha != NULL) {
        EVP_MD_CTX_free(sha->ctx);
        free(sha);
    }
}

void sha256_add(struct sha256 *sha, const void *bytes, size_t len)
{
    must(EVP_DigestUpdate(sha->ctx, bytes, len));
}

void sha256_end(struct sha256 *sha, uint8_t ret[SHA256_BYTES])
{
    must(EVP_DigestFinal_ex(sha->ctx, ret, NULL));
    must(EVP_DigestInit_ex(sha->ctx, NULL, NULL)); /* the same again, without looking it up */
}

void sha256_of(const void *bytes, size_t len, uint8_t ret[SHA256_BYTES])
{
    (void)SHA256(bytes, len, ret); /* one-shot, returns ret */
}

void sha256_hex_of(const void *bytes, size_t len, char ret[SHA256_HEX])
{
    uint8_t digest[SHA256_BYTES];
    sha256_of(bytes, len, digest);
    num_hex(digest, sizeof(digest), ret);
}
