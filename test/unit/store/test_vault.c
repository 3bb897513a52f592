/* SPDX-License-Identifier: MIT */
#include "store/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/hash.h"
#include "harness/tap.h"
#include "store/manifest.h"

#define STAMP "20261124_120000"
#define ONE "11111111111111111111111111111111"
#define TWO "22222222222222222222222222222222"
/* SHA-256 of "{}" */
#define BRACES "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static const struct vault_options plain = {.free_floor_bytes = 1};
static const struct vault_options packed = {.compress = true, .free_floor_bytes = 1};

static int open_workspace(void)
{
    int fd = -1;
    struct err err;
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &fd, &err), err);
    return fd;
}

static struct vault *open_vault(int dir, const struct vault_options *options)
{
    struct err err;
    struct vault *vault = NULL;
    CHECK_OK((vault = vault_open(dir, "backups", options, &err)) != NULL, err);
    if (vault == NULL) {
        exit(1); /* nothing below could go on */
    }
    return vault;
}

static struct backup *begin(struct vault *vault, const char *name, const char *change)
{
    struct err err;
    struct backup *backup = NULL;
    CHECK_OK((backup = vault_begin(vault, str_of(name), STAMP, change, 0, &err)) != NULL, err);
    if (backup == NULL) {
        exit(1); /* nothing below could go on */
    }
    return backup;
}

static bool fill(struct backup *backup, struct err *err)
{
    return backup_add(backup, "metadata/contact_info.json", STR("{}"), err) &&
           backup_add(backup, "tickets/tickets.json", STR("[1]"), err) &&
           backup_add(backup, "conversations/C-1/messages.json", STR("[]"), err) &&
           backup_add(backup, "conversations/C-1/attachments/a.bin", STR("\0\1"), err);
}

/* A sealed backup of change ONE; its path. */
static const char *sealed(struct vault *vault)
{
    static char path[512];
    struct err err;
    AUTO(backup_free) struct backup *backup = begin(vault, "ann@example.com", ONE);
    CHECK_OK(fill(backup, &err), err);
    CHECK_OK(backup_seal(backup, &err), err);
    (void)snprintf(path, sizeof(path), "%s", backup_path(backup));
    return path;
}

static void put(int dir, const char *path, const char *text)
{
    AUTO_CLOSE int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void check_text(int dir, const char *path, const char *expected)
{
    struct err err;
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(dir, path, &text, &err), err);
    CHECK_STR(buf_z(&text), expected);
}

/* --- names ------------------------------------------------------------------------------------- */

static void names_are_made_safe(void)
{
    static const struct {
        str name;
        size_t max;
        const char *safe;
    } cases[] = {
        {STR("ann@example.com"), 200, "ann@example.com"},
        {STR("A-z_0.9+b"), 200, "A-z_0.9+b"},
        {STR("a b/c\\d"), 200, "a%20b%2Fc%5Cd"},
        {STR("100%"), 200, "100%25"},
        {STR("~x"), 200, "%7Ex"},
        {STR("\xc3\xa4\n\x7f"), 200, "%C3%A4%0A%7F"},
        {STR("a\0b"), 200, "a%00b"},
        {STR(""), 200, "_"},
        {STR("."), 200, "%2E"},
        {STR(".."), 200, "%2E."},
        {STR(".hidden"), 200, "%2Ehidden"},
        {STR("1234567890123456"), 16, "1234567890123456"},
        {STR("12345678901234567"), 16, "1234567~28e4b40a"},
        {STR("12345 78901234567"), 16, "12345~"},
    };
    struct arena arena = {0};
    char hex[SHA256_HEX];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "%s", cases[i].safe);
        char *cut = strchr(expected, '~');
        if (cut != NULL) { /* the hash of the whole name follows */
            sha256_hex_of(cases[i].name.ptr, cases[i].name.len, hex);
            memcpy(cut + 1, hex, 8);
            cut[9] = '\0';
        }
        CHECK_STR(vault_safe_name(&arena, cases[i].name, cases[i].max), expected);
    }
    char long_name[300];
    memset(long_name, 'x', sizeof(long_name));
    CHECK_INT(strlen(vault_safe_name(&arena, (str){long_name, sizeof(long_name)}, 200)), 200);
    memset(long_name, ' ', sizeof(long_name));
    const char *safe = vault_safe_name(&arena, (str){long_name, sizeof(long_name)}, 200);
    CHECK_INT(strlen(safe), 63 * 3 + 9);
    CHECK_INT(safe[189], '~');
    arena_done(&arena);
}

static void a_taken_name_gets_a_number(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    CHECK_STR(sealed(vault), "backups/ann@example.com_" STAMP);
    AUTO(backup_free) struct backup *two = begin(vault, "ann@example.com", TWO);
    CHECK_STR(backup_path(two), "backups/ann@example.com_" STAMP "-2");
    put(dir, "backups/ann@example.com_" STAMP "-3", "a file of somebody");
    CHECK(symlinkat("/nowhere", dir, "backups/ann@example.com_" STAMP "-4") == 0);
    AUTO(backup_free) struct backup *three = begin(vault, "ann@example.com", "33");
    CHECK_STR(backup_path(three), "backups/ann@example.com_" STAMP "-5");
    AUTO(backup_free) struct backup *other = begin(vault, "../etc", "44");
    CHECK_STR(backup_path(other), "backups/%2E.%2Fetc_" STAMP);
    CHECK_OK(backup_seal(other, &err), err);
}

static void the_same_change_uses_its_directory_again(void)
{
    struct err err;
    bool ok = false;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    const char *first = sealed(vault);
    AUTO(backup_free) struct backup *again = begin(vault, "ann@example.com", ONE);
    CHECK_STR(backup_path(again), first);
    CHECK(!fs_exists(dir, "backups/ann@example.com_" STAMP "/metadata/verification.json"));
    CHECK(!fs_exists(dir, "backups/ann@example.com_" STAMP "/tickets"));
    check_text(dir, "backups/ann@example.com_" STAMP "/metadata/merge_state.json",
               "{\"change\":\"" ONE "\",\"state\":\"capturing\"}\n");
    CHECK_OK(backup_add(again, "only.json", STR("{}"), &err), err);
    CHECK_OK(backup_seal(again, &err), err);
    CHECK_OK(vault_verify(vault, first, NULL, NULL, &ok, &err), err);
    CHECK(ok);
}

