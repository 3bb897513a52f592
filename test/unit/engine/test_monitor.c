/* SPDX-License-Identifier: MIT */
#include "engine/monitor.h"

#include <fcntl.h>
#include <unistd.h>

#include "harness/tap.h"

static void takes_cpu_time_past_a_name_with_brackets(void)
{
    struct monitor_sample sample = {0};
    monitor_take_stat(STR("4711 (a) b (c) S 1 4711 4711 0 -1 4194304 5000 0 12 0 150 50 0 0 20 0 9 "
                          "0 123456 1000000 2000 18446744073709551615\n"),
                      100, &sample);
    CHECK(sample.cpu_ns == INT64_C(2000000000));
    monitor_take_stat(STR("nothing"), 100, &sample);
    monitor_take_stat(STR("1 (x) S 1 2"), 100, &sample);
    CHECK(sample.cpu_ns == INT64_C(2000000000));
}

static void takes_memory(void)
{
    struct monitor_sample sample = {0};
    monitor_take_statm(STR("30000 4500 3000 120 0 9000 0\n"), 4096, &sample);
    CHECK(sample.memory_bytes == UINT64_C(4500) * 4096);
}

static void takes_what_went_to_disks(void)
{
    struct monitor_sample sample = {0};
    monitor_take_io(STR("rchar: 9\nwchar: 8\nsyscr: 7\nsyscw: 6\nread_bytes: 4096\n"
                        "write_bytes: 8192\ncancelled_write_bytes: 512\n"),
                    &sample);
    CHECK(sample.read_bytes == 4096);
    CHECK(sample.written_bytes == 8192);
}

static void adds_up_interfaces_without_loopback(void)
{
    struct monitor_sample sample = {0};
    monitor_take_net(
        STR("Inter-|   Receive                            |  Transmit\n"
            " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
            "    lo: 777777 10 0 0 0 0 0 0 777777 10 0 0 0 0 0 0\n"
            "  eth0: 1000 10 0 0 0 0 0 0 500 10 0 0 0 0 0 0\n"
            " wlan0:2000 10 0 0 0 0 0 0 70 10 0 0 0 0 0 0\n"),
        &sample);
    CHECK(sample.received_bytes == 3000);
    CHECK(sample.sent_bytes == 570);
}

static void rates_are_per_second(void)
{
    const struct monitor_sample before = {.at_ns = 1000000000,
                                          .cpu_ns = 500000000,
                                          .read_bytes = 100,
                                          .written_bytes = 1000,
                                          .received_bytes = 5000};
    const struct monitor_sample now = {.at_ns = 3000000000,
                                       .cpu_ns = 1500000000,
                                       .memory_bytes = 77,
                                       .free_bytes = 88,
                                       .read_bytes = 300,
                                       .written_bytes = 5000,
                                       .received_bytes = 4000,
                                       .sent_bytes = 9};
    struct monitor_rates rates;
    monitor_rate(&before, &now, &rates);
    CHECK(rates.cpu_percent > 49.99 && rates.cpu_percent < 50.01);
    CHECK(rates.memory_bytes == 77);
    CHECK(rates.free_bytes == 88);
    CHECK(rates.read_per_s == 100);
    CHECK(rates.written_per_s == 2000);
    CHECK(rates.received_per_s == 0); /* its counter began anew */
    CHECK(rates.sent_per_s == 5);
    monitor_rate(&now, &now, &rates);
    CHECK(rates.memory_bytes == 77);
    CHECK(rates.written_per_s == 0);
}

static void reads_this_process(void)
{
    struct monitor_sample sample;
    AUTO_CLOSE int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    monitor_read(here, clock_system(), &sample);
    CHECK(sample.at_ns > 0);
    CHECK(sample.memory_bytes > 100000);
    CHECK(sample.free_bytes > 0);
}

TAP_MAIN(TAP_TEST(takes_cpu_time_past_a_name_with_brackets), TAP_TEST(takes_memory),
         TAP_TEST(takes_what_went_to_disks), TAP_TEST(adds_up_interfaces_without_loopback),
         TAP_TEST(rates_are_per_second), TAP_TEST(reads_this_process))
