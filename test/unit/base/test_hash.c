/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "base/num.h"
#include "base/rng.h"
#include "base/secret.h"
#include "harness/tap.h"

/* FIPS 180-4 examples. */
static void sha256_of_the_standard(void)
{
    char hex[SHA256_HEX];
    sha256_hex_of("abc", 3, hex);
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex_of("", 0, hex);
    CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void pieces_give_the_same_and_it_starts_anew(void)
{
    AUTO(sha256_free) struct sha256 *sha = sha256_new();
    uint8_t digest[SHA256_BYTES];
    char hex[SHA256_HEX];
    for (int i = 0; i < 2; i++) {
        sha256_add(sha, "a", 1);
        sha256_add(sha, "bc", 2);
        sha256_end(sha, digest);
        num_hex(digest, sizeof(digest), hex);
        CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

static void a_seed_gives_the_same_numbers(void)
{
    struct rng a;
    struct rng b;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 100; i++) {
        CHECK(rng_next(&a) == rng_next(&b));
        CHECK(rng_below(&a, 10) < 10);
        double u = rng_unit(&a);
        CHECK(u >= 0 && u < 1);
        (void)rng_next(&b);
        (void)rng_next(&b);
    }
    CHECK_INT(rng_below(&a, 0), 0);
}

static void a_secret_is_only_what_was_set(void)
{
    struct secret secret = {0};
    CHECK(!secret_is_set(&secret));
    secret_set(&secret, STR("token-1"));
    CHECK_TEXT(secret_reveal(&secret), "token-1");
    secret_set(&secret, STR("token-2"));
    CHECK_TEXT(secret_reveal(&secret), "token-2");
    secret_done(&secret);
    CHECK(!secret_is_set(&secret));
}

TAP_MAIN(TAP_TEST(sha256_of_the_standard), TAP_TEST(pieces_give_the_same_and_it_starts_anew),
         TAP_TEST(a_seed_gives_the_same_numbers), TAP_TEST(a_secret_is_only_what_was_set))
