/* SPDX-License-Identifier: MIT */
#include "store/crc32c.h"

#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t tables[8][256];

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
        }
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int t = 1; t < 8; t++) {
            uint32_t before = tables[t - 1][i];
            tables[t][i] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
}

uint32_t crc32c_portable(const void *bytes, size_t len)
{
    pthread_once(&once, make_tables);
    const unsigned char *p = bytes;
    uint32_t crc = UINT32_MAX;
    for (; len >= 8; len -= 8, p += 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                              (uint32_t)p[3] << 24);
        crc = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
              tables[4][low >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
              tables[0][p[7]];
    }
    for (; len > 0; len--, p++) {
        crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
    }
    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t by_instruction(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint64_t crc = UINT32_MAX;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    uint32_t rest = (uint32_t)crc;
    for (; len > 0; len--, p++) {
        rest = __builtin_ia32_crc32qi(rest, *p);
    }
    return ~rest;
}

uint32_t crc32c(const void *bytes, size_t len)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(bytes, len)
                                            : crc32c_portable(bytes, len);
}

#else

uint32_t crc32c(const void *bytes, size_t len)
{
    return crc32c_portable(bytes, len);
}

#endif
