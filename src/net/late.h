/* SPDX-License-Identifier: MIT */
/*
 * Libraries that are loaded when they are first needed: linked in the usual way they, and what they need
 * themselves, are mapped and bound at every start, also of commands that never call them.
 *
 *   #define FUNCTIONS(X) X(lib_open) X(lib_close)
 *   LATE_LIBRARY(FUNCTIONS, "liblib.so.4")
 *
 * gives `late`, whose members are pointers of the functions' own types (checked by the compiler against the
 * library's header), and late_ready(), which loads it once for any number of threads and says whether all
 * of them are there. It is never unloaded: threads may be inside until the process ends.
 */
#ifndef STEWARD_NET_LATE_H
#define STEWARD_NET_LATE_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#define LATE_MEMBER_(name) __typeof__ (&(name))(name);
#define LATE_FIND_(name)                                                                           \
    *(void **)(void *)&late.name = dlsym(handle, #name);                                           \
    all = all && late.name != NULL;

#define LATE_LIBRARY(FUNCTIONS, library)                                                           \
    static struct {                                                                                \
        FUNCTIONS(LATE_MEMBER_)                                                                    \
    } late;                                                                                        \
    static bool late_loaded_;                                                                      \
    static pthread_once_t late_once_ = PTHREAD_ONCE_INIT;                                          \
    static void late_load_(void)                                                                   \
    {                                                                                              \
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);                                     \
        bool all = handle != NULL;                                                                 \
        if (all) {                                                                                 \
            FUNCTIONS(LATE_FIND_)                                                                  \
        }                                                                                          \
        late_loaded_ = all;                                                                        \
    }                                                                                              \
    static bool late_ready(void)                                                                   \
    {                                                                                              \
        (void)pthread_once(&late_once_, late_load_);                                               \
        return late_loaded_;                                                                       \
    }

#endif
