/* SPDX-License-Identifier: MIT */
#include "store/seal.h"

#include <sodium.h>

#include "base/num.h"

#define stream_push crypto_secretstream_xchacha20poly1305_push
#define stream_pull crypto_secretstream_xchacha20poly1305_pull

enum {
    HEADER_BYTES = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    TAG_BYTES = crypto_secretstream_xchacha20poly1305_ABYTES,
    LAST = crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    STORED_CHUNK = SEAL_CHUNK_BYTES + TAG_BYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    WRAPPED_BYTES = NONCE_BYTES + SEAL_KEY_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
    MAC_BYTES = (SEAL_MAC_HEX - 1) / 2,
    OPS = 3,
    MEMORY_KIB = 64 * 1024,
    MEMORY_KIB_MAX = 4 * 1024 * 1024,
    OPS_MAX = 100,
};

_Static_assert(WRAPPED_BYTES * 2 + 1 == SEAL_WRAPPED_HEX, "the wrapped key as hex");
_Static_assert(crypto_secretstream_xchacha20poly1305_KEYBYTES == SEAL_KEY_BYTES, "one key size");
_Static_assert(crypto_kdf_KEYBYTES == SEAL_KEY_BYTES, "one key size");
_Static_assert(crypto_pwhash_SALTBYTES == SEAL_SALT_BYTES, "argon2id's salt");

static const char wrap_purpose[] = "steward backup key 1";
static const char kdf_context[crypto_kdf_CONTEXTBYTES] = {'s', 't', 'w', 'b', 'a', 'c', 'k', '1'};

enum { SUBKEY_FILES = 1, SUBKEY_MANIFEST = 2 };

/* Idempotent and safe in threads. It fails where the system has no random numbers: nothing could be
 * kept secret then. */
static void need_sodium(void)
{
    if (sodium_init() < 0) {
        abort(); /* GCOVR_EXCL_LINE */
    }
}

/* --- the master key ------------------------------------------------------------------------------ */

struct seal_key {
    uint8_t bytes[SEAL_KEY_BYTES];
    char id[SEAL_ID_HEX];
};

struct seal_key *seal_key_new(const uint8_t bytes[SEAL_KEY_BYTES])
{
    static const char purpose[] = "steward key id";
    uint8_t id[crypto_generichash_BYTES];
    need_sodium();
    struct seal_key *key = xnew(struct seal_key);
    memcpy(key->bytes, bytes, SEAL_KEY_BYTES);
    /* sizes within their ranges cannot fail, here and below */
    (void)crypto_generichash(id, sizeof(id), (const uint8_t *)purpose, sizeof(purpose) - 1,
                             key->bytes, SEAL_KEY_BYTES);
    num_hex(id, (SEAL_ID_HEX - 1) / 2, key->id);
    return key;
}

void seal_kdf_new(struct seal_kdf *ret)
{
    need_sodium();
    randombytes_buf(ret->salt, SEAL_SALT_BYTES);
    ret->ops = OPS;
    ret->memory_kib = MEMORY_KIB;
}

struct seal_key *seal_key_derive(str passphrase, const struct seal_kdf *kdf, struct err *err)
{
    uint8_t bytes[SEAL_KEY_BYTES];
    need_sodium();
    if (kdf->ops < 1 || kdf->ops > OPS_MAX || kdf->memory_kib < 8 ||
        kdf->memory_kib > MEMORY_KIB_MAX) {
        (void)err_set(
            err, ERR_CONFIG,
            "could not make a key of the passphrase: %lld passes over %lld KiB are out of "
            "range",
            (long long)kdf->ops, (long long)kdf->memory_kib);
        return NULL;
    }
    if (crypto_pwhash(bytes, sizeof(bytes), passphrase.ptr, passphrase.len, kdf->salt,
                      (unsigned long long)kdf->ops, (size_t)kdf->memory_kib * 1024,
                      crypto_pwhash_ALG_ARGON2ID13) != 0) {
        (void)err_set(
            err, ERR_CONFIG,
            "could not make a key of the passphrase: %lld KiB of memory are not to be had",
            (long long)kdf->memory_kib);
        return NULL;
    }
    struct seal_key *key = seal_key_new(bytes);
    sodium_memzero(bytes, sizeof(bytes));
    return key;
}

