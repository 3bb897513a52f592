/* SPDX-License-Identifier: MIT */
/* Encrypted vaults: which key opens what, and that nothing can be changed unnoticed. */
#include "store/vault_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "harness/tap.h"

#define STAMP "20261124_120000"
#define ONE "11111111111111111111111111111111"
#define TWO "22222222222222222222222222222222"
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DIR_ONE "backups/ann@example.com_" STAMP

static int open_workspace(void)
{
    int fd = -1;
    struct err err;
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &fd, &err), err);
    return fd;
}

static void put(int dir, const char *path, str text)
{
    AUTO_CLOSE int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(write(fd, text.ptr, text.len) == (ssize_t)text.len);
}

static const struct vault_options keyed = {.free_floor_bytes = 1, .key_file = "key"};
static const struct vault_options packed = {
    .free_floor_bytes = 1, .key_file = "key", .compress = true};
static const struct vault_options look = {.read_only = true};

static struct vault *must_open(int dir, const struct vault_options *options)
{
    struct err err;
    struct vault *vault = NULL;
    CHECK_OK((vault = vault_open(dir, "backups", options, &err)) != NULL, err);
    if (vault == NULL) {
        exit(1); /* nothing below could go on */
    }
    return vault;
}

static void check_refused(int dir, const struct vault_options *options, const char *message)
{
    struct err err;
    struct vault *vault = NULL;
    CHECK_ERR((vault = vault_open(dir, "backups", options, &err)) != NULL, err, ERR_CONFIG,
              message);
    vault_close(vault);
}

static void make_backup(struct vault *vault, const char *name, const char *change)
{
    struct err err;
    AUTO(backup_free) struct backup *backup = NULL;
    CHECK_OK((backup = vault_begin(vault, str_of(name), STAMP, change, 0, &err)) != NULL, err);
    CHECK_OK(backup_add(backup, "metadata/contact_info.json", STR("{\"who\":\"Ann\"}"), &err), err);
    CHECK_OK(backup_add(backup, "tickets/tickets.json", STR("[1]"), &err), err);
    CHECK_OK(backup_add(backup, "tickets/other.json", STR("[2]"), &err), err);
    CHECK_OK(backup_add(backup, "empty", STR_NONE, &err), err);
    CHECK_OK(backup_seal(backup, &err), err);
    /* the one that wrote it reads it as well */
    AUTO_BUF struct buf text = {0};
    CHECK_OK(backup_read(backup, "tickets/tickets.json", &text, &err), err);
    CHECK_STR(buf_z(&text), "[1]");
    CHECK_OK(backup_state(backup, STR("{\"state\":\"sent\"}"), &err), err);
}

static void check_read(struct vault *vault, const char *path, const char *expected)
{
    struct err err;
    AUTO_BUF struct buf text = {0};
    AUTO(backup_free) struct backup *backup = NULL;
    CHECK_OK((backup = vault_reopen(vault, DIR_ONE, &err)) != NULL, err);
    CHECK_OK(backup_read(backup, path, &text, &err), err);
    CHECK(str_eqz(str_trim_ascii(buf_str(&text)), expected)); /* a state may be padded */
}

static void check_unread(struct vault *vault, const char *expected)
{
    struct err err;
    AUTO_BUF struct buf text = {0};
    AUTO(backup_free) struct backup *backup = NULL;
    CHECK_OK((backup = vault_reopen(vault, DIR_ONE, &err)) != NULL, err);
    CHECK_ERR(backup_read(backup, "tickets/tickets.json", &text, &err), err, ERR_BACKUP, expected);
}

static void collect(void *ctx, const char *difference)
{
    buf_addz(ctx, difference);
    buf_addc(ctx, '\n');
}

static void check_verify(struct vault *vault, const char *expected)
{
    struct err err;
    bool ok = false;
    AUTO_BUF struct buf out = {0};
    CHECK_OK(vault_verify(vault, DIR_ONE, collect, &out, &ok, &err), err);
    CHECK_STR(buf_z(&out), expected);
    CHECK_INT(ok, expected[0] == '\0');
}

