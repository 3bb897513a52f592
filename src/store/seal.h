/* SPDX-License-Identifier: MIT */
/*
 * Encryption of backups (libsodium): pure functions over bytes; vault_key.h says where keys come from.
 *
 * Each backup has a random key of its own, which lies in its verification.json, wrapped by the master
 * key (XChaCha20-Poly1305). From it come the key of the files and the key that authenticates
 * verification.json (keyed BLAKE2b). A file is a secretstream (XChaCha20-Poly1305): a header of 24
 * bytes, then chunks of 64 KiB and 17 bytes each, the last one shorter or equal and marked as the last.
 * The path of the file goes into every chunk's tag, so that no file of a backup passes for another,
 * and a changed, missing, doubled or moved byte is found.
 *
 * Keys are wiped when they are freed. Objects belong to one thread at a time; a master key is read-only
 * and may be shared.
 */
#ifndef STEWARD_STORE_SEAL_H
#define STEWARD_STORE_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum {
    SEAL_KEY_BYTES = 32,
    SEAL_SALT_BYTES = 16,
    SEAL_ID_HEX = 17,       /* with its end, as the others */
    SEAL_WRAPPED_HEX = 145, /* nonce, key, tag */
    SEAL_MAC_HEX = 65,
    SEAL_CHUNK_BYTES = 64 * 1024,
};

/* --- the master key ------------------------------------------------------------------------------ */

struct seal_key;

/* How a passphrase becomes a key: argon2id. */
struct seal_kdf {
    uint8_t salt[SEAL_SALT_BYTES];
    int64_t ops;
    int64_t memory_kib;
};

/* What a new vault takes: 3 passes over 64 MiB, a new salt. */
void seal_kdf_new(struct seal_kdf *ret);

struct seal_key *seal_key_new(const uint8_t bytes[SEAL_KEY_BYTES]);
/* Parameters out of range or no memory: ERR_CONFIG. */
struct seal_key *seal_key_derive(str passphrase, const struct seal_kdf *kdf,
                                 struct err *err) MUST_CHECK;
void seal_key_free(struct seal_key *key);
DEFINE_AUTO(struct seal_key, seal_key_free)

/* 16 hex digits that name the key and tell nothing of it. */
const char *seal_key_id(const struct seal_key *key);

/* --- the key of one backup ------------------------------------------------------------------------ */

struct seal;

struct seal *seal_new(const struct seal_key *master);
/* NULL: it was not wrapped by this key, or is damaged. */
struct seal *seal_open(const struct seal_key *master, const char *wrapped_hex);
void seal_free(struct seal *seal);
DEFINE_AUTO(struct seal, seal_free)

const char *seal_wrapped(const struct seal *seal); /* SEAL_WRAPPED_HEX */
void seal_mac(const struct seal *seal, str text, char ret_hex[SEAL_MAC_HEX]);
bool seal_mac_is(const struct seal *seal, str text, const char *hex);

/* --- one file ------------------------------------------------------------------------------------- */

struct seal_stream;

/* `path` is the file's, as it is stored; copied. Used again for the next file. */
struct seal_stream *seal_stream_new(void);
void seal_stream_free(struct seal_stream *stream);
DEFINE_AUTO(struct seal_stream, seal_stream_free)

/* Writing: what is to be stored is appended to `out`. */
void seal_write_begin(struct seal_stream *stream, const struct seal *seal, const char *path,
                      struct buf *out);
void seal_write(struct seal_stream *stream, str piece, struct buf *out);
void seal_write_end(struct seal_stream *stream, struct buf *out);

/* Reading: what is proven to be as it was written is appended to `out`. False: it is not. */
void seal_read_begin(struct seal_stream *stream, const struct seal *seal, const char *path);
bool seal_read(struct seal_stream *stream, str piece, struct buf *out) MUST_CHECK;
bool seal_read_end(struct seal_stream *stream, struct buf *out) MUST_CHECK;

#endif