void seal_key_free(struct seal_key *key)
{
    if (key != NULL) {
        sodium_memzero(key, sizeof(*key));
        free(key);
    }
}

const char *seal_key_id(const struct seal_key *key)
{
    return key->id;
}

/* --- the key of one backup ------------------------------------------------------------------------ */

struct seal {
    uint8_t files[SEAL_KEY_BYTES];
    uint8_t manifest[SEAL_KEY_BYTES];
    char wrapped[SEAL_WRAPPED_HEX];
};

static struct seal *derive(const uint8_t key[SEAL_KEY_BYTES])
{
    struct seal *seal = xnew(struct seal);
    (void)crypto_kdf_derive_from_key(seal->files, SEAL_KEY_BYTES, SUBKEY_FILES, kdf_context, key);
    (void)crypto_kdf_derive_from_key(seal->manifest, SEAL_KEY_BYTES, SUBKEY_MANIFEST, kdf_context,
                                     key);
    return seal;
}

struct seal *seal_new(const struct seal_key *master)
{
    uint8_t key[SEAL_KEY_BYTES];
    uint8_t wrapped[WRAPPED_BYTES];
    randombytes_buf(key, sizeof(key));
    randombytes_buf(wrapped, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        wrapped + NONCE_BYTES, NULL, key, sizeof(key), (const uint8_t *)wrap_purpose,
        sizeof(wrap_purpose), NULL, wrapped, master->bytes);
    struct seal *seal = derive(key);
    num_hex(wrapped, sizeof(wrapped), seal->wrapped);
    sodium_memzero(key, sizeof(key));
    return seal;
}

struct seal *seal_open(const struct seal_key *master, const char *wrapped_hex)
{
    uint8_t key[SEAL_KEY_BYTES];
    uint8_t wrapped[WRAPPED_BYTES];
    if (!num_parse_hex(str_of(wrapped_hex), wrapped, sizeof(wrapped)) ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(
            key, NULL, NULL, wrapped + NONCE_BYTES, sizeof(wrapped) - NONCE_BYTES,
            (const uint8_t *)wrap_purpose, sizeof(wrap_purpose), wrapped, master->bytes) != 0) {
        return NULL;
    }
    struct seal *seal = derive(key);
    num_hex(wrapped, sizeof(wrapped), seal->wrapped);
    sodium_memzero(key, sizeof(key));
    return seal;
}

void seal_free(struct seal *seal)
{
    if (seal != NULL) {
        sodium_memzero(seal, sizeof(*seal));
        free(seal);
    }
}

const char *seal_wrapped(const struct seal *seal)
{
    return seal->wrapped;
}

void seal_mac(const struct seal *seal, str text, char ret_hex[SEAL_MAC_HEX])
{
    uint8_t mac[MAC_BYTES];
    (void)crypto_generichash(mac, sizeof(mac), (const uint8_t *)text.ptr, text.len, seal->manifest,
                             SEAL_KEY_BYTES);
    num_hex(mac, sizeof(mac), ret_hex);
}

bool seal_mac_is(const struct seal *seal, str text, const char *hex)
{
    char expected[SEAL_MAC_HEX];
    seal_mac(seal, text, expected);
    return strlen(hex) == SEAL_MAC_HEX - 1 && sodium_memcmp(expected, hex, SEAL_MAC_HEX - 1) == 0;
}

/* --- one file ------------------------------------------------------------------------------------- */

struct seal_stream {
    crypto_secretstream_xchacha20poly1305_state state;
    const struct seal *seal;
    char *path;
    bool opened; /* reading: the header has come */
    bool ended;  /* reading: the last chunk has come */
    size_t used;
    uint8_t chunk[STORED_CHUNK]; /* gathered: of the text when writing, as stored when reading */
};

