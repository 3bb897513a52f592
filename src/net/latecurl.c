/* SPDX-License-Identifier: MIT */
/*
 * libcurl, loaded when the first call needs it. Linked in the usual way it and the thirty libraries
 * behind it are mapped and bound at every start: 4 of the 6 ms that `steward --version` took, and as
 * much for show, runs, help and completion, which never send anything.
 *
 * So the functions that http.c uses are defined here under libcurl's own names, checked by the
 * compiler against curl/curl.h, and hand on to the library. Where it cannot be loaded, initialising
 * fails and http_new says so; none of the others is reached then, except the URL functions, which
 * behave as when memory has run out.
 */
#define CURL_DISABLE_TYPECHECK /* its macros would stand in for the functions defined here */
#include <curl/curl.h>
#include <stdarg.h>

#include "net/late.h"

#undef curl_easy_getinfo
#undef curl_easy_setopt

/* The binary interface that curl/curl.h describes has not changed since 2006. */
#define FUNCTIONS(X)                                                                               \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_init)                                                                              \
    X(curl_easy_perform)                                                                           \
    X(curl_easy_reset)                                                                             \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_strerror)                                                                          \
    X(curl_global_init)                                                                            \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_cleanup)                                                                          \
    X(curl_multi_info_read)                                                                        \
    X(curl_multi_init)                                                                             \
    X(curl_multi_perform)                                                                          \
    X(curl_multi_poll)                                                                             \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)                                                                         \
    X(curl_url)                                                                                    \
    X(curl_url_cleanup)                                                                            \
    X(curl_url_set)

LATE_LIBRARY(FUNCTIONS, "libcurl.so.4")

CURLcode curl_global_init(long flags)
{
    return late_ready() ? late.curl_global_init(flags) : CURLE_FAILED_INIT;
}

CURL *curl_easy_init(void)
{
    return late_ready() ? late.curl_easy_init() : NULL;
}

void curl_easy_cleanup(CURL *handle)
{
    if (handle != NULL) {
        late.curl_easy_cleanup(handle);
    }
}

CURLcode curl_easy_perform(CURL *handle)
{
    return late.curl_easy_perform(handle);
}

void curl_easy_reset(CURL *handle)
{
    late.curl_easy_reset(handle);
}

/* The type of the one argument follows from the option's number, as curl/curl.h documents. */
CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
    va_list args;
    CURLcode code;
    va_start(args, option);
    if ((int)option < CURLOPTTYPE_OBJECTPOINT) {
        code = late.curl_easy_setopt(handle, option, va_arg(args, long));
    } else if ((int)option >= CURLOPTTYPE_OFF_T && (int)option < CURLOPTTYPE_BLOB) {
        code = late.curl_easy_setopt(handle, option, va_arg(args, curl_off_t));
    } else {
        code = late.curl_easy_setopt(handle, option, va_arg(args, void *));
    }
    va_end(args);
    return code;
}

CURLcode curl_easy_getinfo(CURL *handle, CURLINFO info, ...)
{
    va_list args;
    va_start(args, info);
    CURLcode code = late.curl_easy_getinfo(handle, info, va_arg(args, void *));
    va_end(args);
    return code;
}

const char *curl_easy_strerror(CURLcode code)
{
    return late_ready() ? late.curl_easy_strerror(code) : "libcurl could not be loaded";
}

CURLM *curl_multi_init(void)
{
    return late_ready() ? late.curl_multi_init() : NULL;
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
    return multi != NULL ? late.curl_multi_cleanup(multi) : CURLM_BAD_HANDLE;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *handle)
{
    return late.curl_multi_add_handle(multi, handle);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *handle)
{
    return late.curl_multi_remove_handle(multi, handle);
}

CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
    return late.curl_multi_perform(multi, running);
}

CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd extra[], unsigned int extra_count,
                          int timeout_ms, int *ret)
{
    return late.curl_multi_poll(multi, extra, extra_count, timeout_ms, ret);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
    return late.curl_multi_info_read(multi, left);
}

CURLU *curl_url(void)
{
    return late_ready() ? late.curl_url() : NULL;
}

void curl_url_cleanup(CURLU *url)
{
    if (url != NULL) {
        late.curl_url_cleanup(url);
    }
}

CURLUcode curl_url_set(CURLU *url, CURLUPart what, const char *part, unsigned int flags)
{
    return url != NULL ? late.curl_url_set(url, what, part, flags) : CURLUE_BAD_HANDLE;
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
    return late_ready() ? late.curl_slist_append(list, text) : NULL;
}

void curl_slist_free_all(struct curl_slist *list)
{
    if (list != NULL) {
        late.curl_slist_free_all(list);
    }
}