/* What a process leaves that is killed in the middle of beginning. */
static void an_abandoned_directory_is_taken_over(void)
{
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    CHECK(mkdirat(dir, "backups/a_" STAMP, 0700) == 0);
    AUTO(backup_free) struct backup *one = begin(vault, "a", ONE);
    CHECK_STR(backup_path(one), "backups/a_" STAMP);
    CHECK(mkdirat(dir, "backups/b_" STAMP, 0700) == 0);
    CHECK(mkdirat(dir, "backups/b_" STAMP "/metadata", 0700) == 0);
    AUTO(backup_free) struct backup *two = begin(vault, "b", ONE);
    CHECK_STR(backup_path(two), "backups/b_" STAMP);
    CHECK(mkdirat(dir, "backups/e_" STAMP, 0700) == 0);
    CHECK(mkdirat(dir, "backups/e_" STAMP "/metadata", 0700) == 0);
    put(dir, "backups/e_" STAMP "/metadata/merge_state.json", "");
    AUTO(backup_free) struct backup *torn = begin(vault, "e", ONE);
    CHECK_STR(backup_path(torn), "backups/e_" STAMP);
    /* but not one with anything in it, or a damaged or strange state */
    static const char *const states[] = {"garbage", "{\"change\":1}", "{\"state\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct err err;
        CHECK_OK(fs_remove_tree(dir, "backups/c_" STAMP, &err), err);
        CHECK_OK(fs_remove_tree(dir, "backups/c_" STAMP "-2", &err), err);
        CHECK_OK(fs_mkdirs(dir, "backups/c_" STAMP "/metadata", &err), err);
        put(dir, "backups/c_" STAMP "/metadata/merge_state.json", states[i]);
        AUTO(backup_free) struct backup *three = begin(vault, "c", ONE);
        CHECK_STR(backup_path(three), "backups/c_" STAMP "-2");
    }
    CHECK(mkdirat(dir, "backups/d_" STAMP, 0700) == 0);
    put(dir, "backups/d_" STAMP "/something", "x");
    AUTO(backup_free) struct backup *four = begin(vault, "d", ONE);
    CHECK_STR(backup_path(four), "backups/d_" STAMP "-2");
}

/* --- content ------------------------------------------------------------------------------------ */

static void the_tree_is_as_promised(void)
{
    struct stat st;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    (void)sealed(vault);
    AUTO_CLOSE int backup = -1;
    struct err err;
    CHECK_OK(fs_open_dir(dir, "backups/ann@example.com_" STAMP, &backup, &err), err);
    check_text(backup, "metadata/verification.json",
               "{\"files\":["
               "{\"path\":\"conversations/C-1/attachments/a.bin\",\"bytes\":2,\"sha256\":"
               "\"b413f47d13ee2fe6c845b2ee141af81de858df4ec549a58b7970bb96645bc8d2\"},"
               "{\"path\":\"conversations/C-1/messages.json\",\"bytes\":2,\"sha256\":"
               "\"4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\"},"
               "{\"path\":\"metadata/contact_info.json\",\"bytes\":2,\"sha256\":\"" BRACES "\"},"
               "{\"path\":\"tickets/tickets.json\",\"bytes\":3,\"sha256\":"
               "\"080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22\"}]}\n");
    check_text(backup, "tickets/tickets.json", "[1]");
    check_text(backup, "metadata/merge_state.json",
               "{\"change\":\"" ONE "\",\"state\":\"capturing\"}\n");
    static const char *const dirs[] = {"metadata",
                                       "tickets",
                                       "conversations",
                                       "conversations/C-1",
                                       "conversations/C-1/attachments",
                                       "."};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        CHECK(fstatat(backup, dirs[i], &st, 0) == 0);
        CHECK_INT(st.st_mode & 07777, 0700);
    }
    static const char *const files[] = {"metadata/verification.json", "metadata/merge_state.json",
                                        "metadata/contact_info.json"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CHECK(fstatat(backup, files[i], &st, 0) == 0);
        CHECK_INT(st.st_mode & 07777, 0600);
    }
    CHECK(fstatat(dir, "backups", &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0700);
}

static void a_file_may_arrive_in_pieces_and_begin_again(void)
{
    static const struct vault_options *const both[] = {&plain, &packed};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct err err;
        uint64_t bytes = 0;
        char sha[SHA256_HEX];
        char expected[SHA256_HEX];
        AUTO_BUF struct buf whole = {0};
        AUTO_BUF struct buf read = {0};
        AUTO_CLOSE int dir = open_workspace();
        AUTO(vault_close) struct vault *vault = open_vault(dir, both[i]);
        AUTO(backup_free) struct backup *backup = begin(vault, i == 0 ? "plain" : "packed", ONE);
        CHECK_OK(backup_file_begin(backup, "attachments/x.bin", &err), err);
        CHECK_OK(backup_file_write(backup, STR("a download that breaks off"), &err), err);
        CHECK_OK(backup_file_begin(backup, "attachments/x.bin", &err), err);
        for (int n = 0; n < 5000; n++) {
            AUTO_BUF struct buf piece = {0};
            buf_printf(&piece, "piece %d, %d\n", n, n * n);
            buf_adds(&whole, buf_str(&piece));
            CHECK_OK(backup_file_write(backup, buf_str(&piece), &err), err);
        }
        CHECK_OK(backup_file_end(backup, &bytes, sha, &err), err);
        sha256_hex_of(whole.ptr, whole.len, expected);
        CHECK_INT(bytes, whole.len);
        CHECK_STR(sha, expected);
        CHECK_OK(backup_add(backup, "empty", STR_NONE, &err), err);
        CHECK_OK(backup_seal(backup, &err), err);
        CHECK_OK(backup_read(backup, "attachments/x.bin", &read, &err), err);
        CHECK(str_eq(buf_str(&read), buf_str(&whole)));
        buf_clear(&read);
        CHECK_OK(backup_read(backup, "empty", &read, &err), err);
        CHECK_INT(read.len, 0);
    }
}

