/* SPDX-License-Identifier: MIT */
/*
 * Compiler attributes and the ownership idiom.
 *
 * AUTO(free_fn) releases a local pointer when its scope ends; STEAL() hands it on. A resource is
 * either AUTO or released by one forward `goto fail` ladder, never both.
 */
#ifndef STEWARD_BASE_ATTR_H
#define STEWARD_BASE_ATTR_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define PRINTF_LIKE(fmt_index, arg_index) __attribute__((format(printf, fmt_index, arg_index)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Names a field's lock for readers. Not clang's attribute: in C, clang 14 cannot name a sibling
 * field. */
#define GUARDED_BY(lock)

/* Declares `static inline void auto_<fn>(type **p)`, so that AUTO(fn) can be put on a `type *`. */
#define DEFINE_AUTO(type, fn)                                                                      \
    static inline void auto_##fn(__typeof__(type) **p)                                             \
    {                                                                                              \
        fn(*p);                                                                                    \
        *p = NULL;                                                                                 \
    }

#define AUTO(fn) CLEANUP(auto_##fn)

static inline void auto_free(void *p)
{
    void **slot = p;
    free(*slot);
    *slot = NULL;
}

/* For `AUTO_FREE char *s = ...`. */
#define AUTO_FREE CLEANUP(auto_free)

static inline void auto_close(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd); /* only descriptors whose writes were already checked end here */
        *fd = -1;
    }
}

/* For `AUTO_CLOSE int fd = ...`; a file that was written must be closed and checked by hand. */
#define AUTO_CLOSE CLEANUP(auto_close)

/* Takes the pointer out of an AUTO variable. */
#define STEAL(ptr)                                                                                 \
    __extension__({                                                                                \
        __auto_type steal_value_ = (ptr);                                                          \
        (ptr) = NULL;                                                                              \
        steal_value_;                                                                              \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
