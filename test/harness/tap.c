/* SPDX-License-Identifier: MIT */
#include "harness/tap.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"

static bool failed;
static char tmpdir[256];

bool tap_check(bool ok, const char *file, int line, const char *text)
{
    if (!ok) {
        failed = true;
        printf("# %s:%d: not true: %s\n", file, line, text);
    }
    return ok;
}

bool tap_check_int(int64_t actual, int64_t expected, const char *file, int line, const char *text)
{
    if (actual != expected) {
        failed = true;
        printf("# %s:%d: %s\n#   is        %lld\n#   should be %lld\n", file, line, text,
               (long long)actual, (long long)expected);
        return false;
    }
    return true;
}

bool tap_check_str(str actual, str expected, const char *file, int line, const char *text)
{
    if (!str_eq(actual, expected) || (actual.ptr == NULL) != (expected.ptr == NULL)) {
        failed = true;
        printf("# %s:%d: %s\n#   is        '%" STR_FMT "'\n#   should be '%" STR_FMT "'\n", file,
               line, text, STR_ARG(actual), STR_ARG(expected));
        return false;
    }
    return true;
}

bool tap_check_err(bool result, const struct err *err, enum err_kind kind, const char *message,
                   const char *file, int line, const char *text)
{
    bool ok = tap_check(!result, file, line, text);
    ok = tap_check_str(str_of(err_kind_name(err->kind)), str_of(err_kind_name(kind)), file, line,
                       "error kind") &&
         ok;
    return tap_check_str(str_of(err->message), str_of(message), file, line, "error message") && ok;
}

bool tap_check_ok(bool result, const struct err *err, const char *file, int line, const char *text)
{
    if (!result) {
        failed = true;
        printf("# %s:%d: failed: %s\n#   %s: %s\n", file, line, text, err_kind_name(err->kind),
               err->message);
    }
    return result;
}

static void drop_tmpdir(void)
{
    if (tmpdir[0] != '\0') {
        struct err err = {0};
        if (!fs_remove_tree(AT_FDCWD, tmpdir, &err)) {
            printf("# %s\n", err.message);
        }
        tmpdir[0] = '\0';
    }
}

const char *tap_tmpdir(void)
{
    if (tmpdir[0] == '\0') {
        const char *base = getenv("TMPDIR");
        (void)snprintf(tmpdir, sizeof(tmpdir), "%s/steward-test-XXXXXX",
                       base != NULL ? base : "/tmp");
        if (mkdtemp(tmpdir) == NULL) {
            printf("Bail out! no temporary directory\n");
            exit(99);
        }
    }
    return tmpdir;
}

int tap_run(int argc, char **argv, const struct tap_test *tests, size_t count)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    size_t ran = 0;
    size_t bad = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < count; i++) {
        if (only != NULL && strcmp(only, tests[i].name) != 0) {
            continue;
        }
        failed = false;
        tests[i].run();
        drop_tmpdir();
        ran++;
        bad += failed ? 1 : 0;
        printf("%s %zu - %s\n", failed ? "not ok" : "ok", ran, tests[i].name);
    }
    printf("1..%zu\n", ran);
    return bad != 0 || ran == 0 ? 1 : 0;
}
