/* SPDX-License-Identifier: MIT */
#include "match/ids.h"

#include <stdio.h>

#include "base/rng.h"
#include "harness/tap.h"

static void check_back(struct ids *ids, struct ids_cache *cache, str id)
{
    uint64_t packed = ids_pack(ids, cache, id);
    AUTO_BUF struct buf out = {0};
    ids_unpack(ids, packed, &out);
    CHECK(str_eq(buf_str(&out), id));
    struct ids_cache fresh = {0};
    CHECK(ids_pack(ids, &fresh, id) == packed);
}

static void ids_come_back(void)
{
    static const char *const texts[] = {
        "",    "0",  "00",        "a",       "Z",          "zzzzzzzz", "zzzzzzzzz",
        "-",   "--", "user-0001", "user-1",  "user-01",    "x/",       "x/0",
        "x/1", "x",  "x1",        "1234567", "1234567890", "\xc3\xbc", "don:core:revu/1AbZ9"};
    AUTO(ids_free) struct ids *ids = ids_new();
    struct ids_cache cache = {0};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        check_back(ids, &cache, str_of(texts[i]));
    }
    check_back(ids, &cache, STR("a\0b"));
}

static void different_ids_differ(void)
{
    AUTO(ids_free) struct ids *ids = ids_new();
    struct ids_cache cache = {0};
    static const char *const texts[] = {"1",  "01", "001", "x1", "x/1", "x/01", "x",  "x/", "0",
                                        "00", "",   "A",   "a",  "aA",  "Aa",   "10", "x-", "x-x"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
            bool same =
                ids_pack(ids, &cache, str_of(texts[i])) == ids_pack(ids, &cache, str_of(texts[j]));
            CHECK_INT(same, i == j);
        }
    }
}

/* More beginnings than there is room for: texts, found again however often they come. */
static void many_beginnings(void)
{
    AUTO(ids_free) struct ids *ids = ids_new();
    struct ids_cache cache = {0};
    struct rng rng;
    rng_seed(&rng, 5);
    static uint64_t packed[20000];
    static char texts[20000][40];
    for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "%016llx-%08x-%zu",
                       (unsigned long long)rng_next(&rng), (unsigned)rng_next(&rng), i);
        packed[i] = ids_pack(ids, &cache, str_of(texts[i]));
    }
    bool all = true;
    for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
        AUTO_BUF struct buf out = {0};
        ids_unpack(ids, packed[i], &out);
        all &= str_eqz(buf_str(&out), texts[i]);
        all &= ids_pack(ids, &cache, str_of(texts[i])) == packed[i];
    }
    CHECK(all);
    CHECK(ids_bytes(ids) > 15000 * 30);
}

static void texts_are_kept_once(void)
{
    AUTO(ids_free) struct ids *ids = ids_new();
    struct ids_cache cache = {0};
    uint64_t one = ids_keep(ids, STR("12345678901234567890123"));
    uint64_t other = ids_keep(ids, STR("12345678901234567890124"));
    uint64_t packed = ids_pack(ids, &cache, STR("12345678901234567890123"));
    CHECK(one != other && one < UINT64_C(1) << 48 && other < UINT64_C(1) << 48);
    CHECK(ids_keep(ids, STR("12345678901234567890123")) == one);
    CHECK_TEXT(ids_text(ids, one), "12345678901234567890123");
    CHECK_TEXT(ids_text(ids, other), "12345678901234567890124");
    AUTO_BUF struct buf out = {0};
    ids_unpack(ids, packed, &out);
    CHECK_TEXT(buf_str(&out), "12345678901234567890123");
}

TAP_MAIN(TAP_TEST(ids_come_back), TAP_TEST(different_ids_differ), TAP_TEST(many_beginnings),
         TAP_TEST(texts_are_kept_once))
