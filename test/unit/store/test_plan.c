/* SPDX-License-Identifier: MIT */
#include "store/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/rng.h"
#include "harness/tap.h"
#include "store/crc32c.h"

static const struct plan_column columns[] = {
    {STR("email"), STR("email"), STR("email"), true},
    {STR("name"), STR("display_name"), STR("trim"), false},
};

static const struct plan_header header = {
    .job = STR("merge"),
    .rules = STR("revu-pairs"),
    .rules_hash = STR("00ff"),
    .kind = STR("merge-contact"),
    .source = STR("csv"),
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
};

static const char header_json[] =
    "{\"job\":\"merge\",\"rules\":\"revu-pairs\",\"rules_hash\":\"00ff\",\"kind\":\"merge-"
    "contact\","
    "\"source\":\"csv\",\"columns\":[{\"name\":\"email\",\"remote\":\"email\",\"form\":\"email\","
    "\"decides\":true},{\"name\":\"name\",\"remote\":\"display_name\",\"form\":\"trim\","
    "\"decides\":"
    "false}]}";

static int open_workspace(void)
{
    int fd = -1;
    struct err err;
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &fd, &err), err);
    return fd;
}

static struct plan_change change_of(const char *target, struct plan_value values[2])
{
    values[0] = (struct plan_value){STR("a@example.com"), STR("a@example.com")};
    values[1] = (struct plan_value){STR("Ann\0A"), STR_NONE};
    return (struct plan_change){.target = str_of(target),
                                .survivor = STR("REVU-9"),
                                .strategy = STR("revu-pair"),
                                .reason = STR("same e-mail"),
                                .values = values};
}

/* One review, two changes, one bad row. */
static bool write_small(int dir, const char *path, struct plan_totals *ret, struct err *err)
{
    struct plan_value values[2];
    struct plan_finding review = {.id = STR("c-3"), .reason = STR("three of them")};
    struct plan_finding bad = {.line = 300, .reason = STR("no e-mail")};
    AUTO(plan_writer_free) struct plan_writer *writer = plan_writer_new(dir, path, &header, err);
    if (writer == NULL) {
        return false;
    }
    struct plan_change one = change_of("c-1", values);
    struct plan_change two = change_of("c-2", values);
    return plan_add_review(writer, &review, err) && plan_add_change(writer, &one, err) &&
           plan_add_change(writer, &two, err) && plan_add_bad(writer, &bad, err) &&
           plan_writer_finish(writer, ret, err);
}

static void expected_small_bytes(struct buf *out)
{
    static const char records[] = "R\x03\x0d\x00"
                                  "c-3three of them"
                                  "C\x03\x06\x09\x0b\x0d\x0d\x05\x00"
                                  "c-1REVU-9revu-pairsame e-maila@example.coma@example.comAnn\0A"
                                  "C\x03\x06\x09\x0b\x0d\x0d\x05\x00"
                                  "c-2REVU-9revu-pairsame e-maila@example.coma@example.comAnn\0A"
                                  "B\x00\x09\xac\x02"
                                  "no e-mail";
    char end[256];
    char hex[SHA256_HEX];
    AUTO_BUF struct buf hashed = {0};
    buf_addz(&hashed, header_json);
    buf_add(&hashed, records, sizeof(records) - 1);
    sha256_hex_of(hashed.ptr, hashed.len, hex);
    (void)snprintf(end, sizeof(end), "{\"changes\":2,\"review\":1,\"bad\":1,\"hash\":\"%s\"}", hex);
    const struct {
        char type;
        str payload;
    } blocks[] = {
        {'H', str_of(header_json)}, {'D', {records, sizeof(records) - 1}}, {'E', str_of(end)}};
    buf_add(out, "STWPLAN1\1\0\0\0", 12);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        str payload = blocks[i].payload;
        uint32_t crc = crc32c_portable(payload.ptr, payload.len);
        buf_addc(out, blocks[i].type);
        for (int shift = 0; shift < 32; shift += 8) {
            buf_addc(out, (char)(payload.len >> shift));
        }
        for (int shift = 0; shift < 32; shift += 8) {
            buf_addc(out, (char)(crc >> shift));
        }
        buf_adds(out, payload);
    }
}

static void crc_is_castagnoli_in_both_versions(void)
{
    char bytes[300];
    CHECK_INT(crc32c("123456789", 9), 0xe3069283);
    CHECK_INT(crc32c_portable("123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof(bytes));
    CHECK_INT(crc32c(bytes, 32), 0x8a9136aa);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 31 + 7);
        CHECK_INT(crc32c(bytes, i), crc32c_portable(bytes, i));
    }
}