static void compressed_files_are_listed_as_stored(void)
{
    struct err err;
    bool ok = false;
    struct stat st;
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf zst = {0};
    struct arena arena = {0};
    struct manifest manifest;
    char hex[SHA256_HEX];
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &packed);
    const char *path = sealed(vault);
    CHECK_OK(
        fs_read(dir, "backups/ann@example.com_" STAMP "/metadata/verification.json", &text, &err),
        err);
    CHECK(manifest_parse(&arena, buf_str(&text), &manifest));
    CHECK_INT(manifest.count, 4);
    CHECK_STR(manifest.files[2].path, "metadata/contact_info.json.zst");
    CHECK_OK(fs_read(dir, "backups/ann@example.com_" STAMP "/metadata/contact_info.json.zst", &zst,
                     &err),
             err);
    sha256_hex_of(zst.ptr, zst.len, hex);
    CHECK_STR(manifest.files[2].sha256, hex);
    CHECK_INT(manifest.files[2].bytes, zst.len);
    CHECK_INT((unsigned char)zst.ptr[4] & 4, 4); /* the frame's checksum flag */
    CHECK(fstatat(dir, "backups/ann@example.com_" STAMP "/metadata/contact_info.json", &st, 0) !=
          0);
    CHECK_OK(vault_verify(vault, path, NULL, NULL, &ok, &err), err);
    CHECK(ok);
    /* and another steward reads it without being told that it is compressed */
    AUTO(vault_close) struct vault *later = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = NULL;
    CHECK_OK((backup = vault_reopen(later, path, &err)) != NULL, err);
    buf_clear(&text);
    CHECK_OK(backup_read(backup, "tickets/tickets.json", &text, &err), err);
    CHECK_STR(buf_z(&text), "[1]");
    /* damage is seen by the hash of what was sealed */
    static const char stored[] = "backups/ann@example.com_" STAMP "/tickets/tickets.json.zst";
    buf_clear(&zst);
    CHECK_OK(fs_read(dir, stored, &zst, &err), err);
    for (size_t i = 0; i < zst.len; i++) {
        AUTO_BUF struct buf bad = {0};
        AUTO_BUF struct buf out = {0};
        buf_adds(&bad, buf_str(&zst));
        bad.ptr[i] = (char)(bad.ptr[i] ^ 0x10);
        CHECK(unlinkat(dir, stored, 0) == 0);
        CHECK_OK(fs_write_new(dir, stored, buf_str(&bad), false, &err), err);
        CHECK_ERR(
            backup_read(backup, "tickets/tickets.json", &out, &err), err, ERR_BACKUP,
            "could not read the backup: 'tickets/tickets.json' has changed since it was sealed");
        CHECK(unlinkat(dir, stored, 0) == 0);
        CHECK_OK(fs_write_new(dir, stored, (str){zst.ptr, i}, false, &err), err);
        CHECK_ERR(
            backup_read(backup, "tickets/tickets.json", &out, &err), err, ERR_BACKUP,
            "could not read the backup: 'tickets/tickets.json' has changed since it was sealed");
    }
    arena_done(&arena);
}

static void reading_has_a_maximum(void)
{
    struct err err;
    static const struct vault_options *const both[] = {&plain, &packed};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        AUTO_FREE char *big = xcalloc(100000, 1);
        AUTO_BUF struct buf out = {.max = 99999};
        AUTO_BUF struct buf enough = {.max = 100000};
        AUTO_CLOSE int dir = open_workspace();
        AUTO(vault_close) struct vault *vault = open_vault(dir, both[i]);
        AUTO(backup_free) struct backup *backup = begin(vault, i == 0 ? "a" : "b", ONE);
        CHECK_OK(backup_add(backup, "big", (str){big, 100000}, &err), err);
        CHECK_ERR(backup_read(backup, "big", &out, &err), err, ERR_BACKUP,
                  "could not read the backup: could not read 'big': it is too long");
        CHECK_OK(backup_read(backup, "big", &enough, &err), err);
    }
}

static void what_may_not_be_stored_is_refused(void)
{
    static const char *const paths[] = {
        "",
        "/etc/x",
        "a//b",
        "../x",
        "a/../b",
        "./a",
        "a/",
        "metadata/verification.json",
        "metadata/merge_state.json",
        "logs/x.log",
    };
    struct err err;
    char expected[128];
    AUTO_BUF struct buf out = {0};
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        (void)snprintf(expected, sizeof(expected),
                       "could not write the backup: '%s' is not a path for a file of it", paths[i]);
        CHECK_ERR(backup_add(backup, paths[i], STR("x"), &err), err, ERR_BACKUP, expected);
    }
    CHECK_ERR(backup_read(backup, "../x", &out, &err), err, ERR_BACKUP,
              "could not read the backup: '../x' is not a path in it");
    CHECK_ERR(backup_read(backup, "none", &out, &err), err, ERR_BACKUP,
              "could not read the backup: could not open 'none': No such file or directory");
    CHECK_ERR(backup_file_write(backup, STR("x"), &err), err, ERR_INTERNAL,
              "could not write the backup: no file was begun");
    CHECK_ERR(backup_file_end(backup, NULL, NULL, &err), err, ERR_INTERNAL,
              "could not write the backup: no file was begun");
    CHECK_OK(backup_add(backup, "a/b", STR("x"), &err), err);
    CHECK_ERR(backup_add(backup, "a/b", STR("x"), &err), err, ERR_BACKUP,
              "could not write the backup: could not create 'a/b': File exists");
    CHECK_ERR(backup_add(backup, "a/b/c", STR("x"), &err), err, ERR_BACKUP,
              "could not write the backup: could not open directory 'b': it is not a directory");
    char long_path[400];
    memset(long_path, 'x', sizeof(long_path));
    long_path[300] = '/';
    long_path[302] = '\0';
    CHECK(!backup_add(backup, long_path, STR("x"), &err));
    CHECK(strstr(err.message, "xx': File name too long") != NULL);
    CHECK_OK(backup_seal(backup, &err), err);
    CHECK_ERR(backup_seal(backup, &err), err, ERR_INTERNAL,
              "could not seal the backup: it is sealed");
    CHECK_ERR(backup_add(backup, "late", STR("x"), &err), err, ERR_BACKUP,
              "could not write the backup: 'late' comes after the seal");
}

