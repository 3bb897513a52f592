/* SPDX-License-Identifier: MIT */
/*
 * What a line of the log costs: the file put aside and compressed on the way, by number of threads.
 *
 *   bench_log [DIR]      (default: below $TMPDIR)
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/log.h"

enum { LINES = 160000, THREADS_MAX = 8, MAX_BYTES = 8 * 1000 * 1000 };

static void *write_lines(void *arg)
{
    struct log *log = arg;
    log_context(1, "00112233445566778899aabbccddeeff");
    for (int i = 0; i < LINES / THREADS_MAX; i++) {
        log_at(log, LOG_DEBUG, "api call", LOG_STR("remote", "devrev"),
               LOG_STR("call", "timeline-entries.list"), LOG_INT("status", 200),
               LOG_INT("attempt", 1), LOG_STR("error", "none"), LOG_INT("duration_us", i),
               LOG_INT("waited_us", 4), LOG_STR("request_id", "1234567890"));
    }
    return NULL;
}

static bool measure(const char *path, int threads, int64_t max_bytes)
{
    struct err err = {0};
    pthread_t thread[THREADS_MAX];
    const struct log_options options = {.stderr_level = LOG_OFF, .max_bytes = max_bytes, .keep = 3};
    struct log *log = log_open(path, &options, &err);
    if (log == NULL) {
        fprintf(stderr, "bench_log: %s\n", err.message);
        return false;
    }
    int64_t start_ns = clock_mono_ns(clock_system());
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&thread[i], NULL, write_lines, log) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(thread[i], NULL); /* they end by themselves */
    }
    int64_t ns = clock_mono_ns(clock_system()) - start_ns;
    int64_t lines = (int64_t)threads * (LINES / THREADS_MAX);
    printf("%d threads, %s: %lld ns a line\n", threads,
           max_bytes == 0 ? "one file            " : "put aside every 8 MB ",
           (long long)(ns / lines));
    log_close(log);
    return true;
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    struct err err = {0};
    char directory[4096];
    char path[4200];
    (void)snprintf(directory, sizeof(directory), "%s/steward-bench-log-%d",
                   argc > 1      ? argv[1]
                   : tmp != NULL ? tmp
                                 : "/tmp",
                   (int)getpid());
    (void)snprintf(path, sizeof(path), "%s/steward.log", directory);
    bool ok = fs_mkdirs(AT_FDCWD, directory, &err) && measure(path, 1, 0) && measure(path, 8, 0) &&
              measure(path, 8, MAX_BYTES);
    if (ok && !fs_remove_tree(AT_FDCWD, directory, &err)) {
        fprintf(stderr, "bench_log: %s\n", err.message);
        ok = false;
    }
    return ok ? 0 : 1;
}
