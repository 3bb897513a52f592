/* SPDX-License-Identifier: MIT */
#include "store/vault_key.h"

#include <jansson.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"

#define CIPHER "xchacha20poly1305-secretstream"
#define KDF "argon2id13"

enum {
    VAULT_FILE_BYTES = 64 * 1024,
    SECRET_FILE_BYTES = 64 * 1024,
    PASSPHRASE_MIN = 8,
};

struct vault_file {
    bool there;
    bool by_passphrase;
    struct seal_kdf kdf;
    char key[SEAL_ID_HEX];
};

/* --- vault.json --------------------------------------------------------------------------------- */

static bool parse_kdf(const json_t *kdf, struct vault_file *file)
{
    const json_t *salt = json_object_get(kdf, "salt");
    const char *name = json_string_value(json_object_get(kdf, "name"));
    file->by_passphrase = true;
    file->kdf.ops = json_integer_value(json_object_get(kdf, "ops"));
    file->kdf.memory_kib = json_integer_value(json_object_get(kdf, "memory_kib"));
    return name != NULL && strcmp(name, KDF) == 0 && json_is_string(salt) &&
           num_parse_hex(str_of(json_string_value(salt)), file->kdf.salt, SEAL_SALT_BYTES);
}

static bool parse_file(str text, struct vault_file *file)
{
    json_t *root =
        text.len != 0 ? json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *cipher = json_string_value(json_object_get(root, "cipher"));
    const char *key = json_string_value(json_object_get(root, "key"));
    const json_t *kdf = json_object_get(root, "kdf");
    bool ok = json_integer_value(json_object_get(root, "version")) == 1 && cipher != NULL &&
              strcmp(cipher, CIPHER) == 0 && key != NULL && strlen(key) == SEAL_ID_HEX - 1 &&
              (json_is_null(kdf) || parse_kdf(kdf, file));
    if (ok) {
        memcpy(file->key, key, SEAL_ID_HEX);
        file->there = true;
    }
    json_decref(root);
    return ok;
}

static bool read_file(int vault_fd, struct vault_file *file, struct err *err)
{
    AUTO_BUF struct buf text = {.max = VAULT_FILE_BYTES};
    if (!fs_exists(vault_fd, VAULT_FILE)) {
        return true;
    }
    if (!fs_read(vault_fd, VAULT_FILE, &text, err)) {
        return err_wrap(err, "could not open the backups");
    }
    if (!parse_file(buf_str(&text), file)) {
        (void)err_set(
            err, ERR_CORRUPT,
            "could not open the backups: '%s' in their directory is damaged or of a newer "
            "version",
            VAULT_FILE);
        return err_hint(err, "Put it back from a copy: without it a passphrase opens nothing.");
    }
    return true;
}

static bool write_file(int vault_fd, const struct seal_key *key, const struct seal_kdf *kdf,
                       struct err *err)
{
    AUTO_BUF struct buf text = {0};
    char salt[SEAL_SALT_BYTES * 2 + 1];
    buf_printf(&text, "{\"version\":1,\"cipher\":\"" CIPHER "\",\"key\":\"%s\",\n\"kdf\":",
               seal_key_id(key));
    if (kdf != NULL) {
        num_hex(kdf->salt, SEAL_SALT_BYTES, salt);
        buf_printf(&text,
                   "{\"name\":\"" KDF "\",\"salt\":\"%s\",\"ops\":%lld,\"memory_kib\":%lld}}\n",
                   salt, (long long)kdf->ops, (long long)kdf->memory_kib);
    } else {
        buf_addz(&text, "null}\n");
    }
    return fs_write_atomic(vault_fd, VAULT_FILE, buf_str(&text), err) ||
           err_wrap(err, "could not begin to encrypt backups");
}

/* --- secrets in files --------------------------------------------------------------------------- */

/* Errors name the setting: a path may say more than it should. */
static bool read_secret(int workspace_fd, const char *path, const char *setting, struct buf *out,
                        struct err *err)
{
    struct stat st;
    if (!fs_read(workspace_fd, path, out, err)) {
        err->kind = ERR_CONFIG;
        return err_wrap(err, "could not use %s", setting);
    }
    if (fstatat(workspace_fd, path, &st, 0) == 0 && (st.st_mode & 077) != 0) {
        (void)err_set(err, ERR_CONFIG, "could not use %s: others can read '%s'", setting, path);
        return err_hint(err, "chmod 600 %s", path);
    }
    return true;
}

