/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_auth.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/hash.h"

struct snowflake_key {
    EVP_PKEY *pkey;
    char fingerprint[SNOWFLAKE_FINGERPRINT_BYTES];
};

/* --- the key --------------------------------------------------------------------------------- */

struct asked {
    const struct secret *passphrase;
    bool was_asked;
};

static int give_passphrase(char *out, int size, int rwflag UNUSED, void *ctx)
{
    struct asked *asked = ctx;
    asked->was_asked = true;
    if (asked->passphrase == NULL || !secret_is_set(asked->passphrase)) {
        return -1;
    }
    str value = secret_reveal(asked->passphrase);
    if (value.len > (size_t)size) {
        return -1;
    }
    memcpy(out, value.ptr, value.len);
    return (int)value.len;
}

static EVP_PKEY *decode(str pem, const char *path, const struct secret *passphrase, struct err *err)
{
    struct asked asked = {.passphrase = passphrase};
    BIO *bio = BIO_new_mem_buf(pem.ptr != NULL ? pem.ptr : "", (int)pem.len);
    EVP_PKEY *pkey =
        bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked) : NULL;
    BIO_free(bio);
    if (pkey != NULL) {
        return pkey;
    }
    if (!asked.was_asked) {
        (void)err_set(err, ERR_CONFIG, "could not read '%s': it holds no private key in PEM", path);
        (void)err_hint(err,
                       "SNOWFLAKE_PRIVATE_KEY_PATH names a PKCS#8 file that begins with "
                       "-----BEGIN PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----.");
    } else if (passphrase == NULL || !secret_is_set(passphrase)) {
        (void)err_set(err, ERR_CONFIG, "could not read '%s': the key is encrypted", path);
        (void)err_hint(err, "Set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE.");
    } else {
        (void)err_set(err, ERR_CONFIG, "could not read '%s': the passphrase does not open it",
                      path);
        (void)err_hint(err, "Check SNOWFLAKE_PRIVATE_KEY_PASSPHRASE.");
    }
    return NULL;
}

static bool take_fingerprint(struct snowflake_key *key, struct err *err)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key->pkey, &der);
    if (len <= 0) {
        return err_set(err, ERR_INTERNAL, "could not encode the public key");
    }
    uint8_t digest[SHA256_BYTES];
    sha256_of(der, (size_t)len, digest);
    OPENSSL_free(der);
    static const char prefix[] = "SHA256:"; /* then 44 characters and a NUL */
    memcpy(key->fingerprint, prefix, sizeof(prefix));
    (void)EVP_EncodeBlock((unsigned char *)key->fingerprint + sizeof(prefix) - 1, digest,
                          sizeof(digest));
    return true;
}

static bool check_key(const EVP_PKEY *pkey, const char *path, struct err *err)
{
    if (EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA) {
        return err_set(err, ERR_CONFIG, "could not use '%s': it is not an RSA key", path);
    }
    if (EVP_PKEY_bits(pkey) < SNOWFLAKE_KEY_MIN_BITS) {
        return err_set(err, ERR_CONFIG, "could not use '%s': it has %d bits, %d are needed", path,
                       EVP_PKEY_bits(pkey), SNOWFLAKE_KEY_MIN_BITS);
    }
    return true;
}

struct snowflake_key *snowflake_key_load(const char *path, const struct secret *passphrase,
                                         struct err *err)
{
    struct buf pem = {.max = SNOWFLAKE_KEY_MAX_BYTES};
    EVP_PKEY *pkey = NULL;
    if (fs_read(AT_FDCWD, path, &pem, err)) {
        pkey = decode(buf_str(&pem), path, passphrase, err);
    } else {
        err->kind = ERR_CONFIG;
        (void)err_hint(err, "Check SNOWFLAKE_PRIVATE_KEY_PATH.");
    }
    secret_wipe_buf(&pem);
    if (pkey == NULL) {
        return NULL;
    }
    struct snowflake_key *key = xnew(struct snowflake_key);
    key->pkey = pkey;
    if (!check_key(pkey, path, err) || !take_fingerprint(key, err)) {
        snowflake_key_free(key);
        return NULL;
    }
    return key;
}

void snowflake_key_free(struct snowflake_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
}

const char *snowflake_key_fingerprint(const struct snowflake_key *key)
{
    return key->fingerprint;
}

/* --- tokens ---------------------------------------------------------------------------------- */

static void add_base64url(struct buf *out, const void *bytes, size_t len)
{
    size_t from = out->len;
    char *room = buf_reserve(out, (len + 2) / 3 * 4 + 1);
    if (room == NULL) {
        return; /* the overflow is seen at the end */
    }
    int written = EVP_EncodeBlock((unsigned char *)room, bytes, (int)len);
    out->len += (size_t)written;
    while (out->len > from && out->ptr[out->len - 1] == '=') {
        out->len--;
    }
    for (size_t i = from; i < out->len; i++) {
        char c = out->ptr[i];
        out->ptr[i] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    out->ptr[out->len] = '\0';
}

/* In upper case; of an account what stands before its first period. */
static void add_upper(struct buf *out, const char *name, char end)
{
    for (; *name != '\0' && *name != end; name++) {
        buf_addc(out, *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name);
    }
}

static void add_claims(const struct snowflake_key *key, const char *account, const char *user,
                       int64_t now_s, int serial, struct buf *out)
{
    AUTO_BUF struct buf subject = {0};
    add_upper(&subject, account, '.');
    buf_addc(&subject, '.');
    add_upper(&subject, user, '\0');
    AUTO_BUF struct buf issuer = {0};
    buf_printf(&issuer, "%s.%s", buf_z(&subject), key->fingerprint);
    buf_addz(out, "{\"iss\":");
    buf_add_json(out, buf_str(&issuer));
    buf_addz(out, ",\"sub\":");
    buf_add_json(out, buf_str(&subject));
    buf_printf(out, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", now_s,
               now_s + SNOWFLAKE_JWT_LIFE_S + serial);
}

static bool sign(EVP_PKEY *pkey, str text, struct buf *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = 0;
    unsigned char signature[2048]; /* keys of up to 16,384 bits */
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, NULL, &len, (const unsigned char *)text.ptr, text.len) == 1 &&
              len <= sizeof(signature) &&
              EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (ok) {
        add_base64url(out, signature, len);
    }
    return ok;
}

bool snowflake_jwt(const struct snowflake_key *key, const char *account, const char *user,
                   int64_t now_s, int serial, struct secret *ret, struct err *err)
{
    static const char head[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    AUTO_BUF struct buf claims = {0};
    add_claims(key, account, user, now_s, serial, &claims);
    struct buf token = {0};
    add_base64url(&token, head, sizeof(head) - 1);
    buf_addc(&token, '.');
    add_base64url(&token, buf_z(&claims), claims.len);
    AUTO_BUF struct buf signature = {0};
    bool ok = sign(key->pkey, buf_str(&token), &signature);
    if (ok) {
        buf_addc(&token, '.');
        buf_adds(&token, buf_str(&signature));
        secret_set(ret, buf_str(&token));
    } else {
        (void)err_set(err, ERR_INTERNAL, "could not sign a token with the private key");
    }
    secret_wipe_buf(&token);
    return ok;
}
