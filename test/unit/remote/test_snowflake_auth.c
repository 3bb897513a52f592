/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_auth.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/hash.h"
#include "harness/tap.h"

static char path[512];

static const char *in_tmpdir(const char *name)
{
    (void)snprintf(path, sizeof(path), "%s/%s", tap_tmpdir(), name);
    return path;
}

/* A PKCS#8 file; encrypted where there is a passphrase. */
static EVP_PKEY *make_key(const char *name, EVP_PKEY *pkey, const char *passphrase)
{
    BIO *bio = BIO_new_file(in_tmpdir(name), "w");
    CHECK(bio != NULL && pkey != NULL);
    CHECK_INT(PEM_write_bio_PKCS8PrivateKey(bio, pkey,
                                            passphrase != NULL ? EVP_aes_256_cbc() : NULL, NULL, 0,
                                            NULL, (void *)(uintptr_t)passphrase),
              1);
    BIO_free(bio);
    return pkey;
}

static str unbase64url(str text, struct buf *out)
{
    AUTO_BUF struct buf copy = {0};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        CHECK(c != '=' && c != '+' && c != '/');
        buf_addc(&copy, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    size_t pad = (4 - text.len % 4) % 4;
    buf_addz(&copy, pad == 2 ? "==" : pad == 1 ? "=" : "");
    char *room = buf_reserve(out, copy.len);
    int len = EVP_DecodeBlock((unsigned char *)room, (unsigned char *)copy.ptr, (int)copy.len);
    CHECK(len > 0);
    out->len += (size_t)len - pad;
    return buf_str(out);
}

static bool verifies(EVP_PKEY *pkey, str text, str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                               (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static void a_token_says_who_and_how_long_and_is_signed(void)
{
    struct err err;
    EVP_PKEY *pkey = make_key("key.p8", EVP_RSA_gen(2048), NULL);
    AUTO(snowflake_key_free) struct snowflake_key *key = snowflake_key_load(path, NULL, &err);
    struct secret token = {0};
    CHECK(key != NULL);
    CHECK_OK(snowflake_jwt(key, "xy12345.eu-central-1", "Some_user", 1795521600, 2, &token, &err),
             err);

    str rest;
    str signature;
    str whole = secret_reveal(&token);
    str head = str_cut(whole, '.', &rest);
    str claims = str_cut(rest, '.', &signature);
    AUTO_BUF struct buf bytes = {0};
    CHECK_TEXT(unbase64url(head, &bytes), "{\"alg\":\"RS256\",\"typ\":\"JWT\"}");
    buf_clear(&bytes);
    char expected[512];
    (void)snprintf(expected, sizeof(expected),
                   "{\"iss\":\"XY12345.SOME_USER.%s\",\"sub\":\"XY12345.SOME_USER\","
                   "\"iat\":1795521600,\"exp\":1795525142}",
                   snowflake_key_fingerprint(key));
    CHECK_TEXT(unbase64url(claims, &bytes), expected);
    buf_clear(&bytes);
    CHECK(verifies(pkey, (str){whole.ptr, head.len + 1 + claims.len},
                   unbase64url(signature, &bytes)));
    secret_done(&token);
    EVP_PKEY_free(pkey);
}

static void the_fingerprint_is_that_of_the_public_key(void)
{
    struct err err;
    EVP_PKEY *pkey = make_key("key.p8", EVP_RSA_gen(2048), NULL);
    AUTO(snowflake_key_free) struct snowflake_key *key = snowflake_key_load(path, NULL, &err);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    uint8_t digest[SHA256_BYTES];
    sha256_of(der, (size_t)len, digest);
    unsigned char text[64];
    (void)EVP_EncodeBlock(text, digest, sizeof(digest));
    char expected[80];
    (void)snprintf(expected, sizeof(expected), "SHA256:%s", (const char *)text);
    CHECK_STR(snowflake_key_fingerprint(key), expected);
    CHECK_INT(strlen(expected), 51);
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
}

static void tokens_of_one_second_differ(void)
{
    struct err err;
    EVP_PKEY_free(make_key("key.p8", EVP_RSA_gen(2048), NULL));
    AUTO(snowflake_key_free) struct snowflake_key *key = snowflake_key_load(path, NULL, &err);
    struct secret a = {0};
    struct secret b = {0};
    CHECK_OK(snowflake_jwt(key, "org-account", "U", 1795521600, 0, &a, &err), err);
    CHECK_OK(snowflake_jwt(key, "org-account", "U", 1795521600, 1, &b, &err), err);
    CHECK(!str_eq(secret_reveal(&a), secret_reveal(&b)));
    secret_done(&a);
    secret_done(&b);
}

static void an_encrypted_key_needs_its_passphrase(void)
{
    struct err err;
    char message[600];
    struct secret passphrase = {0};
    EVP_PKEY_free(make_key("locked.p8", EVP_RSA_gen(2048), "opensesame"));

    (void)snprintf(message, sizeof(message), "could not read '%s': the key is encrypted", path);
    CHECK_ERR(snowflake_key_load(path, NULL, &err) != NULL, err, ERR_CONFIG, message);
    CHECK_STR(err.hint, "Set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE.");

    secret_set(&passphrase, STR("opensesam"));
    (void)snprintf(message, sizeof(message), "could not read '%s': the passphrase does not open it",
                   path);
    CHECK_ERR(snowflake_key_load(path, &passphrase, &err) != NULL, err, ERR_CONFIG, message);
    CHECK_STR(err.hint, "Check SNOWFLAKE_PRIVATE_KEY_PASSPHRASE.");

    secret_set(&passphrase, STR("opensesame"));
    struct snowflake_key *key = snowflake_key_load(path, &passphrase, &err);
    CHECK(key != NULL);
    snowflake_key_free(key);
    secret_done(&passphrase);
}

static void keys_that_cannot_be_used(void)
{
    struct err err;
    char message[600];
    EVP_PKEY_free(make_key("small.p8", EVP_RSA_gen(1024), NULL));
    (void)snprintf(message, sizeof(message),
                   "could not use '%s': it has 1024 bits, 2048 are needed", path);
    CHECK_ERR(snowflake_key_load(path, NULL, &err) != NULL, err, ERR_CONFIG, message);

    EVP_PKEY_free(make_key("ec.p8", EVP_EC_gen("P-256"), NULL));
    (void)snprintf(message, sizeof(message), "could not use '%s': it is not an RSA key", path);
    CHECK_ERR(snowflake_key_load(path, NULL, &err) != NULL, err, ERR_CONFIG, message);

    CHECK_OK(fs_write_atomic(AT_FDCWD, in_tmpdir("none.p8"), STR("ssh-rsa AAAA\n"), &err), err);
    (void)snprintf(message, sizeof(message), "could not read '%s': it holds no private key in PEM",
                   path);
    CHECK_ERR(snowflake_key_load(path, NULL, &err) != NULL, err, ERR_CONFIG, message);

    (void)in_tmpdir("missing.p8");
    (void)snprintf(message, sizeof(message), "could not open '%s': No such file or directory",
                   path);
    CHECK_ERR(snowflake_key_load(path, NULL, &err) != NULL, err, ERR_CONFIG, message);
    CHECK_STR(err.hint, "Check SNOWFLAKE_PRIVATE_KEY_PATH.");
}

TAP_MAIN(TAP_TEST(a_token_says_who_and_how_long_and_is_signed),
         TAP_TEST(the_fingerprint_is_that_of_the_public_key), TAP_TEST(tokens_of_one_second_differ),
         TAP_TEST(an_encrypted_key_needs_its_passphrase), TAP_TEST(keys_that_cannot_be_used))