static void an_unfinished_file_is_not_in_the_seal(void)
{
    struct err err;
    bool ok = false;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    CHECK_OK(backup_file_begin(backup, "half", &err), err);
    CHECK_OK(backup_seal(backup, &err), err);
    check_text(dir, "backups/a_" STAMP "/metadata/verification.json", "{\"files\":[]}\n");
    CHECK_OK(vault_verify(vault, backup_path(backup), NULL, NULL, &ok, &err), err);
    CHECK(ok);
}

static void state_and_logs_change_after_the_seal(void)
{
    struct err err;
    bool ok = false;
    struct stat st;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    const char *path = sealed(vault);
    AUTO(backup_free) struct backup *backup = NULL;
    CHECK_OK((backup = vault_reopen(vault, path, &err)) != NULL, err);
    CHECK_STR(backup_path(backup), path);
    CHECK_OK(backup_state(backup, STR("{\"change\":\"" ONE "\",\"state\":\"sent\"}"), &err), err);
    CHECK_OK(backup_log(backup, "api_calls.log", STR("{\"call\":1}"), &err), err);
    CHECK_OK(backup_log(backup, "api_calls.log", STR("{\"call\":2}"), &err), err);
    check_text(dir, "backups/ann@example.com_" STAMP "/metadata/merge_state.json",
               "{\"change\":\"" ONE "\",\"state\":\"sent\"}      ");
    check_text(dir, "backups/ann@example.com_" STAMP "/logs/api_calls.log",
               "{\"call\":1}\n{\"call\":2}\n");
    CHECK(fstatat(dir, "backups/ann@example.com_" STAMP "/logs/api_calls.log", &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    /* what a process leaves that dies while it notes the state is no difference */
    put(dir, "backups/ann@example.com_" STAMP "/logs/merge_state.json.tmp", "{");
    CHECK_OK(vault_verify(vault, path, NULL, NULL, &ok, &err), err);
    CHECK(ok);
    CHECK_OK(backup_state(backup, STR("{\"change\":\"" ONE "\",\"state\":\"sent\"}"), &err), err);
    CHECK_ERR(backup_log(backup, "../x", STR("x"), &err), err, ERR_INTERNAL,
              "could not write a log of the backup: '../x' is no name");
    /* links in their place are not followed */
    CHECK(unlinkat(dir, "backups/ann@example.com_" STAMP "/logs/api_calls.log", 0) == 0);
    CHECK(symlinkat("/nowhere", dir, "backups/ann@example.com_" STAMP "/logs/api_calls.log") == 0);
    CHECK_ERR(
        backup_log(backup, "api_calls.log", STR("x"), &err), err, ERR_BACKUP,
        "could not write a log of the backup: could not open 'api_calls.log': Too many levels of "
        "symbolic links");
    /* a text too long for one page, and one where there is none yet, are put in its place */
    AUTO_BUF struct buf big = {0};
    buf_addz(&big, "{\"change\":\"" ONE "\"");
    while (big.len < 5000) {
        buf_addz(&big, "    ");
    }
    buf_addz(&big, "}\n");
    static const char state_path[] = "backups/ann@example.com_" STAMP "/metadata/merge_state.json";
    CHECK_OK(backup_state(backup, buf_str(&big), &err), err);
    check_text(dir, state_path, buf_z(&big));
    CHECK_OK(backup_state(backup, STR("{\"a\":1}\n"), &err), err);
    check_text(dir, state_path, "{\"a\":1}\n");
    CHECK_OK(backup_state(backup, STR("{}\n"), &err), err);
    check_text(dir, state_path, "{}     \n");
    CHECK(unlinkat(dir, state_path, 0) == 0);
    CHECK_OK(backup_state(backup, STR("{}\n"), &err), err);
    check_text(dir, state_path, "{}\n");
    /* the same for directories, which one that is opened again finds */
    CHECK_OK(fs_remove_tree(dir, "backups/ann@example.com_" STAMP "/logs", &err), err);
    CHECK(symlinkat(tap_tmpdir(), dir, "backups/ann@example.com_" STAMP "/logs") == 0);
    AUTO(backup_free) struct backup *again = NULL;
    CHECK_OK((again = vault_reopen(vault, path, &err)) != NULL, err);
    CHECK_ERR(
        backup_log(again, "api_calls.log", STR("x"), &err), err, ERR_BACKUP,
        "could not write a log of the backup: could not open directory 'logs': it is a symbolic "
        "link");
    CHECK_ERR(backup_state(again, buf_str(&big), &err), err, ERR_BACKUP,
              "could not note the state of the backup: could not open directory 'logs': it is a "
              "symbolic link");
    CHECK(unlinkat(dir, "backups/ann@example.com_" STAMP "/logs", 0) == 0);
    CHECK_OK(fs_remove_tree(dir, "backups/ann@example.com_" STAMP "/metadata", &err), err);
    CHECK(symlinkat(tap_tmpdir(), dir, "backups/ann@example.com_" STAMP "/metadata") == 0);
    CHECK_ERR(
        backup_state(again, STR("{}"), &err), err, ERR_BACKUP,
        "could not note the state of the backup: could not open directory 'metadata': it is a "
        "symbolic link");
}

/* --- verifying ---------------------------------------------------------------------------------- */

static void collect(void *ctx, const char *difference)
{
    buf_addz(ctx, difference);
    buf_addc(ctx, '\n');
}

static void check_verify(struct vault *vault, const char *path, const char *expected)
{
    struct err err;
    bool ok = false;
    AUTO_BUF struct buf out = {0};
    CHECK_OK(vault_verify(vault, path, collect, &out, &ok, &err), err);
    CHECK_STR(buf_z(&out), expected);
    CHECK_INT(ok, expected[0] == '\0');
}

static void every_difference_is_found(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    const char *path = sealed(vault);
    AUTO_CLOSE int backup = -1;
    CHECK_OK(fs_open_dir(dir, "backups/ann@example.com_" STAMP, &backup, &err), err);
    check_verify(vault, path, "");
    put(backup, "tickets/tickets.json", "[2]");
    check_verify(vault, path, "'tickets/tickets.json' has changed: another SHA-256\n");
    put(backup, "tickets/tickets.json", "[12]");
    check_verify(vault, path, "'tickets/tickets.json' has 4 bytes, not 3\n");
    CHECK(unlinkat(backup, "tickets/tickets.json", 0) == 0);
    check_verify(vault, path, "'tickets/tickets.json' is missing\n");
    CHECK(symlinkat("../metadata/contact_info.json", backup, "tickets/tickets.json") == 0);
    check_verify(vault, path,
                 "could not open 'tickets/tickets.json': Too many levels of symbolic links\n");
    CHECK(unlinkat(backup, "tickets/tickets.json", 0) == 0);
    CHECK(mkfifoat(backup, "tickets/tickets.json", 0600) == 0);
    check_verify(vault, path, "could not open 'tickets/tickets.json': it is not a file\n");
    CHECK(unlinkat(backup, "tickets/tickets.json", 0) == 0);
    put(backup, "tickets/tickets.json", "[1]");
    put(backup, "conversations/C-1/more", "x");
    CHECK(mkdirat(backup, "extra", 0700) == 0);
    put(backup, "logs", "a file where a directory may be");
    check_verify(vault, path, "'conversations/C-1/more' is not in 'metadata/verification.json'\n");
    CHECK(unlinkat(backup, "conversations/C-1/more", 0) == 0);
    CHECK_OK(fs_remove_tree(backup, "conversations", &err), err);
    check_verify(vault, path,
                 "'conversations/C-1/attachments/a.bin' is missing\n"
                 "'conversations/C-1/messages.json' is missing\n");
}

static void what_was_never_sealed_is_no_backup(void)
{
    struct err err;
    bool ok = true;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    CHECK_OK(fill(backup, &err), err);
    CHECK_ERR(vault_reopen(vault, backup_path(backup), &err) != NULL, err, ERR_BACKUP,
              "could not open the backup: it was never sealed");
    CHECK_ERR(vault_verify(vault, backup_path(backup), NULL, NULL, &ok, &err), err, ERR_BACKUP,
              "could not open the backup: it was never sealed");
    CHECK_ERR(vault_verify(vault, "backups/none", NULL, NULL, &ok, &err), err, ERR_BACKUP,
              "could not open the backup: No such file or directory");
    CHECK_STR(err.hint, "Was the backup moved or pruned? --backup-dir says where backups lie.");
    CHECK_ERR(vault_verify(vault, "backups/..", NULL, NULL, &ok, &err), err, ERR_BACKUP,
              "could not open the backup: Invalid argument");
    CHECK(ok);
    CHECK_OK(backup_seal(backup, &err), err);
    put(dir, "backups/a_" STAMP "/metadata/verification.json", "{\"files\":[");
    CHECK_ERR(vault_verify(vault, backup_path(backup), NULL, NULL, &ok, &err), err, ERR_CORRUPT,
              "could not verify the backup: 'metadata/verification.json' is damaged");
    CHECK_STR(err.hint, "Its files may be sound, but nothing says so any more.");
}

static void manifests_are_read_strictly(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"files\":{}}",
        "{\"files\":[],\"more\":1}",
        "{\"files\":[],\"files\":[]}",
        "{\"files\":[1]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":1}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" BRACES "\",\"more\":1}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":-1,\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":1.5,\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":\"1\",\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":1,\"sha256\":\"44\"}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":1,\"sha256\":null}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":1,\"sha256\":"
        "\"44136FA355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"}]}",
        "{\"files\":[{\"path\":\"\",\"bytes\":1,\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":\"/a\",\"bytes\":1,\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":\"a/../../b\",\"bytes\":1,\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":\"a\\u0000\",\"bytes\":1,\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":7,\"bytes\":1,\"sha256\":\"" BRACES "\"}]}",
        "{\"files\":[{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" BRACES "\"},"
        "{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" BRACES "\"}]}",
    };
    struct arena arena = {0};
    struct manifest manifest = {.count = 77};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (!CHECK(!manifest_parse(&arena, str_of(bad[i]), &manifest))) {
            printf("# %s\n", bad[i]);
        }
    }
    CHECK_INT(manifest.count, 77);
    CHECK(manifest_parse(&arena,
                         STR("{\"files\":[{\"path\":\"b\",\"bytes\":1,\"sha256\":\"" BRACES "\"},"
                             "{\"sha256\":\"" BRACES "\",\"path\":\"a/c\",\"bytes\":0}]}"),
                         &manifest));
    CHECK_INT(manifest.count, 2);
    CHECK_STR(manifest.files[0].path, "a/c");
    CHECK(manifest_find(&manifest, "b") == &manifest.files[1]);
    CHECK(manifest_find(&manifest, "a/c") == &manifest.files[0]);
    CHECK(manifest_find(&manifest, "a") == NULL && manifest_find(&manifest, "c") == NULL);
    arena_done(&arena);
}