static void bytes_are_those_of_the_format(void)
{
    struct err err;
    struct plan_totals totals = {0};
    AUTO_BUF struct buf is = {0};
    AUTO_BUF struct buf should = {0};
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(write_small(dir, "plans/1.plan", &totals, &err), err);
    CHECK_OK(fs_read(dir, "plans/1.plan", &is, &err), err);
    expected_small_bytes(&should);
    CHECK(str_eq(buf_str(&is), buf_str(&should)));
    struct stat st;
    CHECK(fstatat(dir, "plans/1.plan", &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    CHECK(fstatat(dir, "plans", &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0700);
    CHECK(!fs_exists(dir, "plans/1.plan.tmp"));
    CHECK_INT(totals.changes, 2);
    CHECK_INT(totals.review, 1);
    CHECK_INT(totals.bad, 1);
}

static void read_small(struct plan_reader *reader, const struct plan_totals *totals)
{
    struct err err;
    enum plan_item item = PLAN_END;
    struct plan_change change = {0};
    struct plan_finding finding = {0};
    uint8_t id[CHANGE_ID_BYTES];
    char hex[CHANGE_ID_HEX];
    CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err);
    CHECK_INT(item, PLAN_REVIEW);
    CHECK_TEXT(finding.id, "c-3");
    CHECK_TEXT(finding.reason, "three of them");
    CHECK_INT(finding.line, 0);
    for (uint64_t seq = 0; seq < 2; seq++) {
        CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err);
        CHECK_INT(item, PLAN_CHANGE);
        CHECK_INT(change.seq, seq);
        CHECK_TEXT(change.target, seq == 0 ? "c-1" : "c-2");
        CHECK_TEXT(change.survivor, "REVU-9");
        CHECK_TEXT(change.strategy, "revu-pair");
        CHECK_TEXT(change.reason, "same e-mail");
        CHECK_TEXT(change.values[0].before, "a@example.com");
        CHECK_TEXT(change.values[0].after, "a@example.com");
        CHECK(str_eq(change.values[1].before, STR("Ann\0A")));
        CHECK_INT(change.values[1].after.len, 0);
        plan_change_id(totals->hash, STR("merge-contact"), change.target, id);
        num_hex(id, CHANGE_ID_BYTES, hex);
        CHECK_STR(change.id, hex);
    }
    CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err);
    CHECK_INT(item, PLAN_BAD);
    CHECK_INT(finding.line, 300);
    CHECK_INT(finding.id.len, 0);
    CHECK_TEXT(finding.reason, "no e-mail");
    for (int i = 0; i < 2; i++) {
        CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err);
        CHECK_INT(item, PLAN_END);
    }
}

static void what_was_written_is_read(void)
{
    struct err err;
    struct plan_totals totals = {0};
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(write_small(dir, "1.plan", &totals, &err), err);
    AUTO(plan_reader_free) struct plan_reader *reader = NULL;
    CHECK_OK((reader = plan_reader_open(dir, "1.plan", totals.hash, &err)) != NULL, err);
    const struct plan_header *h = plan_reader_header(reader);
    CHECK_TEXT(h->job, "merge");
    CHECK_TEXT(h->rules, "revu-pairs");
    CHECK_TEXT(h->rules_hash, "00ff");
    CHECK_TEXT(h->kind, "merge-contact");
    CHECK_TEXT(h->source, "csv");
    CHECK_INT(h->column_count, 2);
    CHECK_TEXT(h->columns[1].name, "name");
    CHECK_TEXT(h->columns[1].remote, "display_name");
    CHECK_TEXT(h->columns[1].form, "trim");
    CHECK(h->columns[0].decides && !h->columns[1].decides);
    CHECK_INT(plan_reader_totals(reader)->changes, 2);
    CHECK(memcmp(plan_reader_totals(reader)->hash, totals.hash, SHA256_BYTES) == 0);
    read_small(reader, &totals);
    CHECK_OK(plan_rewind(reader, &err), err);
    read_small(reader, &totals);
}

static void id_is_of_hash_kind_and_target(void)
{
    uint8_t hash[SHA256_BYTES] = {1, 2, 3};
    uint8_t id[CHANGE_ID_BYTES];
    uint8_t digest[SHA256_BYTES];
    AUTO_BUF struct buf bytes = {0};
    buf_add(&bytes, hash, sizeof(hash));
    buf_add(&bytes, "kind\0target", 11);
    sha256_of(bytes.ptr, bytes.len, digest);
    plan_change_id(hash, STR("kind"), STR("target"), id);
    CHECK(memcmp(id, digest, CHANGE_ID_BYTES) == 0);
}

static void copy_outlives_the_reader(void)
{
    struct plan_value values[2];
    struct arena arena = {0};
    char target[] = "c-1";
    struct plan_change change = change_of(target, values);
    change.seq = 5;
    const struct plan_change *copy = plan_change_copy(&arena, &change, 2);
    target[0] = 'x';
    values[0].before = STR("x");
    CHECK_INT(copy->seq, 5);
    CHECK_TEXT(copy->target, "c-1");
    CHECK_TEXT(copy->survivor, "REVU-9");
    CHECK_TEXT(copy->strategy, "revu-pair");
    CHECK_TEXT(copy->reason, "same e-mail");
    CHECK_TEXT(copy->values[0].before, "a@example.com");
    CHECK_TEXT(copy->values[1].after, "");
    arena_done(&arena);
}

