/* SPDX-License-Identifier: MIT */
/*
 * Where a vault's key comes from. `vault.json` in the vault's directory is made when the first encrypted
 * backup is to be written:
 *
 *   {"version":1,"cipher":"xchacha20poly1305-secretstream","key":"<16 hex digits>",
 *    "kdf":{"name":"argon2id13","salt":"<hex>","ops":3,"memory_kib":65536}}
 *
 * "kdf" is null where the key is a file. It holds nothing secret, but without it a passphrase is no key.
 */
#ifndef STEWARD_STORE_VAULT_KEY_H
#define STEWARD_STORE_VAULT_KEY_H

#include "store/seal.h"
#include "store/vault.h"

#define VAULT_FILE "vault.json"

/* The vault's key from what the options name: NULL where they name none, and where a vault that is only
 * read has no key yet to make one of a passphrase. `ret_wanted` gets the id of the key that vault.json
 * names, "" where there is none. Not readable, or two at once: ERR_CONFIG. */
bool vault_key_load(int workspace_fd, int vault_fd, const struct vault_options *options,
                    struct seal_key **ret, char ret_wanted[SEAL_ID_HEX],
                    struct err *err) MUST_CHECK;

#endif