static void files_are_encrypted_and_names_stay(void)
{
    static const struct vault_options *const both[] = {&keyed, &packed};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct err err;
        struct stat st;
        AUTO_BUF struct buf stored = {0};
        AUTO_BUF struct buf list = {0};
        AUTO_CLOSE int dir = open_workspace();
        put(dir, "key", STR(KEY "\n"));
        CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
        AUTO(vault_close) struct vault *vault = must_open(dir, both[i]);
        make_backup(vault, "ann@example.com", ONE);
        const char *path = i == 0 ? DIR_ONE "/metadata/contact_info.json"
                                  : DIR_ONE "/metadata/contact_info.json.zst";
        CHECK_OK(fs_read(dir, path, &stored, &err), err);
        CHECK(memmem(stored.ptr, stored.len, "Ann", 3) == NULL);
        CHECK(fstatat(dir, "backups/vault.json", &st, 0) == 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK_OK(fs_read(dir, DIR_ONE "/metadata/verification.json", &list, &err), err);
        CHECK(strstr(buf_z(&list), "\"encryption\":{\"key\":\"") != NULL);
        CHECK(strstr(buf_z(&list), KEY) == NULL);
        check_verify(vault, "");
        check_read(vault, "metadata/contact_info.json", "{\"who\":\"Ann\"}");
        check_read(vault, "empty", "");
        check_read(vault, "metadata/merge_state.json", "{\"state\":\"sent\"}");
        /* without a key: the state is read and the files are checked, not more */
        AUTO(vault_close) struct vault *later = must_open(dir, &look);
        CHECK_STR(vault_key_id(later), "");
        check_verify(later, "");
        check_read(later, "metadata/merge_state.json", "{\"state\":\"sent\"}");
        char expected[160];
        (void)snprintf(
            expected, sizeof(expected),
            "could not read the backup: it is encrypted with key %s, and no key is given",
            vault_key_id(vault));
        check_unread(later, expected);
    }
}

static void a_vault_has_one_key(void)
{
    struct err err;
    char expected[200];
    AUTO_CLOSE int dir = open_workspace();
    put(dir, "key", STR(KEY "\n"));
    put(dir, "raw", STR("0123456789abcdef0123456789abcdef"));
    CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
    AUTO(vault_close) struct vault *vault = must_open(dir, &keyed);
    make_backup(vault, "ann@example.com", ONE);
    const struct vault_options none = {.free_floor_bytes = 1};
    const struct vault_options other = {.key_file = "raw"};
    const struct vault_options other_to_read = {.key_file = "raw", .read_only = true};
    const struct vault_options two = {.key_file = "raw", .passphrase_file = "key"};
    const struct vault_options phrase = {.passphrase_file = "key"};
    (void)snprintf(
        expected, sizeof(expected),
        "could not open the backups: they are encrypted with key %s, and no key is given",
        vault_key_id(vault));
    check_refused(dir, &none, expected);
    AUTO(vault_close) struct vault *wrong = must_open(dir, &other_to_read);
    (void)snprintf(
        expected, sizeof(expected),
        "could not open the backups: they are encrypted with key %s, the key given is %s",
        vault_key_id(vault), vault_key_id(wrong));
    check_refused(dir, &other, expected);
    (void)snprintf(
        expected, sizeof(expected),
        "could not read the backup: it is encrypted with key %s, and the key given is %s",
        vault_key_id(vault), vault_key_id(wrong));
    check_unread(wrong, expected);
    check_verify(wrong, "");
    check_refused(dir, &two,
                  "could not open the backups: only one of BACKUP_KEY_FILE, BACKUP_PASSPHRASE and "
                  "BACKUP_PASSPHRASE_FILE may be set");
    check_refused(dir, &phrase,
                  "could not use the backup passphrase: these backups are encrypted with a key "
                  "file");
}