static void empty_plan_without_columns(void)
{
    struct err err;
    struct plan_totals totals = {0};
    struct plan_header bare = {.job = STR("sync"), .kind = STR("batch")};
    enum plan_item item = PLAN_BAD;
    struct plan_change change;
    struct plan_finding finding;
    AUTO_CLOSE int dir = open_workspace();
    AUTO(plan_writer_free) struct plan_writer *writer = NULL;
    CHECK_OK((writer = plan_writer_new(dir, "e.plan", &bare, &err)) != NULL, err);
    CHECK_OK(plan_writer_finish(writer, &totals, &err), err);
    AUTO(plan_reader_free) struct plan_reader *reader = NULL;
    CHECK_OK((reader = plan_reader_open(dir, "e.plan", NULL, &err)) != NULL, err);
    CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err);
    CHECK_INT(item, PLAN_END);
    CHECK_INT(plan_reader_header(reader)->column_count, 0);
}

/* Blocks of many sizes, and a change as large as can be. */
static void large_plan_comes_back(void)
{
    enum { MANY = 20000, BIG = 65536 };
    struct err err;
    struct plan_totals totals = {0};
    static struct plan_column many[PLAN_MAX_FIELDS];
    static struct plan_value values[PLAN_MAX_FIELDS];
    struct plan_header wide = {.kind = STR("k"), .columns = many, .column_count = PLAN_MAX_FIELDS};
    AUTO_FREE char *big = xcalloc(BIG, 1);
    memset(big, 'b', BIG);
    AUTO_CLOSE int dir = open_workspace();
    AUTO(plan_writer_free) struct plan_writer *writer = NULL;
    CHECK_OK((writer = plan_writer_new(dir, "l.plan", &wide, &err)) != NULL, err);
    char target[32];
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(target, sizeof(target), "t-%zu", i);
        bool huge = i == 7 || i == MANY - 1;
        for (size_t c = 0; c < PLAN_MAX_FIELDS; c++) {
            values[c].before = (str){big, huge ? BIG : i % 5};
            values[c].after = (str){big, huge ? BIG : c};
        }
        struct plan_change change = {.target = str_of(target), .values = values};
        CHECK_OK(plan_add_change(writer, &change, &err), err);
    }
    CHECK_OK(plan_writer_finish(writer, &totals, &err), err);
    CHECK_INT(totals.changes, MANY);
    AUTO(plan_reader_free) struct plan_reader *reader = NULL;
    CHECK_OK((reader = plan_reader_open(dir, "l.plan", totals.hash, &err)) != NULL, err);
    enum plan_item item = PLAN_CHANGE;
    size_t good = 0;
    while (item == PLAN_CHANGE) {
        struct plan_change change;
        struct plan_finding finding;
        if (!CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err) ||
            item != PLAN_CHANGE) {
            break;
        }
        size_t i = change.seq;
        bool huge = i == 7 || i == MANY - 1;
        (void)snprintf(target, sizeof(target), "t-%zu", i);
        bool same = str_eqz(change.target, target);
        for (size_t c = 0; c < PLAN_MAX_FIELDS; c++) {
            same = same && change.values[c].before.len == (huge ? BIG : i % 5) &&
                   str_eq(change.values[c].after, (str){big, huge ? BIG : c});
        }
        good += same ? 1 : 0;
    }
    CHECK_INT(good, MANY);
}

