/* SPDX-License-Identifier: MIT */
/*
 * Bytes as a plan file. The first byte says how: 'r' the rest is the file as it is; 'b' the rest is
 * three counts, a length of the header (two bytes), header and records, around which this puts right
 * sums and a right hash, so that the fuzzer gets past them.
 *
 * A plan that reads to its end is written again from what was read, and has the same hash.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/num.h"
#include "store/crc32c.h"
#include "store/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[256];
static int directory_fd = -1;

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void drop_directory(void)
{
    struct err err = {0};
    require(fs_remove_tree(AT_FDCWD, directory, &err));
}

static void set_up(void)
{
    struct err err = {0};
    const char *base = getenv("TMPDIR");
    (void)snprintf(directory, sizeof(directory), "%s/steward-fuzz-XXXXXX",
                   base != NULL ? base : "/tmp");
    require(mkdtemp(directory) != NULL);
    require(fs_open_dir(AT_FDCWD, directory, &directory_fd, &err));
    require(atexit(drop_directory) == 0);
}

static void add_block(struct buf *out, char type, str payload)
{
    uint32_t crc = crc32c(payload.ptr, payload.len);
    buf_addc(out, type);
    for (int shift = 0; shift < 32; shift += 8) {
        buf_addc(out, (char)(payload.len >> shift));
    }
    for (int shift = 0; shift < 32; shift += 8) {
        buf_addc(out, (char)(crc >> shift));
    }
    buf_adds(out, payload);
}

static void build(struct buf *out, const uint8_t *data, size_t size)
{
    size_t header_len = size >= 5 ? (size_t)data[3] | (size_t)data[4] << 8 : 0;
    if (size < 5 || header_len > size - 5) {
        return;
    }
    str header = {(const char *)data + 5, header_len};
    str records = {header.ptr + header_len, size - 5 - header_len};
    AUTO_BUF struct buf end = {0};
    char hex[SHA256_HEX];
    sha256_hex_of(header.ptr, size - 5, hex);
    buf_printf(&end, "{\"changes\":%u,\"review\":%u,\"bad\":%u,\"hash\":\"%s\"}", (unsigned)data[0],
               (unsigned)data[1], (unsigned)data[2], hex);
    buf_add(out, "STWPLAN1\1\0\0\0", 12);
    add_block(out, 'H', header);
    if (records.len != 0) {
        add_block(out, 'D', records);
    }
    add_block(out, 'E', buf_str(&end));
}

static struct plan_reader *open_plan(const char *name)
{
    struct err err = {0};
    struct plan_reader *reader = plan_reader_open(directory_fd, name, NULL, &err);
    require((reader == NULL) == err_is(&err));
    require(reader != NULL || err.kind == ERR_CORRUPT);
    return reader;
}

/* True at the end of a sound plan; every record is put into `writer` where there is one. */
static bool read_all(struct plan_reader *reader, struct plan_writer *writer)
{
    struct err err = {0};
    enum plan_item item = PLAN_CHANGE;
    while (item != PLAN_END) {
        struct plan_change change;
        struct plan_finding finding;
        if (!plan_next(reader, &item, &change, &finding, &err)) {
            require(err.kind == ERR_CORRUPT);
            return false;
        }
        if (item == PLAN_CHANGE) {
            require(change.target.len != 0 && strlen(change.id) == CHANGE_ID_HEX - 1);
            require(writer == NULL || plan_add_change(writer, &change, &err));
        } else if (item == PLAN_REVIEW) {
            require(finding.id.len != 0);
            require(writer == NULL || plan_add_review(writer, &finding, &err));
        } else if (item == PLAN_BAD) {
            require(finding.line != 0);
            require(writer == NULL || plan_add_bad(writer, &finding, &err));
        }
    }
    return true;
}

static void write_again(struct plan_reader *reader)
{
    struct err err = {0};
    struct plan_totals totals = {0};
    AUTO(plan_writer_free)
    struct plan_writer *writer =
        plan_writer_new(directory_fd, "again", plan_reader_header(reader), &err);
    require(writer != NULL && plan_rewind(reader, &err) && read_all(reader, writer));
    require(plan_writer_finish(writer, &totals, &err));
    require(memcmp(&totals, plan_reader_totals(reader), sizeof(totals)) == 0);
    require(unlinkat(directory_fd, "again", 0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    AUTO_BUF struct buf file = {0};
    if (directory_fd < 0) {
        set_up();
    }
    if (size != 0 && data[0] == 'b') {
        build(&file, data + 1, size - 1);
    } else if (size != 0) {
        buf_add(&file, data + 1, size - 1);
    }
    require(fs_write_new(directory_fd, "plan", buf_str(&file), false, &err));
    AUTO(plan_reader_free) struct plan_reader *reader = open_plan("plan");
    if (reader != NULL && read_all(reader, NULL)) {
        write_again(reader);
    }
    require(unlinkat(directory_fd, "plan", 0) == 0);
    return 0;
}