/* --- what the disk may do ----------------------------------------------------------------------- */

static void bad_directories_are_refused(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    CHECK(symlinkat("/tmp", dir, "link") == 0);
    put(dir, "file", "x");
    CHECK_ERR(
        vault_open(dir, "link", &plain, &err) != NULL, err, ERR_IO,
        "could not use the backup directory: could not open directory 'link': it is a symbolic "
        "link");
    CHECK_STR(err.hint, "Give a real directory that belongs to you.");
    CHECK_ERR(
        vault_open(dir, "link/below", &plain, &err) != NULL, err, ERR_IO,
        "could not use the backup directory: could not open directory 'link': it is a symbolic "
        "link");
    CHECK_ERR(vault_open(dir, "file", &plain, &err) != NULL, err, ERR_IO,
              "could not use the backup directory: could not open directory 'file': it is not a "
              "directory");
    CHECK_ERR(
        vault_open(dir, "/proc/backups", &plain, &err) != NULL, err, ERR_IO,
        "could not use the backup directory: could not create directory '/proc/backups': No such "
        "file or directory");
    CHECK_STR(err.hint, "Give a directory that you may write to with --backup-dir.");
    char path[512];
    struct vault *vault = NULL;
    (void)snprintf(path, sizeof(path), "%s/deep/er//", tap_tmpdir());
    CHECK_OK((vault = vault_open(dir, path, &plain, &err)) != NULL, err);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    (void)snprintf(path, sizeof(path), "%s/deep/er/a_" STAMP, tap_tmpdir());
    CHECK_STR(backup_path(backup), path);
    vault_close(vault);
    CHECK_OK((vault = vault_open(dir, "some/where/", &plain, &err)) != NULL, err);
    AUTO(backup_free) struct backup *other = begin(vault, "a", ONE);
    CHECK_STR(backup_path(other), "some/where/a_" STAMP);
    vault_close(vault);
    vault_close(NULL);
    backup_free(NULL);
}