static void what_is_out_of_limits_is_refused(void)
{
    struct err err;
    struct plan_totals totals = {0};
    struct plan_value values[2];
    AUTO_CLOSE int dir = open_workspace();
    AUTO_FREE char *big = xcalloc(65537, 1);
    memset(big, 'b', 65537);
    struct plan_header bad = header;
    bad.column_count = 65;
    CHECK_ERR(plan_writer_new(dir, "1.plan", &bad, &err) != NULL, err, ERR_INPUT,
              "could not write the plan '1.plan': 65 columns, at most 64");
    bad = header;
    bad.rules = STR("\xff");
    CHECK_ERR(plan_writer_new(dir, "1.plan", &bad, &err) != NULL, err, ERR_INPUT,
              "could not write the plan '1.plan': its header is not UTF-8 without NUL");
    bad.rules = STR("a\0b");
    CHECK_ERR(plan_writer_new(dir, "1.plan", &bad, &err) != NULL, err, ERR_INPUT,
              "could not write the plan '1.plan': its header is not UTF-8 without NUL");
    AUTO_FREE char *long_text = xcalloc(1100000, 1);
    memset(long_text, 'x', 1100000);
    bad.rules = (str){long_text, 1100000};
    CHECK_ERR(plan_writer_new(dir, "1.plan", &bad, &err) != NULL, err, ERR_INPUT,
              "could not write the plan '1.plan': its header is too long");
    CHECK(!fs_exists(dir, "1.plan.tmp"));

    AUTO(plan_writer_free) struct plan_writer *writer = NULL;
    CHECK_OK((writer = plan_writer_new(dir, "1.plan", &header, &err)) != NULL, err);
    struct plan_change change = change_of("c-1", values);
    CHECK_OK(plan_add_change(writer, &change, &err), err);
    values[1].after = (str){big, 65537};
    CHECK_ERR(
        plan_add_change(writer, &change, &err), err, ERR_INPUT,
        "could not write the plan '1.plan': change 1 holds a value of 65537 bytes, at most 65536");
    change = change_of("", values);
    CHECK_ERR(plan_add_change(writer, &change, &err), err, ERR_INPUT,
              "could not write the plan '1.plan': a change without a target");
    struct plan_finding finding = {.reason = STR("x")};
    CHECK_ERR(plan_add_review(writer, &finding, &err), err, ERR_INPUT,
              "could not write the plan '1.plan': a review without an id");
    CHECK_ERR(plan_add_bad(writer, &finding, &err), err, ERR_INPUT,
              "could not write the plan '1.plan': a bad row without a line");
    finding = (struct plan_finding){.line = UINT64_MAX, .reason = {big, 65537}};
    CHECK_ERR(plan_add_bad(writer, &finding, &err), err, ERR_INPUT,
              "could not write the plan '1.plan': a finding is too long");
    finding.reason.len = 65536;
    CHECK_OK(plan_add_bad(writer, &finding, &err), err);
    CHECK_OK(plan_writer_finish(writer, &totals, &err), err);
    CHECK_INT(totals.changes, 1);
    CHECK_INT(totals.review, 0);
    CHECK_INT(totals.bad, 1);
    AUTO(plan_reader_free) struct plan_reader *reader = NULL;
    enum plan_item item = PLAN_END;
    CHECK_OK((reader = plan_reader_open(dir, "1.plan", NULL, &err)) != NULL, err);
    CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err);
    CHECK_OK(plan_next(reader, &item, &change, &finding, &err), err);
    CHECK(finding.line == UINT64_MAX);
}

static void an_existing_plan_is_never_replaced(void)
{
    struct err err;
    struct plan_totals totals = {0};
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(write_small(dir, "plans/1.plan", &totals, &err), err);
    CHECK_ERR(write_small(dir, "plans/1.plan", &totals, &err), err, ERR_IO,
              "could not create 'plans/1.plan': File exists");
    /* two writers at once: the second to finish loses */
    AUTO(plan_writer_free) struct plan_writer *late = NULL;
    CHECK_OK((late = plan_writer_new(dir, "plans/2.plan", &header, &err)) != NULL, err);
    CHECK_OK(fs_write_new(dir, "plans/2.plan", STR("other"), false, &err), err);
    CHECK_ERR(plan_writer_finish(late, &totals, &err), err, ERR_IO,
              "could not rename 'plans/2.plan': File exists");
    CHECK_ERR(plan_writer_finish(late, &totals, &err), err, ERR_INPUT,
              "could not write the plan 'plans/2.plan': an earlier write failed");
}

static void what_a_dead_writer_left_is_replaced(void)
{
    struct err err;
    struct plan_totals totals = {0};
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(fs_write_new(dir, "1.plan.tmp", STR("half a plan"), false, &err), err);
    CHECK_OK(write_small(dir, "1.plan", &totals, &err), err);
    CHECK(!fs_exists(dir, "1.plan.tmp"));
    struct plan_writer *writer = NULL;
    CHECK_OK((writer = plan_writer_new(dir, "2.plan", &header, &err)) != NULL, err);
    CHECK(fs_exists(dir, "2.plan.tmp"));
    plan_writer_free(writer);
    CHECK(!fs_exists(dir, "2.plan.tmp"));
    plan_writer_free(NULL);
    plan_reader_free(NULL);
}

/* --- damage ------------------------------------------------------------------------------------ */

static const char *const corrupt_hint =
    "Nothing is applied from such a file. Plan again, or put back a copy of it.";

static void put_file(int dir, str bytes)
{
    struct err err;
    (void)unlinkat(dir, "x.plan", 0);
    CHECK_OK(fs_write_new(dir, "x.plan", bytes, false, &err), err);
}

