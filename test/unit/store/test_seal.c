/* SPDX-License-Identifier: MIT */
#include "store/seal.h"

#include "harness/tap.h"

static const uint8_t bytes_a[SEAL_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const uint8_t bytes_b[SEAL_KEY_BYTES] = "0123456789abcdef0123456789abcdX";

static void encrypt(const struct seal *seal, const char *path, str text, struct buf *out)
{
    AUTO(seal_stream_free) struct seal_stream *stream = seal_stream_new();
    seal_write_begin(stream, seal, path, out);
    while (text.len != 0) { /* in odd pieces */
        size_t len = text.len < 7777 ? text.len : 7777;
        seal_write(stream, (str){text.ptr, len}, out);
        text.ptr += len;
        text.len -= len;
    }
    seal_write_end(stream, out);
}

static bool decrypt(const struct seal *seal, const char *path, str stored, size_t piece,
                    struct buf *out)
{
    AUTO(seal_stream_free) struct seal_stream *stream = seal_stream_new();
    seal_read_begin(stream, seal, path);
    while (stored.len != 0) {
        size_t len = stored.len < piece ? stored.len : piece;
        if (!seal_read(stream, (str){stored.ptr, len}, out)) {
            return false;
        }
        stored.ptr += len;
        stored.len -= len;
    }
    return seal_read_end(stream, out);
}

static void what_was_written_is_read(void)
{
    static const size_t sizes[] = {0,
                                   1,
                                   100,
                                   SEAL_CHUNK_BYTES - 1,
                                   SEAL_CHUNK_BYTES,
                                   SEAL_CHUNK_BYTES + 1,
                                   3 * SEAL_CHUNK_BYTES};
    static const size_t pieces[] = {1, 24, 4096, 1000000};
    AUTO(seal_key_free) struct seal_key *key = seal_key_new(bytes_a);
    AUTO(seal_free) struct seal *seal = seal_new(key);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_FREE char *text = xcalloc(sizes[i] + 1, 1);
        for (size_t k = 0; k < sizes[i]; k++) {
            text[k] = (char)(k * 7);
        }
        AUTO_BUF struct buf stored = {0};
        encrypt(seal, "a/b.json", (str){text, sizes[i]}, &stored);
        size_t chunks = sizes[i] == 0 ? 1 : (sizes[i] + SEAL_CHUNK_BYTES - 1) / SEAL_CHUNK_BYTES;
        CHECK_INT(stored.len, 24 + sizes[i] + 17 * chunks);
        CHECK(sizes[i] < 16 || memmem(stored.ptr, stored.len, text, 16) == NULL);
        for (size_t k = i < 3 ? 0 : 1; k < ARRAY_LEN(pieces); k++) {
            AUTO_BUF struct buf again = {0};
            CHECK(decrypt(seal, "a/b.json", buf_str(&stored), pieces[k], &again));
            CHECK(str_eq(buf_str(&again), (str){text, sizes[i]}));
        }
    }
}

/* Every byte of header, text and tags; every length that is too short; too long; another path, another
 * backup; chunks in another order. */
static void each_tampering_is_found(void)
{
    AUTO(seal_key_free) struct seal_key *key = seal_key_new(bytes_a);
    AUTO(seal_free) struct seal *seal = seal_new(key);
    AUTO(seal_free) struct seal *other = seal_new(key);
    AUTO_BUF struct buf stored = {0};
    AUTO_BUF struct buf out = {0};
    encrypt(seal, "a", STR("a text of thirty characters ..."), &stored);
    CHECK(decrypt(seal, "a", buf_str(&stored), 100, &out));
    for (size_t i = 0; i < stored.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            stored.ptr[i] = (char)(stored.ptr[i] ^ (1 << bit));
            CHECK(!decrypt(seal, "a", buf_str(&stored), 100, &out));
            stored.ptr[i] = (char)(stored.ptr[i] ^ (1 << bit));
        }
        CHECK(!decrypt(seal, "a", (str){stored.ptr, i}, 100, &out));
    }
    CHECK(decrypt(seal, "a", buf_str(&stored), 100, &out));
    CHECK(!decrypt(seal, "b", buf_str(&stored), 100, &out));
    CHECK(!decrypt(other, "a", buf_str(&stored), 100, &out));
    buf_addc(&stored, 'x');
    CHECK(!decrypt(seal, "a", buf_str(&stored), 100, &out));

    enum { CHUNK = SEAL_CHUNK_BYTES + 17 };
    AUTO_FREE char *text = xcalloc(3 * SEAL_CHUNK_BYTES, 1);
    AUTO_BUF struct buf three = {0};
    AUTO_BUF struct buf bad = {0};
    encrypt(seal, "a", (str){text, 3 * SEAL_CHUNK_BYTES}, &three);
    /* the last chunk missing, the middle one missing, two of them exchanged, the last one twice */
    CHECK(!decrypt(seal, "a", (str){three.ptr, three.len - CHUNK}, 65536, &out));
    buf_add(&bad, three.ptr, 24 + CHUNK);
    buf_add(&bad, three.ptr + 24 + 2 * CHUNK, CHUNK);
    CHECK(!decrypt(seal, "a", buf_str(&bad), 65536, &out));
    buf_clear(&bad);
    buf_add(&bad, three.ptr, 24);
    buf_add(&bad, three.ptr + 24 + CHUNK, CHUNK);
    buf_add(&bad, three.ptr + 24, CHUNK);
    buf_add(&bad, three.ptr + 24 + 2 * CHUNK, CHUNK);
    CHECK(!decrypt(seal, "a", buf_str(&bad), 65536, &out));
    buf_clear(&bad);
    buf_adds(&bad, buf_str(&three));
    buf_add(&bad, three.ptr + 24 + 2 * CHUNK, CHUNK);
    CHECK(!decrypt(seal, "a", buf_str(&bad), 65536, &out));
    CHECK(decrypt(seal, "a", buf_str(&three), 65536, &out));
}