static void keys_that_cannot_be_used_are_told(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
    put(dir, "key", STR("short"));
    check_refused(dir, &keyed,
                  "could not use BACKUP_KEY_FILE: 'key' holds neither 32 bytes nor 64 hex digits");
    CHECK(unlinkat(dir, "key", 0) == 0);
    check_refused(dir, &keyed,
                  "could not use BACKUP_KEY_FILE: could not open 'key': No such file or directory");
    put(dir, "key", STR(KEY));
    CHECK(fchmodat(dir, "key", 0640, 0) == 0);
    check_refused(dir, &keyed, "could not use BACKUP_KEY_FILE: others can read 'key'");
    CHECK(fchmodat(dir, "key", 0600, 0) == 0);
    put(dir, "phrase", STR("seven77\n"));
    const struct vault_options phrase = {.passphrase_file = "phrase"};
    check_refused(dir, &phrase,
                  "could not use the backup passphrase: it has fewer than 8 characters");
    CHECK(!fs_exists(dir, "backups/vault.json"));
    static const char *const bad[] = {
        "",
        "[]",
        "{\"version\":2,\"cipher\":\"xchacha20poly1305-secretstream\",\"key\":\"0011223344556677\","
        "\"kdf\":null}",
        "{\"version\":1,\"cipher\":\"rot13\",\"key\":\"0011223344556677\",\"kdf\":null}",
        "{\"version\":1,\"cipher\":\"xchacha20poly1305-secretstream\",\"key\":\"00\",\"kdf\":null}",
        "{\"version\":1,\"cipher\":\"xchacha20poly1305-secretstream\",\"key\":\"0011223344556677\","
        "\"kdf\":{\"name\":\"md5\",\"salt\":\"00\",\"ops\":1,\"memory_kib\":8}}",
        "{\"version\":1,\"cipher\":\"xchacha20poly1305-secretstream\",\"key\":\"0011223344556677\","
        "\"kdf\":{\"name\":\"argon2id13\",\"salt\":\"00\",\"ops\":1,\"memory_kib\":8}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(dir, "backups/vault.json", str_of(bad[i]));
        CHECK_ERR(vault_open(dir, "backups", &keyed, &err) != NULL, err, ERR_CORRUPT,
                  "could not open the backups: 'vault.json' in their directory is damaged or of a "
                  "newer version");
    }
}

static void a_passphrase_opens_what_it_closed(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
    put(dir, "phrase", STR("correct horse\n"));
    put(dir, "typo", STR("correct house\n"));
    const struct vault_options file = {.free_floor_bytes = 1, .passphrase_file = "phrase"};
    AUTO(vault_close) struct vault *vault = must_open(dir, &file);
    make_backup(vault, "ann@example.com", ONE);
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(dir, "backups/vault.json", &text, &err), err);
    CHECK(strstr(buf_z(&text), "\"kdf\":{\"name\":\"argon2id13\",\"salt\":\"") != NULL);
    CHECK(strstr(buf_z(&text), "\"ops\":3,\"memory_kib\":65536}") != NULL);
    CHECK(strstr(buf_z(&text), "correct") == NULL);
    /* the same from the environment */
    struct secret secret = {0};
    secret_set(&secret, STR("correct horse"));
    const struct vault_options direct = {.passphrase = &secret};
    AUTO(vault_close) struct vault *again = must_open(dir, &direct);
    secret_done(&secret);
    CHECK_STR(vault_key_id(again), vault_key_id(vault));
    check_read(again, "tickets/tickets.json", "[1]");
    const struct vault_options typo = {.passphrase_file = "typo"};
    CHECK(vault_open(dir, "backups", &typo, &err) == NULL);
    CHECK_INT(err.kind, ERR_CONFIG);
    CHECK(strstr(err.message, ", the key given is ") != NULL);
}

