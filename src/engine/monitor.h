/* SPDX-License-Identifier: MIT */
/*
 * What this process takes of its machine (--monitor, E19): read from /proc once a second, told as rates. What
 * the kernel does not tell is 0. Linux counts network traffic by network namespace, not by process, so that
 * is everybody's here; loopback is left out.
 */
#ifndef STEWARD_ENGINE_MONITOR_H
#define STEWARD_ENGINE_MONITOR_H

#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

/* Counters as they stand. */
struct monitor_sample {
    int64_t at_ns; /* clock_mono_ns */
    int64_t cpu_ns;
    uint64_t memory_bytes; /* resident */
    uint64_t read_bytes;   /* from disks */
    uint64_t written_bytes;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t free_bytes; /* on the workspace's disk */
};

struct monitor_rates {
    double cpu_percent; /* of one core */
    uint64_t memory_bytes;
    uint64_t free_bytes;
    uint64_t read_per_s; /* bytes */
    uint64_t written_per_s;
    uint64_t received_per_s;
    uint64_t sent_per_s;
};

void monitor_read(int workspace_fd, const struct clock *clock, struct monitor_sample *ret);
void monitor_rate(const struct monitor_sample *before, const struct monitor_sample *now,
                  struct monitor_rates *ret);

/* The texts of /proc/self/stat, /proc/self/statm, /proc/self/io and /proc/self/net/dev. A text that is not
 * understood changes nothing. */
void monitor_take_stat(str text, int64_t ticks_per_s, struct monitor_sample *sample);
void monitor_take_statm(str text, int64_t page_bytes, struct monitor_sample *sample);
void monitor_take_io(str text, struct monitor_sample *sample);
void monitor_take_net(str text, struct monitor_sample *sample);

#endif