static struct seal_key *key_of_file(int workspace_fd, const char *path, struct err *err)
{
    uint8_t bytes[SEAL_KEY_BYTES];
    struct buf text = {.max = SECRET_FILE_BYTES};
    struct seal_key *key = NULL;
    if (read_secret(workspace_fd, path, "BACKUP_KEY_FILE", &text, err)) {
        if (text.len == SEAL_KEY_BYTES) {
            key = seal_key_new((const uint8_t *)text.ptr);
        } else if (num_parse_hex(str_trim_ascii(buf_str(&text)), bytes, SEAL_KEY_BYTES)) {
            key = seal_key_new(bytes);
        } else {
            (void)err_set(err, ERR_CONFIG,
                          "could not use BACKUP_KEY_FILE: '%s' holds neither 32 bytes nor 64 hex "
                          "digits",
                          path);
            (void)err_hint(err, "Make a key with `openssl rand -hex 32`, and keep a copy of it.");
        }
    }
    explicit_bzero(bytes, sizeof(bytes));
    secret_wipe_buf(&text);
    return key;
}

static bool read_passphrase(int workspace_fd, const struct vault_options *options,
                            struct secret *ret, struct err *err)
{
    if (options->passphrase_file == NULL) {
        secret_set(ret, secret_reveal(options->passphrase));
    } else {
        struct buf text = {.max = SECRET_FILE_BYTES};
        str rest;
        bool ok = read_secret(workspace_fd, options->passphrase_file, "BACKUP_PASSPHRASE_FILE",
                              &text, err);
        secret_set(ret, str_trim_ascii(str_cut(buf_str(&text), '\n', &rest)));
        secret_wipe_buf(&text);
        if (!ok) {
            return false;
        }
    }
    return secret_reveal(ret).len >= PASSPHRASE_MIN ||
           err_set(err, ERR_CONFIG,
                   "could not use the backup passphrase: it has fewer than %d characters",
                   PASSPHRASE_MIN);
}

/* --- the key ------------------------------------------------------------------------------------ */

static bool is_given(const struct secret *secret)
{
    return secret != NULL && secret_is_set(secret);
}

/* The key, and for a vault without one yet how it was made. */
static struct seal_key *make_key(int workspace_fd, const struct vault_options *options,
                                 struct vault_file *file, struct err *err)
{
    if (options->key_file != NULL) {
        return key_of_file(workspace_fd, options->key_file, err);
    }
    if (file->there && !file->by_passphrase) {
        (void)err_set(err, ERR_CONFIG,
                      "could not use the backup passphrase: these backups are encrypted with a key "
                      "file");
        (void)err_hint(err, "Name the file in BACKUP_KEY_FILE.");
        return NULL;
    }
    struct secret passphrase = {0};
    struct seal_key *key = NULL;
    if (read_passphrase(workspace_fd, options, &passphrase, err)) {
        if (!file->there) {
            seal_kdf_new(&file->kdf);
            file->by_passphrase = true;
        }
        key = seal_key_derive(secret_reveal(&passphrase), &file->kdf, err);
    }
    secret_done(&passphrase);
    return key;
}

bool vault_key_load(int workspace_fd, int vault_fd, const struct vault_options *options,
                    struct seal_key **ret, char ret_wanted[SEAL_ID_HEX], struct err *err)
{
    struct vault_file file = {0};
    int given = (options->key_file != NULL) + (options->passphrase_file != NULL) +
                is_given(options->passphrase);
    if (given > 1) {
        return err_set(err, ERR_CONFIG,
                       "could not open the backups: only one of BACKUP_KEY_FILE, BACKUP_PASSPHRASE "
                       "and BACKUP_PASSPHRASE_FILE may be set");
    }
    if (!read_file(vault_fd, &file, err)) {
        return false;
    }
    memcpy(ret_wanted, file.key, SEAL_ID_HEX);
    if (given == 0 || (options->read_only && !file.there && options->key_file == NULL)) {
        return true;
    }
    AUTO(seal_key_free) struct seal_key *key = make_key(workspace_fd, options, &file, err);
    if (key == NULL) {
        return false;
    }
    if (!file.there && !options->read_only &&
        !write_file(vault_fd, key, file.by_passphrase ? &file.kdf : NULL, err)) {
        return false;
    }
    *ret = STEAL(key);
    return true;
}