/* Flips one bit of each byte of a stored file. */
static void flip_each(int dir, struct vault *vault, const char *path, const char *difference)
{
    struct err err;
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(dir, path, &text, &err), err);
    for (size_t i = 0; i < text.len; i++) {
        text.ptr[i] = (char)(text.ptr[i] ^ 1);
        put(dir, path, buf_str(&text));
        check_verify(vault, difference);
        check_unread(vault, "could not read the backup: 'tickets/tickets.json' has changed since "
                            "it was sealed");
        text.ptr[i] = (char)(text.ptr[i] ^ 1);
    }
    put(dir, path, buf_str(&text));
}

/* Any change of verification.json, even one that is valid JSON and fits the files, is found with the key. */
static void each_byte_of_the_list_counts(int dir, struct vault *vault)
{
    static const char path[] = DIR_ONE "/metadata/verification.json";
    struct err err;
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(dir, path, &text, &err), err);
    for (size_t i = 0; i < text.len; i++) {
        bool ok = true;
        AUTO_BUF struct buf out = {0};
        char was = text.ptr[i];
        text.ptr[i] = was == '1' ? '2' : was == 'a' ? 'b' : (char)(was ^ 1);
        put(dir, path, buf_str(&text));
        bool read = vault_verify(vault, DIR_ONE, collect, &out, &ok, &err);
        /* another key id names another key: then the files are all that can be checked */
        const char *key = strstr(buf_z(&text), "\"key\":\"");
        bool other_key = key != NULL && (size_t)(key - text.ptr) + 7 <= i &&
                         i < (size_t)(key - text.ptr) + 7 + 16;
        if (!CHECK(!read || !ok || other_key)) {
            printf("# byte %zu: %s\n", i, buf_z(&out));
        }
        text.ptr[i] = was;
    }
    put(dir, path, buf_str(&text));
    check_verify(vault, "");
}

static void tampering_is_found(void)
{
    struct err err;
    AUTO_BUF struct buf one = {0};
    AUTO_BUF struct buf two = {0};
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
    put(dir, "key", STR(KEY "\n"));
    AUTO(vault_close) struct vault *vault = must_open(dir, &keyed);
    make_backup(vault, "ann@example.com", ONE);
    make_backup(vault, "bob@example.com", TWO);
    flip_each(dir, vault, DIR_ONE "/tickets/tickets.json",
              "'tickets/tickets.json' has changed: another SHA-256\n");
    each_byte_of_the_list_counts(dir, vault);
    /* two files of a backup exchanged, with a list that fits */
    CHECK_OK(fs_read(dir, DIR_ONE "/metadata/verification.json", &one, &err), err);
    CHECK(renameat(dir, DIR_ONE "/tickets/tickets.json", dir, "aside") == 0);
    CHECK(renameat(dir, DIR_ONE "/tickets/other.json", dir, DIR_ONE "/tickets/tickets.json") == 0);
    CHECK(renameat(dir, "aside", dir, DIR_ONE "/tickets/other.json") == 0);
    struct arena arena = {0};
    struct manifest list;
    CHECK(manifest_parse(&arena, buf_str(&one), &list));
    CHECK_STR(list.files[2].path, "tickets/other.json");
    CHECK_STR(list.files[3].path, "tickets/tickets.json");
    struct manifest_file swapped = list.files[2];
    list.files[2].path = list.files[3].path;
    list.files[3].path = swapped.path;
    manifest_render(&two, &list);
    put(dir, DIR_ONE "/metadata/verification.json", buf_str(&two));
    check_verify(vault, "'metadata/verification.json' is not as it was sealed\n");
    check_unread(vault, "could not read the backup: 'metadata/verification.json' is not as it was "
                        "sealed");
    /* without the key nobody can tell */
    AUTO(vault_close) struct vault *later = must_open(dir, &look);
    check_verify(later, "");
    arena_done(&arena);
}

TAP_MAIN(TAP_TEST(files_are_encrypted_and_names_stay), TAP_TEST(a_vault_has_one_key),
         TAP_TEST(keys_that_cannot_be_used_are_told), TAP_TEST(a_passphrase_opens_what_it_closed),
         TAP_TEST(tampering_is_found))