/* The child's exit code is 0 where all went as it should. */
static void in_child(int (*run)(void))
{
    int status = 0;
    (void)tap_tmpdir(); /* the same for both */
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        exit(run());
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

static int open_as_nobody(void)
{
    struct err err = {0};
    int dir = open_workspace();
    if (setegid(65534) != 0 || seteuid(65534) != 0) {
        return 1;
    }
    bool refused = vault_open(dir, "backups", &plain, &err) == NULL && err.kind == ERR_IO;
    if (strcmp(err.message, "could not use the backup directory 'backups': Permission denied") !=
            0 ||
        strcmp(err.hint, "Give a directory that you may write to with --backup-dir.") != 0) {
        printf("# %s\n# %s\n", err.message, err.hint);
        (void)fflush(stdout);
        return 2;
    }
    err = (struct err){0};
    bool no_new = vault_open(dir, "new", &plain, &err) == NULL;
    (void)close(dir); /* a directory opened for reading */
    return seteuid(0) == 0 && refused && no_new &&
                   strcmp(err.message,
                          "could not use the backup directory: could not create directory "
                          "'new': Permission denied") == 0
               ? 0
               : 3;
}

static void a_directory_of_another_user_is_refused(void)
{
    if (getuid() != 0) {
        printf("# only root can become another user\n");
        return;
    }
    AUTO_CLOSE int dir = open_workspace();
    CHECK(chmod(tap_tmpdir(), 0755) == 0);
    CHECK(mkdirat(dir, "backups", 0755) == 0);
    in_child(open_as_nobody);
}

static void a_full_disk_is_seen_before_the_backup_begins(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    struct vault_options greedy = {.free_floor_bytes = UINT64_C(1) << 60};
    AUTO(vault_close) struct vault *vault = open_vault(dir, &greedy);
    CHECK(vault_begin(vault, STR("a"), STAMP, ONE, 0, &err) == NULL);
    CHECK_INT(err.kind, ERR_BACKUP);
    CHECK(err.fatal);
    CHECK(str_starts(str_of(err.message), STR("could not begin the backup: ")));
    CHECK(str_ends(str_of(err.message), STR(" MiB are free, 1099511627776 MiB are needed")));
    CHECK_STR(err.hint, "Free some disk space, then go on with `steward resume`.");
    AUTO(vault_close) struct vault *other = open_vault(dir, &plain);
    CHECK(vault_begin(other, STR("a"), STAMP, ONE, UINT64_MAX, &err) == NULL);
    CHECK(str_ends(str_of(err.message), STR(" MiB are free, 17592186044415 MiB are needed")));
    CHECK(!fs_exists(dir, "backups/a_" STAMP));
}

static void links_inside_are_not_followed(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    CHECK(mkdirat(dir, "outside", 0700) == 0);
    CHECK(symlinkat("../../outside", dir, "backups/a_" STAMP "/tickets") == 0);
    CHECK_ERR(
        backup_add(backup, "tickets/tickets.json", STR("x"), &err), err, ERR_BACKUP,
        "could not write the backup: could not open directory 'tickets': it is a symbolic link");
    CHECK(symlinkat("../../outside/x", dir, "backups/a_" STAMP "/x") == 0);
    CHECK_ERR(backup_add(backup, "x", STR("x"), &err), err, ERR_BACKUP,
              "could not write the backup: could not create 'x': File exists");
    CHECK(!fs_exists(dir, "outside/tickets.json") && !fs_exists(dir, "outside/x"));
}

static void a_file_that_changed_is_not_sealed(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    CHECK_OK(fill(backup, &err), err);
    put(dir, "backups/a_" STAMP "/tickets/tickets.json", "[9]");
    CHECK_ERR(
        backup_seal(backup, &err), err, ERR_BACKUP,
        "could not seal the backup: 'tickets/tickets.json' does not read back as it was written");
    CHECK(!fs_exists(dir, "backups/a_" STAMP "/metadata/verification.json"));
    CHECK(unlinkat(dir, "backups/a_" STAMP "/tickets/tickets.json", 0) == 0);
    CHECK_ERR(backup_seal(backup, &err), err, ERR_BACKUP,
              "could not seal the backup: could not open 'tickets/tickets.json': No such file or "
              "directory");
}

/* A whole backup with one failing step, in a child: 0 it was sealed, 10 it was refused as it should. */
static char failure[64];
static bool failure_packed;

static int back_up_with_failure(void)
{
    struct err err = {0};
    int dir = open_workspace();
    struct vault *vault = open_vault(dir, failure_packed ? &packed : &plain);
    (void)setenv("STEWARD_FAILPOINTS", failure, 1);
    atomic_store(&failpoint_armed_, 0);
    struct backup *backup =
        vault_begin(vault, STR("secret.person@example.com"), STAMP, ONE, 0, &err);
    bool ok = backup != NULL && fill(backup, &err) && backup_seal(backup, &err);
    bool noted = ok && backup_state(backup, STR("{\"change\":\"" ONE "\"}"), &err);
    backup_free(backup);
    vault_close(vault);
    (void)close(dir); /* a directory opened for reading */
    if (noted) {
        return 0;
    }
    bool told = err.kind == ERR_BACKUP && err.os_errno == ENOSPC && err.fatal &&
                strstr(err.message, "No space left on device") != NULL &&
                strstr(err.message, "the backup: could not ") != NULL &&
                strstr(err.message, "secret") == NULL;
    return told ? ok ? 11 : 10 : 12;
}

static int exit_code_of(int (*run)(void))
{
    int status = 0;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        exit(run());
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Fails the 1st, 2nd, 3rd ... time until it passes; in between a later attempt must succeed. */
static int failures_until_it_passes(int dir, const char *point, bool later)
{
    struct err err;
    for (int hit = 1; hit < 100; hit++) {
        CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
        (void)snprintf(failure, sizeof(failure), "%s=ENOSPC@%d%s", point, hit, later ? "+" : "");
        int code = exit_code_of(back_up_with_failure);
        if (code == 0) {
            return hit - 1;
        }
        CHECK(code == 10 || code == 11);
        AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
        AUTO(backup_free) struct backup *backup = begin(vault, "secret.person@example.com", ONE);
        CHECK_STR(backup_path(backup), "backups/secret.person@example.com_" STAMP);
        CHECK_OK(fill(backup, &err), err);
        CHECK_OK(backup_seal(backup, &err), err);
        check_verify(vault, backup_path(backup), "");
    }
    return 100;
}

static void each_failing_step_is_told_and_seals_nothing(void)
{
    (void)tap_tmpdir(); /* the same for all children */
    AUTO_CLOSE int dir = open_workspace();
    failure_packed = false;
    /* the first state is written without a failpoint of its own beside open and write */
    CHECK_INT(failures_until_it_passes(dir, "fs.open", false), 1 + 4 + 1);
    CHECK_INT(failures_until_it_passes(dir, "fs.write", false), 1 + 4 + 1 + 1);
    /* before reading back, and after the manifest */
    CHECK_INT(failures_until_it_passes(dir, "fs.fsync", false), 1 + 1);
    /* nothing is renamed while a run goes on */
    CHECK_INT(failures_until_it_passes(dir, "fs.rename", false), 0);
    CHECK_INT(failures_until_it_passes(dir, "fs.write", true), 7);
    failure_packed = true;
    CHECK_INT(failures_until_it_passes(dir, "fs.write", false), 7);
    CHECK_INT(failures_until_it_passes(dir, "fs.fsync", false), 2);
}

/* --- many threads ------------------------------------------------------------------------------- */

enum { THREADS = 8, EACH = 6 };

struct worker {
    pthread_t thread;
    struct vault *vault;
    int number;
    int failures;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    for (int i = 0; i < EACH; i++) {
        struct err err = {0};
        bool ok = false;
        char change[40];
        (void)snprintf(change, sizeof(change), "%d-%d", worker->number, i);
        struct backup *backup =
            vault_begin(worker->vault, STR("all.the@same"), STAMP, change, 0, &err);
        worker->failures +=
            backup != NULL && fill(backup, &err) && backup_seal(backup, &err) &&
                    vault_verify(worker->vault, backup_path(backup), NULL, NULL, &ok, &err) && ok
                ? 0
                : 1;
        backup_free(backup);
    }
    return NULL;
}

static void eight_threads_share_the_vault(void)
{
    struct worker workers[THREADS] = {0};
    char path[128];
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.vault = vault, .number = i};
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
        CHECK_INT(workers[i].failures, 0);
    }
    for (int n = 1; n <= THREADS * EACH + 1; n++) {
        (void)snprintf(path, sizeof(path),
                       n == 1 ? "backups/all.the@same_%s" : "backups/all.the@same_%s-%d", STAMP, n);
        CHECK_INT(fs_exists(dir, path), n <= THREADS * EACH);
    }
}

