/* SPDX-License-Identifier: MIT */
#include "sandbox/snowflake_token.h"

#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/fs.h"
#include "base/hash.h"

enum { KEY_MAX_BYTES = 64 * 1024, HOUR_S = 3600, SKEW_S = 60, MILLIS_FROM = 100000000 };

struct snowflake_keys {
    EVP_PKEY *pkey;
    char fingerprint[64];
};

struct snowflake_keys *snowflake_keys_load(const char *path, struct err *err)
{
    AUTO_BUF struct buf pem = {.max = KEY_MAX_BYTES};
    if (!fs_read(AT_FDCWD, path, &pem, err)) {
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(buf_z(&pem), (int)pem.len);
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    unsigned char *der = NULL;
    int len = pkey != NULL ? i2d_PUBKEY(pkey, &der) : 0;
    if (len <= 0) {
        EVP_PKEY_free(pkey);
        (void)err_set(err, ERR_CONFIG, "could not read '%s': it holds no public key in PEM", path);
        return NULL;
    }
    struct snowflake_keys *keys = xnew(struct snowflake_keys);
    uint8_t digest[SHA256_BYTES];
    keys->pkey = pkey;
    sha256_of(der, (size_t)len, digest);
    (void)EVP_EncodeBlock((unsigned char *)keys->fingerprint, digest, sizeof(digest));
    OPENSSL_free(der);
    return keys;
}

void snowflake_keys_free(struct snowflake_keys *keys)
{
    if (keys != NULL) {
        EVP_PKEY_free(keys->pkey);
        free(keys);
    }
}

static bool decode(str text, struct buf *out)
{
    AUTO_BUF struct buf copy = {0};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '=' || c == '+' || c == '/') {
            return false; /* not the alphabet of URLs */
        }
        buf_addc(&copy, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    size_t pad = (4 - text.len % 4) % 4;
    for (size_t i = 0; i < pad; i++) {
        buf_addc(&copy, '=');
    }
    char *room = buf_reserve(out, copy.len);
    if (text.len == 0 || room == NULL) {
        return false;
    }
    int len =
        EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)copy.ptr, (int)copy.len);
    if (len < (int)pad) {
        return false;
    }
    out->len += (size_t)len - pad;
    return true;
}

static json_t *decode_json(str text)
{
    AUTO_BUF struct buf bytes = {0};
    return decode(text, &bytes) ? json_loadb(bytes.ptr, bytes.len, 0, NULL) : NULL;
}

static bool text_is(const json_t *object, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, wanted) == 0;
}

/* In seconds: 100,000,000,000 and more can only be milliseconds. */
static int64_t time_of(const json_t *claims, const char *key)
{
    int64_t value = json_integer_value(json_object_get(claims, key));
    return value / 1000 >= MILLIS_FROM ? value / 1000 : value;
}

static bool claims_hold(const struct snowflake_keys *keys, const json_t *claims,
                        const char *account, const char *user, int64_t now_s)
{
    AUTO_BUF struct buf subject = {0};
    AUTO_BUF struct buf issuer = {0};
    buf_printf(&subject, "%s.%s", account, user);
    buf_printf(&issuer, "%s.SHA256:%s", buf_z(&subject), keys->fingerprint);
    int64_t issued = time_of(claims, "iat");
    int64_t expires = time_of(claims, "exp");
    expires = expires < issued + HOUR_S ? expires : issued + HOUR_S;
    return text_is(claims, "sub", buf_z(&subject)) && text_is(claims, "iss", buf_z(&issuer)) &&
           issued <= now_s + SKEW_S && now_s < expires;
}

static bool signature_holds(const struct snowflake_keys *keys, str signed_part, str signature)
{
    AUTO_BUF struct buf bytes = {0};
    if (!decode(signature, &bytes)) {
        return false;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, keys->pkey) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)bytes.ptr, bytes.len,
                               (const unsigned char *)signed_part.ptr, signed_part.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool snowflake_jwt_valid(const struct snowflake_keys *keys, str token, const char *account,
                         const char *user, int64_t now_ms)
{
    str rest;
    str signature;
    str head = str_cut(token, '.', &rest);
    str claims = str_cut(rest, '.', &signature);
    if (keys == NULL || signature.ptr == NULL ||
        !signature_holds(keys, (str){token.ptr, head.len + 1 + claims.len}, signature)) {
        return false;
    }
    json_t *head_json = decode_json(head);
    json_t *claims_json = decode_json(claims);
    bool ok = text_is(head_json, "alg", "RS256") &&
              claims_hold(keys, claims_json, account, user, now_ms / 1000);
    json_decref(head_json);
    json_decref(claims_json);
    return ok;
}