/* Opens and reads all of it; the error says what was wrong. */
static bool read_all(int dir, struct err *err)
{
    AUTO(plan_reader_free) struct plan_reader *reader = plan_reader_open(dir, "x.plan", NULL, err);
    enum plan_item item = PLAN_CHANGE;
    struct plan_change change;
    struct plan_finding finding;
    bool ok = reader != NULL;
    while (ok && item != PLAN_END) {
        ok = plan_next(reader, &item, &change, &finding, err);
    }
    if (!ok && reader != NULL) { /* and it stays broken */
        CHECK(!plan_next(reader, &item, &change, &finding, NULL));
    }
    return ok;
}

static void a_cut_file_is_never_opened(void)
{
    struct err err;
    AUTO_BUF struct buf good = {0};
    AUTO_CLOSE int dir = open_workspace();
    expected_small_bytes(&good);
    size_t data_at = 12 + 9 + sizeof(header_json) - 1;
    size_t end_at =
        good.len - 9 - strlen("{\"changes\":2,\"review\":1,\"bad\":1,\"hash\":\"\"}") - 64;
    for (size_t cut = 0; cut < good.len; cut++) {
        put_file(dir, (str){good.ptr, cut});
        err = (struct err){0};
        CHECK(plan_reader_open(dir, "x.plan", NULL, &err) == NULL);
        CHECK_INT(err.kind, ERR_CORRUPT);
        char expected[128];
        int block = cut < data_at ? 1 : cut < end_at ? 2 : 3;
        (void)snprintf(expected, sizeof(expected),
                       cut < 12 ? "could not read the plan 'x.plan': it is not a plan"
                                : "could not read the plan 'x.plan': it is cut off in block %d",
                       block);
        CHECK_STR(err.message, expected);
        CHECK_STR(err.hint, corrupt_hint);
    }
    put_file(dir, buf_str(&good));
    CHECK_OK(read_all(dir, &err), err);
    buf_addc(&good, '\n');
    put_file(dir, buf_str(&good));
    CHECK_ERR(read_all(dir, &err), err, ERR_CORRUPT,
              "could not read the plan 'x.plan': there are bytes after its end");
}

static void a_flipped_bit_is_never_read(void)
{
    struct err err;
    AUTO_BUF struct buf good = {0};
    AUTO_CLOSE int dir = open_workspace();
    expected_small_bytes(&good);
    for (size_t bit = 0; bit < good.len * 8; bit++) {
        AUTO_BUF struct buf bad = {0};
        buf_adds(&bad, buf_str(&good));
        bad.ptr[bit / 8] = (char)(bad.ptr[bit / 8] ^ (1 << (bit % 8)));
        put_file(dir, buf_str(&bad));
        err = (struct err){0};
        if (!CHECK(!read_all(dir, &err)) || !CHECK(err.kind == ERR_CORRUPT)) {
            printf("# bit %zu: %s\n", bit, err.message);
        }
    }
}

/* A file with right sums but wrong content: what `payloads` say. */
static void put_blocks(int dir, const char *types, const str *payloads)
{
    AUTO_BUF struct buf out = {0};
    buf_add(&out, "STWPLAN1\1\0\0\0", 12);
    for (size_t i = 0; types[i] != '\0'; i++) {
        uint32_t crc = crc32c(payloads[i].ptr, payloads[i].len);
        buf_addc(&out, types[i]);
        for (int shift = 0; shift < 32; shift += 8) {
            buf_addc(&out, (char)(payloads[i].len >> shift));
        }
        for (int shift = 0; shift < 32; shift += 8) {
            buf_addc(&out, (char)(crc >> shift));
        }
        buf_adds(&out, payloads[i]);
    }
    put_file(dir, buf_str(&out));
}