/* Each step in turn finds no descriptor left. */
static int back_up_with_few_descriptors(void)
{
    struct err err;
    int dir = open_workspace();
    for (int extra = 0; extra < 40; extra++) {
        struct vault *vault = open_vault(dir, &plain);
        struct rlimit limit = {0};
        int next = dup(dir);
        (void)close(next); /* only asked for its number */
        (void)getrlimit(RLIMIT_NOFILE, &limit);
        struct rlimit low = {(rlim_t)(next + extra), limit.rlim_max};
        (void)setrlimit(RLIMIT_NOFILE, &low);
        err = (struct err){0};
        struct backup *backup = vault_begin(vault, STR("x"), STAMP, ONE, 0, &err);
        bool ok = backup != NULL && fill(backup, &err) && backup_seal(backup, &err);
        backup_free(backup);
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        vault_close(vault);
        bool told = err.kind == ERR_BACKUP && err.os_errno == EMFILE;
        if (!ok && !told) {
            printf("# %d: %s\n", extra, err.message);
            return 1;
        }
        if (ok) {
            (void)close(dir); /* a directory opened for reading */
            return extra > 3 ? 0 : 2;
        }
    }
    return 3;
}

static void too_few_descriptors_are_told(void)
{
    in_child(back_up_with_few_descriptors);
}