static void a_backup_opens_with_its_key_only(void)
{
    char mac[SEAL_MAC_HEX];
    char again[SEAL_MAC_HEX];
    char wrapped[SEAL_WRAPPED_HEX];
    AUTO(seal_key_free) struct seal_key *key = seal_key_new(bytes_a);
    AUTO(seal_key_free) struct seal_key *wrong = seal_key_new(bytes_b);
    AUTO(seal_free) struct seal *seal = seal_new(key);
    AUTO(seal_free) struct seal *same = seal_open(key, seal_wrapped(seal));
    AUTO(seal_free) struct seal *none = seal_open(wrong, seal_wrapped(seal));
    CHECK(same != NULL && none == NULL);
    CHECK_STR(seal_wrapped(same), seal_wrapped(seal));
    seal_mac(seal, STR("list"), mac);
    seal_mac(same, STR("list"), again);
    CHECK_STR(mac, again);
    CHECK(seal_mac_is(same, STR("list"), mac));
    CHECK(!seal_mac_is(same, STR("lisT"), mac));
    CHECK(!seal_mac_is(same, STR("list"), ""));
    mac[10] = mac[10] == '0' ? '1' : '0';
    CHECK(!seal_mac_is(same, STR("list"), mac));
    memcpy(wrapped, seal_wrapped(seal), sizeof(wrapped));
    for (size_t i = 0; i < sizeof(wrapped) - 1; i++) {
        char was = wrapped[i];
        wrapped[i] = was == '0' ? '1' : '0';
        AUTO(seal_free) struct seal *damaged = seal_open(key, wrapped);
        CHECK(damaged == NULL);
        wrapped[i] = was;
    }
    CHECK(seal_open(key, "") == NULL);
    /* two backups share no key */
    AUTO(seal_free) struct seal *next = seal_new(key);
    CHECK(strcmp(seal_wrapped(next), seal_wrapped(seal)) != 0);
    CHECK_INT(strlen(seal_key_id(key)), 16);
    CHECK(strcmp(seal_key_id(key), seal_key_id(wrong)) != 0);
}

static void a_passphrase_makes_a_key(void)
{
    struct err err;
    struct seal_kdf kdf;
    seal_kdf_new(&kdf);
    CHECK_INT(kdf.ops, 3);
    CHECK_INT(kdf.memory_kib, 65536);
    kdf.ops = 1;
    kdf.memory_kib = 8;
    memset(kdf.salt, 7, sizeof(kdf.salt));
    AUTO(seal_key_free) struct seal_key *one = NULL;
    AUTO(seal_key_free) struct seal_key *same = NULL;
    AUTO(seal_key_free) struct seal_key *other = NULL;
    AUTO(seal_key_free) struct seal_key *salted = NULL;
    CHECK_OK((one = seal_key_derive(STR("correct horse"), &kdf, &err)) != NULL, err);
    CHECK_OK((same = seal_key_derive(STR("correct horse"), &kdf, &err)) != NULL, err);
    CHECK_OK((other = seal_key_derive(STR("correct horsf"), &kdf, &err)) != NULL, err);
    kdf.salt[0] = 8;
    CHECK_OK((salted = seal_key_derive(STR("correct horse"), &kdf, &err)) != NULL, err);
    CHECK_STR(seal_key_id(one), seal_key_id(same));
    CHECK(strcmp(seal_key_id(one), seal_key_id(other)) != 0);
    CHECK(strcmp(seal_key_id(one), seal_key_id(salted)) != 0);
    kdf.memory_kib = 5 * 1024 * 1024;
    CHECK_ERR(seal_key_derive(STR("correct horse"), &kdf, &err) != NULL, err, ERR_CONFIG,
              "could not make a key of the passphrase: 1 passes over 5242880 KiB are out of range");
}

TAP_MAIN(TAP_TEST(what_was_written_is_read), TAP_TEST(each_tampering_is_found),
         TAP_TEST(a_backup_opens_with_its_key_only), TAP_TEST(a_passphrase_makes_a_key))