struct seal_stream *seal_stream_new(void)
{
    need_sodium();
    return xnew(struct seal_stream);
}

void seal_stream_free(struct seal_stream *stream)
{
    if (stream != NULL) {
        free(stream->path);
        sodium_memzero(stream, sizeof(*stream));
        free(stream);
    }
}

static void begin(struct seal_stream *stream, const struct seal *seal, const char *path)
{
    free(stream->path);
    stream->path = xstrdup(path);
    stream->seal = seal;
    stream->used = 0;
    stream->opened = false;
    stream->ended = false;
}

void seal_write_begin(struct seal_stream *stream, const struct seal *seal, const char *path,
                      struct buf *out)
{
    uint8_t header[HEADER_BYTES];
    begin(stream, seal, path);
    (void)crypto_secretstream_xchacha20poly1305_init_push(&stream->state, header, seal->files);
    buf_add(out, header, sizeof(header));
}

static void push(struct seal_stream *stream, uint8_t tag, struct buf *out)
{
    char *to = buf_reserve(out, stream->used + TAG_BYTES);
    if (to == NULL) { /* the buffer says so */
        return;
    }
    (void)stream_push(&stream->state, (uint8_t *)to, NULL, stream->chunk, stream->used,
                      (const uint8_t *)stream->path, strlen(stream->path), tag);
    out->len += stream->used + TAG_BYTES;
    stream->used = 0;
}

/* A full chunk waits for the next byte, because only then it is not the last. */
void seal_write(struct seal_stream *stream, str piece, struct buf *out)
{
    while (piece.len != 0) {
        if (stream->used == SEAL_CHUNK_BYTES) {
            push(stream, 0, out);
        }
        size_t room = SEAL_CHUNK_BYTES - stream->used;
        size_t take = piece.len < room ? piece.len : room;
        memcpy(stream->chunk + stream->used, piece.ptr, take);
        stream->used += take;
        piece.ptr += take;
        piece.len -= take;
    }
}

void seal_write_end(struct seal_stream *stream, struct buf *out)
{
    push(stream, LAST, out);
}

void seal_read_begin(struct seal_stream *stream, const struct seal *seal, const char *path)
{
    begin(stream, seal, path);
}

static bool pull(struct seal_stream *stream, struct buf *out)
{
    uint8_t tag = 0;
    if (stream->used < TAG_BYTES) {
        return false;
    }
    size_t len = stream->used - TAG_BYTES;
    char *to = buf_reserve(out, len + 1);
    if (to == NULL) { /* the buffer says so */
        stream->used = 0;
        return true;
    }
    if (stream_pull(&stream->state, (uint8_t *)to, NULL, &tag, stream->chunk, stream->used,
                    (const uint8_t *)stream->path, strlen(stream->path)) != 0) {
        return false;
    }
    out->len += len;
    out->ptr[out->len] = '\0';
    stream->used = 0;
    stream->ended = tag == LAST;
    return true;
}

/* A full buffer was the header, or a chunk that is not the last: another byte follows it. */
static bool drain(struct seal_stream *stream, struct buf *out)
{
    if (stream->opened) {
        return pull(stream, out) && !stream->ended;
    }
    stream->opened = true;
    stream->used = 0;
    return crypto_secretstream_xchacha20poly1305_init_pull(&stream->state, stream->chunk,
                                                           stream->seal->files) == 0;
}

bool seal_read(struct seal_stream *stream, str piece, struct buf *out)
{
    while (piece.len != 0) {
        size_t full = stream->opened ? STORED_CHUNK : HEADER_BYTES;
        if (stream->used == full) {
            if (!drain(stream, out)) {
                return false;
            }
            continue;
        }
        size_t take = piece.len < full - stream->used ? piece.len : full - stream->used;
        memcpy(stream->chunk + stream->used, piece.ptr, take);
        stream->used += take;
        piece.ptr += take;
        piece.len -= take;
    }
    return true;
}

bool seal_read_end(struct seal_stream *stream, struct buf *out)
{
    return stream->opened && pull(stream, out) && stream->ended;
}
