/* SPDX-License-Identifier: MIT */
/*
 * The unit test harness: TAP on stdout, one executable a module, each test function in turn.
 *
 *   static void parses_bom(void) { CHECK_INT(count("..."), 3); }
 *   TAP_MAIN(TAP_TEST(parses_bom), TAP_TEST(...))
 *
 * A failed CHECK prints where and what, fails the test function and goes on. `prog NAME` runs one
 * test. Testing nothing is a failure.
 */
#ifndef STEWARD_TEST_TAP_H
#define STEWARD_TEST_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tap_test {
    const char *name;
    void (*run)(void);
};

#define TAP_TEST(fn)                                                                               \
    {                                                                                              \
#fn, fn                                                                                    \
    }
#define TAP_MAIN(...)                                                                              \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct tap_test tests[] = {__VA_ARGS__};                                      \
        return tap_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));                       \
    }

int tap_run(int argc, char **argv, const struct tap_test *tests, size_t count);

bool tap_check(bool ok, const char *file, int line, const char *text);
bool tap_check_int(int64_t actual, int64_t expected, const char *file, int line, const char *text);
bool tap_check_str(str actual, str expected, const char *file, int line, const char *text);
bool tap_check_err(bool result, const struct err *err, enum err_kind kind, const char *message,
                   const char *file, int line, const char *text);
bool tap_check_ok(bool result, const struct err *err, const char *file, int line, const char *text);

#define CHECK(cond) tap_check((cond), __FILE__, __LINE__, #cond)
#define CHECK_INT(actual, expected)                                                                \
    tap_check_int((int64_t)(actual), (int64_t)(expected), __FILE__, __LINE__, #actual)
/* C strings */
#define CHECK_STR(actual, expected)                                                                \
    tap_check_str(str_of(actual), str_of(expected), __FILE__, __LINE__, #actual)
/* a str and a C string */
#define CHECK_TEXT(actual, expected)                                                               \
    tap_check_str((actual), str_of(expected), __FILE__, __LINE__, #actual)
/* the call fails with exactly this kind and message; `err` is zeroed first */
#define CHECK_ERR(call, err, kind, message)                                                        \
    ((err) = (struct err){0},                                                                      \
     tap_check_err((call), &(err), (kind), (message), __FILE__, __LINE__, #call))
/* the call succeeds */
#define CHECK_OK(call, err)                                                                        \
    ((err) = (struct err){0}, tap_check_ok((call), &(err), __FILE__, __LINE__, #call))

/* A fresh directory below $TMPDIR, removed at exit. The same for the whole test function. */
const char *tap_tmpdir(void);

#endif