static void a_backup_directory_that_vanishes_is_told(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
    CHECK_ERR(backup_add(backup, "tickets/tickets.json", STR("x"), &err), err, ERR_BACKUP,
              "could not write the backup: could not create directory 'tickets': No such file or "
              "directory");
    CHECK_ERR(backup_add(backup, "x", STR("x"), &err), err, ERR_BACKUP,
              "could not write the backup: could not create 'x': No such file or directory");
    CHECK_ERR(
        backup_log(backup, "x.log", STR("x"), &err), err, ERR_BACKUP,
        "could not write a log of the backup: could not create directory 'logs': No such file or "
        "directory");
    CHECK_ERR(
        vault_begin(vault, STR("b"), STAMP, ONE, 0, &err) != NULL, err, ERR_BACKUP,
        "could not begin the backup: could not create its directory: No such file or directory");
}

static void a_lost_file_is_not_sealed(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    AUTO(backup_free) struct backup *backup = begin(vault, "a", ONE);
    CHECK_OK(backup_add(backup, "tickets/whole", STR("x"), &err), err);
    CHECK(unlinkat(dir, "backups/a_" STAMP "/tickets/whole", 0) == 0);
    CHECK_ERR(backup_seal(backup, &err), err, ERR_BACKUP,
              "could not seal the backup: could not open 'tickets/whole': No such file or "
              "directory");
    CHECK(!fs_exists(dir, "backups/a_" STAMP "/metadata/verification.json"));
}

static void names_may_run_out(void)
{
    struct err err;
    char path[128];
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    put(dir, "backups/a_" STAMP, "");
    for (int n = 2; n <= 10000; n++) {
        (void)snprintf(path, sizeof(path), "backups/a_%s-%d", STAMP, n);
        CHECK(linkat(dir, "backups/a_" STAMP, dir, path, 0) == 0);
    }
    CHECK_ERR(vault_begin(vault, STR("a"), STAMP, ONE, 0, &err) != NULL, err, ERR_BACKUP,
              "could not begin the backup: 10000 backups have the same name");
}

static void a_manifest_that_cannot_be_read_is_told(void)
{
    struct err err;
    bool ok = true;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(vault_close) struct vault *vault = open_vault(dir, &plain);
    const char *path = sealed(vault);
    CHECK(unlinkat(dir, "backups/ann@example.com_" STAMP "/metadata/verification.json", 0) == 0);
    CHECK(mkdirat(dir, "backups/ann@example.com_" STAMP "/metadata/verification.json", 0700) == 0);
    CHECK_ERR(vault_verify(vault, path, NULL, NULL, &ok, &err), err, ERR_BACKUP,
              "could not verify the backup: could not open 'metadata/verification.json': it is not "
              "a file");
}

static int verify_as_nobody(void)
{
    struct err err = {0};
    bool ok = true;
    AUTO_BUF struct buf out = {0};
    int dir = open_workspace();
    struct vault *vault = open_vault(dir, &plain);
    const char *path = sealed(vault);
    struct backup *backup = vault_reopen(vault, path, &err);
    bool opened = fchmodat(dir, "backups", 0755, 0) == 0;
    opened = opened && fchmodat(dir, "backups/ann@example.com_" STAMP, 0755, 0) == 0;
    opened = opened && fchmodat(dir, "backups/ann@example.com_" STAMP "/metadata", 0755, 0) == 0;
    opened = opened && fchmodat(dir, "backups/ann@example.com_" STAMP "/metadata/verification.json",
                                0644, 0) == 0;
    if (!opened || setegid(65534) != 0 || seteuid(65534) != 0) {
        return 1;
    }
    bool done = vault_verify(vault, path, collect, &out, &ok, &err);
    bool unread =
        strstr(buf_z(&out), "could not open directory 'tickets': Permission denied\n") != NULL;
    bool unlisted =
        strstr(buf_z(&out), "could not read directory 'tickets': Permission denied\n") != NULL;
    bool back = seteuid(0) == 0;
    backup_free(backup);
    vault_close(vault);
    (void)close(dir); /* a directory opened for reading */
    return done && !ok && unread && unlisted && back ? 0 : 2;
}

static void what_may_not_be_read_is_a_difference(void)
{
    if (getuid() != 0) {
        printf("# only root can become another user\n");
        return;
    }
    CHECK(chmod(tap_tmpdir(), 0755) == 0);
    in_child(verify_as_nobody);
}

TAP_MAIN(TAP_TEST(names_are_made_safe), TAP_TEST(a_taken_name_gets_a_number),
         TAP_TEST(the_same_change_uses_its_directory_again),
         TAP_TEST(an_abandoned_directory_is_taken_over), TAP_TEST(the_tree_is_as_promised),
         TAP_TEST(a_file_may_arrive_in_pieces_and_begin_again),
         TAP_TEST(compressed_files_are_listed_as_stored), TAP_TEST(reading_has_a_maximum),
         TAP_TEST(what_may_not_be_stored_is_refused),
         TAP_TEST(an_unfinished_file_is_not_in_the_seal),
         TAP_TEST(state_and_logs_change_after_the_seal), TAP_TEST(every_difference_is_found),
         TAP_TEST(what_was_never_sealed_is_no_backup), TAP_TEST(manifests_are_read_strictly),
         TAP_TEST(bad_directories_are_refused), TAP_TEST(a_directory_of_another_user_is_refused),
         TAP_TEST(a_full_disk_is_seen_before_the_backup_begins),
         TAP_TEST(links_inside_are_not_followed), TAP_TEST(a_file_that_changed_is_not_sealed),
         TAP_TEST(each_failing_step_is_told_and_seals_nothing),
         TAP_TEST(eight_threads_share_the_vault), TAP_TEST(too_few_descriptors_are_told),
         TAP_TEST(a_backup_directory_that_vanishes_is_told), TAP_TEST(a_lost_file_is_not_sealed),
         TAP_TEST(names_may_run_out), TAP_TEST(a_manifest_that_cannot_be_read_is_told),
         TAP_TEST(what_may_not_be_read_is_a_difference))
