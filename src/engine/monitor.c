/* SPDX-License-Identifier: MIT */
#include "engine/monitor.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/num.h"

/* The words of a line, one after the other; false where none is left. */
static bool next_word(str *rest, str *ret)
{
    str text = str_trim_ascii(*rest);
    if (text.len == 0) {
        return false;
    }
    *ret = str_cut(text, ' ', rest);
    return true;
}

/* The word number `at`, from 0. */
static bool number_at(str line, size_t at, uint64_t *ret)
{
    str word = STR_NONE;
    int64_t number;
    for (size_t i = 0; i <= at; i++) {
        if (!next_word(&line, &word)) {
            return false;
        }
    }
    if (!num_parse_i64(word, 0, INT64_MAX, &number)) {
        return false;
    }
    *ret = (uint64_t)number;
    return true;
}

/* The name, in brackets, may hold spaces and brackets. */
void monitor_take_stat(str text, int64_t ticks_per_s, struct monitor_sample *sample)
{
    uint64_t user;
    uint64_t system;
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != ')') {
        at--;
    }
    const str rest = {text.ptr + at, text.len - at};
    if (at != 0 && number_at(rest, 11, &user) && number_at(rest, 12, &system)) {
        sample->cpu_ns = (int64_t)(user + system) * (INT64_C(1000000000) / ticks_per_s);
    }
}

void monitor_take_statm(str text, int64_t page_bytes, struct monitor_sample *sample)
{
    uint64_t pages;
    if (number_at(text, 1, &pages)) {
        sample->memory_bytes = pages * (uint64_t)page_bytes;
    }
}

void monitor_take_io(str text, struct monitor_sample *sample)
{
    while (text.len > 0) {
        str line = str_cut(text, '\n', &text);
        str value;
        str name = str_cut(line, ':', &value);
        if (str_eqz(name, "read_bytes")) {
            (void)number_at(value, 0, &sample->read_bytes); /* stays 0 */
        } else if (str_eqz(name, "write_bytes")) {
            (void)number_at(value, 0, &sample->written_bytes);
        }
    }
}

void monitor_take_net(str text, struct monitor_sample *sample)
{
    uint64_t received_sum = 0;
    uint64_t sent_sum = 0;
    while (text.len > 0) {
        str line = str_cut(text, '\n', &text);
        str values;
        uint64_t received;
        uint64_t sent;
        str name = str_trim_ascii(str_cut(line, ':', &values));
        if (!str_eqz(name, "lo") && number_at(values, 0, &received) &&
            number_at(values, 8, &sent)) {
            received_sum += received;
            sent_sum += sent;
        }
    }
    sample->received_bytes = received_sum;
    sample->sent_bytes = sent_sum;
}

static bool read_text(const char *path, struct buf *out)
{
    struct err err = {0};
    buf_clear(out);
    return fs_read(AT_FDCWD, path, out, &err);
}

void monitor_read(int workspace_fd, const struct clock *clock, struct monitor_sample *ret)
{
    AUTO_BUF struct buf text = {.max = 1 << 20};
    struct err err = {0};
    *ret = (struct monitor_sample){.at_ns = clock_mono_ns(clock)};
    if (read_text("/proc/self/stat", &text)) {
        monitor_take_stat(buf_str(&text), sysconf(_SC_CLK_TCK), ret);
    }
    if (read_text("/proc/self/statm", &text)) {
        monitor_take_statm(buf_str(&text), sysconf(_SC_PAGESIZE), ret);
    }
    if (read_text("/proc/self/io", &text)) {
        monitor_take_io(buf_str(&text), ret);
    }
    if (read_text("/proc/self/net/dev", &text)) {
        monitor_take_net(buf_str(&text), ret);
    }
    if (!fs_free_bytes(workspace_fd, &ret->free_bytes, &err)) {
        ret->free_bytes = 0;
    }
}

/* A counter that began anew (an interface that came back) has done nothing. */
static uint64_t per_second(uint64_t before, uint64_t now, double seconds)
{
    return now > before ? (uint64_t)((double)(now - before) / seconds + 0.5) : 0;
}

void monitor_rate(const struct monitor_sample *before, const struct monitor_sample *now,
                  struct monitor_rates *ret)
{
    double seconds = (double)(now->at_ns - before->at_ns) / 1e9;
    *ret = (struct monitor_rates){.memory_bytes = now->memory_bytes, .free_bytes = now->free_bytes};
    if (seconds <= 0) {
        return;
    }
    ret->cpu_percent = (double)(now->cpu_ns - before->cpu_ns) / 1e7 / seconds;
    ret->read_per_s = per_second(before->read_bytes, now->read_bytes, seconds);
    ret->written_per_s = per_second(before->written_bytes, now->written_bytes, seconds);
    ret->received_per_s = per_second(before->received_bytes, now->received_bytes, seconds);
    ret->sent_per_s = per_second(before->sent_bytes, now->sent_bytes, seconds);
}