static void check_blocks(const char *types, str h, str d, str e, const char *what)
{
    struct err err;
    char expected[128];
    str payloads[8] = {h, d, e, e};
    AUTO_CLOSE int dir = open_workspace();
    put_blocks(dir, types, payloads);
    (void)snprintf(expected, sizeof(expected), "could not read the plan 'x.plan': %s", what);
    CHECK_ERR(read_all(dir, &err), err, ERR_CORRUPT, expected);
    CHECK_STR(err.hint, corrupt_hint);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define BARE(more)                                                                                 \
    "{\"job\":\"\",\"rules\":\"\",\"rules_hash\":\"\",\"kind\":\"k\",\"source\":\"\"" more "}"
#define ENDS(changes) "{\"changes\":" changes ",\"review\":0,\"bad\":0,\"hash\":\"" ZEROS "\"}"

static void right_sums_do_not_save_wrong_content(void)
{
    str h = STR(BARE(",\"columns\":[]"));
    str e = STR(ENDS("1"));
    str d = STR("C\1\0\0\0t");
    check_blocks("HDE", h, d, e, "its hash is wrong");
    check_blocks("HDE", h, STR("C\1\0\0\0tC\1\0\0\0u"), e, "its counts are wrong");
    check_blocks("DDE", h, d, e, "block 1 is damaged");
    check_blocks("HHE", h, d, e, "block 2 is damaged");
    check_blocks("HXE", h, d, e, "block 2 is damaged");
    check_blocks("HD", h, d, e, "it is cut off in block 3");
    check_blocks("HDEE", h, d, e, "there are bytes after its end");
    check_blocks("HDE", h, STR(""), e, "block 2 is damaged");
    static const str records[] = {
        STR("X\1\0\0\0t"),           /* unknown type */
        STR("C\0\0\0\0"),            /* no target */
        STR("C\2\0\0\0t"),           /* longer than the block */
        STR("C\1\0\0"),              /* lengths cut */
        STR("C\x81\0\0\0\0t"),       /* not the shortest form */
        STR("C\1\0\0\x81\x80\x04t"), /* 65537 */
        STR("C\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0\0t"),
        STR("C\xff\xff\xff\xff\xff\xff\xff\xff\xff\2\0\0\0t"), /* 65 bits */
        STR("C\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1t"),
        STR("R\0\1\0r"), /* review without id */
        STR("B\0\1\0r"), /* bad row without line */
        STR("B\0\1"),
        STR("B\0\5\1r"),
        STR("C\1\0\0\0tC"), /* half a second record */
    };
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        check_blocks("HDE", h, records[i], e, "block 2 is damaged");
    }
    static const str headers[] = {
        STR("x"),
        STR("[]"),
        STR("{}"),
        STR(BARE("")),
        STR(BARE(",\"columns\":{}")),
        STR(BARE(",\"columns\":[1]")),
        STR(BARE(",\"columns\":[{\"name\":\"a\",\"remote\":\"\",\"form\":\"\",\"decides\":0}]")),
        STR(BARE(",\"columns\":[{\"name\":1,\"remote\":\"\",\"form\":\"\",\"decides\":true}]")),
        STR(BARE(",\"columns\":[],\"more\":1")),
        STR(BARE(",\"columns\":[],\"job\":\"\"")),
        STR(BARE(", \"columns\":[]")),
        STR("{\"rules\":\"\",\"job\":\"\",\"rules_hash\":\"\",\"kind\":\"k\",\"source\":\"\","
            "\"columns\":[]}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        check_blocks("HDE", headers[i], d, e, "block 1 is damaged");
    }
    static const str ends[] = {
        STR("{}"),
        STR(ENDS("-1")),
        STR(ENDS("1.0")),
        STR(ENDS("\"1\"")),
        STR(ENDS("01")),
        STR(ENDS(" 1")),
        STR(ENDS("99999999999999999999999")),
        STR("{\"changes\":1,\"review\":0,\"bad\":0,\"hash\":\"00\"}"),
        STR("{\"changes\":1,\"review\":0,\"bad\":0,\"hash\":null}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        check_blocks("HDE", h, d, ends[i], "block 3 is damaged");
    }
}

static void sixty_five_columns_are_damage(void)
{
    AUTO_BUF struct buf h = {0};
    buf_addz(&h, "{\"job\":\"\",\"rules\":\"\",\"rules_hash\":\"\",\"kind\":\"k\",\"source\":\"\","
                 "\"columns\":[");
    for (int i = 0; i < 65; i++) {
        buf_addz(&h, i != 0 ? "," : "");
        buf_addz(&h, "{\"name\":\"a\",\"remote\":\"\",\"form\":\"\",\"decides\":true}");
    }
    buf_addz(&h, "]}");
    check_blocks("HDE", buf_str(&h), STR("C\1\0\0\0t"), STR(ENDS("1")), "block 1 is damaged");
}

static void strange_files_are_refused(void)
{
    struct err err;
    struct plan_totals totals = {0};
    AUTO_BUF struct buf good = {0};
    AUTO_CLOSE int dir = open_workspace();
    CHECK_ERR(plan_reader_open(dir, "x.plan", NULL, &err) != NULL, err, ERR_NOT_FOUND,
              "could not open the plan 'x.plan': No such file or directory");
    CHECK_STR(err.hint, "Plan again, or put back a copy of it.");
    CHECK(mkdirat(dir, "d.plan", 0700) == 0);
    CHECK_ERR(plan_reader_open(dir, "d.plan", NULL, &err) != NULL, err, ERR_CORRUPT,
              "could not read the plan 'd.plan': it is not a plan");
    CHECK(mkfifoat(dir, "f.plan", 0600) == 0);
    CHECK_ERR(plan_reader_open(dir, "f.plan", NULL, &err) != NULL, err, ERR_CORRUPT,
              "could not read the plan 'f.plan': it is not a plan");
    put_file(dir, STR("STWPLAN2\1\0\0\0"));
    CHECK_ERR(read_all(dir, &err), err, ERR_CORRUPT,
              "could not read the plan 'x.plan': it is not a plan");
    expected_small_bytes(&good);
    good.ptr[8] = 2;
    put_file(dir, buf_str(&good));
    CHECK_ERR(
        read_all(dir, &err), err, ERR_CORRUPT,
        "could not read the plan 'x.plan': it was written by a newer steward (format 2, this one "
        "reads 1)");
    CHECK_STR(err.hint, "Use that steward, or plan again with this one.");
    CHECK(symlinkat("x.plan", dir, "l.plan") == 0);
    CHECK_ERR(plan_reader_open(dir, "l.plan", NULL, &err) != NULL, err, ERR_IO,
              "could not open the plan 'l.plan': Too many levels of symbolic links");
    CHECK_OK(write_small(dir, "y.plan", &totals, &err), err);
    totals.hash[31] ^= 1;
    CHECK_ERR(plan_reader_open(dir, "y.plan", totals.hash, &err) != NULL, err, ERR_CORRUPT,
              "could not read the plan 'y.plan': it is not the plan that the journal knows");
}

/* A plan of many blocks with one byte changed: all records before the block come, none after. */
static void damage_in_the_middle_names_the_block(void)
{
    struct err err;
    struct plan_totals totals = {0};
    struct plan_value values[2];
    AUTO_BUF struct buf file = {0};
    AUTO_CLOSE int dir = open_workspace();
    AUTO(plan_writer_free) struct plan_writer *writer = NULL;
    CHECK_OK((writer = plan_writer_new(dir, "m.plan", &header, &err)) != NULL, err);
    for (int i = 0; i < 4000; i++) {
        struct plan_change change = change_of("c-1", values);
        CHECK_OK(plan_add_change(writer, &change, &err), err);
    }
    CHECK_OK(plan_writer_finish(writer, &totals, &err), err);
    CHECK_OK(fs_read(dir, "m.plan", &file, &err), err);
    file.ptr[12 + 9 + sizeof(header_json) - 1 + 9 + 65600 + 100] ^= 4; /* in the second 'D' */
    put_file(dir, buf_str(&file));
    CHECK_ERR(read_all(dir, &err), err, ERR_CORRUPT,
              "could not read the plan 'x.plan': block 3 is damaged");
}

/* --- every write fails once -------------------------------------------------------------------- */

/* In a child: the exit code says how the write went and what lies there. */
static int write_with_failure(const char *spec)
{
    int status = 0;
    (void)tap_tmpdir(); /* the same for both */
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        struct plan_totals totals;
        int dir = open_workspace();
        (void)setenv("STEWARD_FAILPOINTS", spec, 1);
        atomic_store(&failpoint_armed_, 0);
        bool ok = write_small(dir, "plans/1.plan", &totals, &err);
        bool told = err.kind == ERR_IO && err.os_errno == EIO &&
                    strstr(err.message, "'plans/1.plan': Input/output error") != NULL;
        bool fsync_is_fatal = strstr(spec, "fsync") == NULL || err.fatal;
        bool clean = !fs_exists(dir, "plans/1.plan.tmp");
        (void)close(dir); /* a directory opened for reading */
        exit(ok ? 10 : told && fsync_is_fatal && clean ? 20 : 30);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void each_failing_step_is_told_and_leaves_no_plan(void)
{
    static const char *const points[] = {"fs.open", "fs.write", "fs.fsync", "fs.rename"};
    static const int steps[] = {1, 1, 2, 1}; /* how often a small plan passes it */
    struct err err;
    char spec[64];
    AUTO_CLOSE int dir = open_workspace();
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        for (int hit = 1; hit <= steps[i] + 1; hit++) {
            CHECK_OK(fs_remove_tree(dir, "plans", &err), err);
            (void)snprintf(spec, sizeof(spec), "%s=EIO@%d", points[i], hit);
            bool fails = hit <= steps[i];
            CHECK_INT(write_with_failure(spec), fails ? 20 : 10);
            /* only the directory's flush comes after the rename */
            bool there = !fails || (strcmp(points[i], "fs.fsync") == 0 && hit == 2);
            CHECK_INT(fs_exists(dir, "plans/1.plan"), there);
        }
    }
}

static void random_damage_never_gives_a_wrong_record(void)
{
    struct err err;
    struct rng rng;
    AUTO_BUF struct buf good = {0};
    AUTO_CLOSE int dir = open_workspace();
    expected_small_bytes(&good);
    rng_seed(&rng, 20261124);
    for (int round = 0; round < 3000; round++) {
        AUTO_BUF struct buf bad = {0};
        buf_adds(&bad, buf_str(&good));
        uint64_t edits = 1 + rng_below(&rng, 4);
        for (uint64_t i = 0; i < edits; i++) {
            bad.ptr[rng_below(&rng, bad.len)] = (char)rng_next(&rng);
        }
        bool same = str_eq(buf_str(&bad), buf_str(&good));
        put_file(dir, buf_str(&bad));
        err = (struct err){0};
        CHECK_INT(read_all(dir, &err), same);
    }
}

static int first_large_write_fails(void)
{
    struct err err = {0};
    struct plan_totals totals;
    struct plan_value values[2];
    struct plan_finding finding = {.id = STR("c"), .reason = STR("r")};
    AUTO_CLOSE int dir = open_workspace();
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(dir, "1.plan", &header, &err);
    (void)setenv("STEWARD_FAILPOINTS", "fs.write=EIO", 1);
    atomic_store(&failpoint_armed_, 0);
    struct plan_change change = change_of("c-1", values);
    int added = 0;
    while (added < 10000 && plan_add_change(writer, &change, &err)) {
        added++;
    }
    bool told = added > 2000 && added < 10000 &&
                strcmp(err.message, "could not write '1.plan': Input/output error") == 0;
    static const char *const after = "could not write the plan '1.plan': an earlier write failed";
    told = told && !plan_add_change(writer, &change, &err) && strcmp(err.message, after) == 0;
    told = told && !plan_add_review(writer, &finding, &err) && strcmp(err.message, after) == 0;
    told = told && !plan_writer_finish(writer, &totals, &err) && strcmp(err.message, after) == 0;
    return told ? 0 : 1;
}

static void a_write_that_failed_is_never_forgotten(void)
{
    int status = 0;
    (void)tap_tmpdir(); /* the same for both */
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        exit(first_large_write_fails());
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void what_is_in_the_way_is_told(void)
{
    struct err err;
    struct plan_totals totals = {0};
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(fs_write_new(dir, "plans", STR("a file"), false, &err), err);
    CHECK_ERR(write_small(dir, "plans/1.plan", &totals, &err), err, ERR_IO,
              "could not open directory 'plans': it is not a directory");
    CHECK(mkdirat(dir, "1.plan.tmp", 0700) == 0);
    CHECK_ERR(write_small(dir, "1.plan", &totals, &err), err, ERR_IO,
              "could not create '1.plan': Is a directory");
}

/* Somebody changes the file under the reader's hands. */
static void a_file_that_changes_while_it_is_read(void)
{
    struct err err;
    struct plan_totals totals = {0};
    enum plan_item item = PLAN_END;
    struct plan_change change;
    struct plan_finding finding;
    AUTO_CLOSE int dir = open_workspace();
    CHECK_OK(write_small(dir, "1.plan", &totals, &err), err);
    AUTO(plan_reader_free) struct plan_reader *reader = NULL;
    CHECK_OK((reader = plan_reader_open(dir, "1.plan", NULL, &err)) != NULL, err);
    AUTO_CLOSE int fd = openat(dir, "1.plan", O_RDWR | O_CLOEXEC);
    CHECK(pwrite(fd, "E", 1, 12 + 9 + sizeof(header_json) - 1) == 1);
    CHECK_ERR(plan_next(reader, &item, &change, &finding, &err), err, ERR_CORRUPT,
              "could not read the plan '1.plan': block 2 is damaged");
    CHECK(pwrite(fd, "D", 1, 12 + 9 + sizeof(header_json) - 1) == 1);
    CHECK_OK(plan_rewind(reader, &err), err);
    CHECK(ftruncate(fd, 12 + 9 + sizeof(header_json) + 20) == 0);
    CHECK_ERR(plan_next(reader, &item, &change, &finding, &err), err, ERR_CORRUPT,
              "could not read the plan '1.plan': it is cut off in block 2");
    CHECK(ftruncate(fd, 0) == 0);
    CHECK_ERR(plan_rewind(reader, &err), err, ERR_CORRUPT,
              "could not read the plan '1.plan': it is cut off in block 1");
}

TAP_MAIN(TAP_TEST(crc_is_castagnoli_in_both_versions), TAP_TEST(bytes_are_those_of_the_format),
         TAP_TEST(what_was_written_is_read), TAP_TEST(id_is_of_hash_kind_and_target),
         TAP_TEST(copy_outlives_the_reader), TAP_TEST(empty_plan_without_columns),
         TAP_TEST(large_plan_comes_back), TAP_TEST(what_is_out_of_limits_is_refused),
         TAP_TEST(an_existing_plan_is_never_replaced),
         TAP_TEST(what_a_dead_writer_left_is_replaced), TAP_TEST(a_cut_file_is_never_opened),
         TAP_TEST(a_flipped_bit_is_never_read), TAP_TEST(right_sums_do_not_save_wrong_content),
         TAP_TEST(sixty_five_columns_are_damage), TAP_TEST(strange_files_are_refused),
         TAP_TEST(damage_in_the_middle_names_the_block),
         TAP_TEST(each_failing_step_is_told_and_leaves_no_plan),
         TAP_TEST(random_damage_never_gives_a_wrong_record),
         TAP_TEST(a_write_that_failed_is_never_forgotten), TAP_TEST(what_is_in_the_way_is_told),
         TAP_TEST(a_file_that_changes_while_it_is_read))
