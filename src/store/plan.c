/* SPDX-License-Identifier: MIT */
/*
 * The writer builds blocks in place in one buffer: the nine bytes of a block's head are left free,
 * records are appended, the head is filled in when the block is full, and 256 KiB go out at once.
 * So a record is copied once.
 *
 * A record is: u8 type, LEB128 numbers, then the texts without separators. Numbers of a change:
 * length of target, survivor, strategy, reason, and of before and after of each column. Numbers of
 * a finding: length of id, length of reason, line.
 *
 * The reader walks the heads of all blocks when it opens (a few microseconds each 64 KiB), so a cut
 * file is noticed before the first change is given out. JSON texts are compared with what the
 * writer would have written: there is exactly one way to write a plan.
 */
#include "store/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "store/crc32c.h"
#include "store/disk.h"

enum {
    FORMAT_VERSION = 1,
    MAGIC_BYTES = 8,
    FILE_HEAD_BYTES = MAGIC_BYTES + 4,
    BLOCK_HEAD_BYTES = 9,
    BLOCK_FULL = 64 * 1024,
    OUT_FULL = 256 * 1024,
    TEXT_MAX = 64 * 1024,
    CHANGE_TEXTS = 4, /* target, survivor, strategy, reason */
    TEXTS_MAX = CHANGE_TEXTS + 2 * PLAN_MAX_FIELDS,
    RECORD_MAX = 1 + TEXTS_MAX * (TEXT_MAX + 3),
    HEADER_MAX = 1024 * 1024,
    END_MAX = 256,
    LEB_MAX = 10,
};

static const char magic[MAGIC_BYTES] = {'S', 'T', 'W', 'P', 'L', 'A', 'N', '1'};

static void put_u32(char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (char)(value >> (8 * i));
    }
}

static uint32_t get_u32(const char *from)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value |= (uint32_t)(unsigned char)from[i] << (8 * i);
    }
    return value;
}

static void render_header(struct buf *out, const struct plan_header *header)
{
    buf_addz(out, "{\"job\":");
    buf_add_json(out, header->job);
    buf_addz(out, ",\"rules\":");
    buf_add_json(out, header->rules);
    buf_addz(out, ",\"rules_hash\":");
    buf_add_json(out, header->rules_hash);
    buf_addz(out, ",\"kind\":");
    buf_add_json(out, header->kind);
    buf_addz(out, ",\"source\":");
    buf_add_json(out, header->source);
    buf_addz(out, ",\"columns\":[");
    for (size_t i = 0; i < header->column_count; i++) {
        const struct plan_column *column = &header->columns[i];
        buf_addz(out, i != 0 ? ",{\"name\":" : "{\"name\":");
        buf_add_json(out, column->name);
        buf_addz(out, ",\"remote\":");
        buf_add_json(out, column->remote);
        buf_addz(out, ",\"form\":");
        buf_add_json(out, column->form);
        buf_addz(out, column->decides ? ",\"decides\":true}" : ",\"decides\":false}");
    }
    buf_addz(out, "]}");
}

static void render_end(struct buf *out, const struct plan_totals *totals)
{
    char hex[SHA256_HEX];
    num_hex(totals->hash, SHA256_BYTES, hex);
    buf_printf(out, "{\"changes\":%llu,\"review\":%llu,\"bad\":%llu,\"hash\":\"%s\"}",
               (unsigned long long)totals->changes, (unsigned long long)totals->review,
               (unsigned long long)totals->bad, hex);
}

void plan_change_id(const uint8_t hash[SHA256_BYTES], str kind, str target,
                    uint8_t ret[CHANGE_ID_BYTES])
{
    struct sha256 *sha = sha256_new();
    uint8_t digest[SHA256_BYTES];
    sha256_add(sha, hash, SHA256_BYTES);
    sha256_add(sha, kind.ptr, kind.len);
    sha256_add(sha, "", 1);
    sha256_add(sha, target.ptr, target.len);
    sha256_end(sha, digest);
    sha256_free(sha);
    memcpy(ret, digest, CHANGE_ID_BYTES);
}

/* --- writing ------------------------------------------------------------------------------- */

struct plan_writer {
    char *path; /* as given, for errors */
    char *name; /* its last component */
    char *temp;
    int dir_fd;
    int fd; /* -1: not created, or closed */
    bool created;
    bool failed;
    struct sha256 *sha;
    struct buf out;     /* whole blocks, and the open one at its end */
    size_t block_start; /* of the open block's head */
    bool block_open;
    size_t column_count;
    struct plan_totals totals;
};

static bool writer_send(struct plan_writer *writer, struct err *err)
{
    if (!fs_write_all(writer->fd, buf_str(&writer->out), writer->path, err)) {
        writer->failed = true;
        return false;
    }
    buf_clear(&writer->out);
    return true;
}

static void block_begin(struct plan_writer *writer)
{
    static const char head[BLOCK_HEAD_BYTES] = {0};
    writer->block_start = writer->out.len;
    writer->block_open = true;
    buf_add(&writer->out, head, sizeof(head));
}

static void block_end(struct plan_writer *writer, char type)
{
    char *head = writer->out.ptr + writer->block_start;
    const char *payload = head + BLOCK_HEAD_BYTES;
    size_t len = writer->out.len - writer->block_start - BLOCK_HEAD_BYTES;
    if (type != 'E') {
        sha256_add(writer->sha, payload, len);
    }
    head[0] = type;
    put_u32(head + 1, (uint32_t)len); /* at most BLOCK_FULL + RECORD_MAX */
    put_u32(head + 5, crc32c(payload, len));
    writer->block_open = false;
}

/* Room for a record of at most `most` bytes, in the open block or in a new one. */
static char *record_begin(struct plan_writer *writer, size_t most)
{
    if (!writer->block_open) {
        block_begin(writer);
    }
    return buf_reserve(&writer->out, most);
}

static bool record_end(struct plan_writer *writer, const char *end, struct err *err)
{
    writer->out.len = (size_t)(end - writer->out.ptr);
    if (writer->out.len - writer->block_start < BLOCK_FULL + BLOCK_HEAD_BYTES) {
        return true;
    }
    block_end(writer, 'D');
    return writer->out.len < OUT_FULL || writer_send(writer, err);
}

static char *put_number(char *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (char)(value | 0x80);
        value >>= 7;
    }
    *to++ = (char)value;
    return to;
}

static char *put_text(char *to, str s)
{
    if (s.len != 0) {
        memcpy(to, s.ptr, s.len);
    }
    return to + s.len;
}

static bool header_text_ok(str s)
{
    return str_is_utf8(s) && (s.len == 0 || memchr(s.ptr, '\0', s.len) == NULL);
}

static bool check_header(const struct plan_header *header, const char *path, struct err *err)
{
    bool ok = header_text_ok(header->job) && header_text_ok(header->rules) &&
              header_text_ok(header->rules_hash) && header_text_ok(header->kind) &&
              header_text_ok(header->source);
    if (header->column_count > PLAN_MAX_FIELDS) {
        return err_set(err, ERR_INPUT, "could not write the plan '%s': %zu columns, at most %d",
                       path, header->column_count, PLAN_MAX_FIELDS);
    }
    for (size_t i = 0; i < header->column_count; i++) {
        const struct plan_column *column = &header->columns[i];
        ok = ok && header_text_ok(column->name) && header_text_ok(column->remote) &&
             header_text_ok(column->form);
    }
    return ok ||
           err_set(err, ERR_INPUT,
                   "could not write the plan '%s': its header is not UTF-8 without NUL", path);
}

/* Opens the directory that holds the file, making it where missing. */
static bool writer_open(struct plan_writer *writer, int dirfd, struct err *err)
{
    const char *slash = strrchr(writer->path, '/');
    writer->name = xstrdup(slash != NULL ? slash + 1 : writer->path);
    writer->temp = xcalloc(strlen(writer->name) + 5, 1);
    (void)snprintf(writer->temp, strlen(writer->name) + 5, "%s.tmp", writer->name);
    AUTO_FREE char *parent = xstrdup(slash != NULL ? writer->path : ".");
    if (slash != NULL) {
        parent[slash != writer->path ? slash - writer->path : 1] = '\0';
    }
    if (!fs_mkdirs(dirfd, parent, err) || !fs_open_dir(dirfd, parent, &writer->dir_fd, err)) {
        return false;
    }
    if (fs_exists(writer->dir_fd, writer->name)) {
        return disk_fail(err, EEXIST, "create", writer->path);
    }
    /* The workspace lock is held, so what lies there was left by a process that died. */
    if (unlinkat(writer->dir_fd, writer->temp, 0) != 0 && errno != ENOENT) {
        return disk_fail(err, errno, "create", writer->path);
    }
    if (!disk_create(writer->dir_fd, writer->temp, writer->path, &writer->fd, err)) {
        return false;
    }
    writer->created = true;
    return true;
}

struct plan_writer *plan_writer_new(int dirfd, const char *path, const struct plan_header *header,
                                    struct err *err)
{
    if (!check_header(header, path, err)) {
        return NULL;
    }
    AUTO(plan_writer_free) struct plan_writer *writer = xnew(struct plan_writer);
    writer->path = xstrdup(path);
    writer->dir_fd = -1;
    writer->fd = -1;
    writer->column_count = header->column_count;
    writer->out.max = OUT_FULL + BLOCK_FULL + RECORD_MAX + HEADER_MAX;
    writer->sha = sha256_new();
    char version[4];
    put_u32(version, FORMAT_VERSION);
    buf_add(&writer->out, magic, sizeof(magic));
    buf_add(&writer->out, version, sizeof(version));
    block_begin(writer);
    render_header(&writer->out, header);
    if (writer->out.overflow || writer->out.len - writer->block_start > HEADER_MAX) {
        (void)err_set(err, ERR_INPUT, "could not write the plan '%s': its header is too long",
                      path);
        return NULL;
    }
    block_end(writer, 'H');
    return writer_open(writer, dirfd, err) ? STEAL(writer) : NULL;
}

static bool refuse_record(struct plan_writer *writer, struct err *err, const char *why)
{
    return err_set(err, ERR_INPUT, "could not write the plan '%s': %s", writer->path, why);
}

bool plan_add_change(struct plan_writer *writer, const struct plan_change *change, struct err *err)
{
    str texts[TEXTS_MAX];
    size_t count = 0;
    texts[count++] = change->target;
    texts[count++] = change->survivor;
    texts[count++] = change->strategy;
    texts[count++] = change->reason;
    for (size_t i = 0; i < writer->column_count; i++) {
        texts[count++] = change->values[i].before;
        texts[count++] = change->values[i].after;
    }
    size_t most = 1;
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len > TEXT_MAX) {
            return err_set(
                err, ERR_INPUT,
                "could not write the plan '%s': change %llu holds a value of %zu bytes, at "
                "most %d",
                writer->path, (unsigned long long)writer->totals.changes, texts[i].len, TEXT_MAX);
        }
        most += texts[i].len + 3;
    }
    if (change->target.len == 0 || writer->failed) {
        return refuse_record(
            writer, err, writer->failed ? "an earlier write failed" : "a change without a target");
    }
    char *to = record_begin(writer, most);
    *to++ = 'C';
    for (size_t i = 0; i < count; i++) {
        to = put_number(to, texts[i].len);
    }
    for (size_t i = 0; i < count; i++) {
        to = put_text(to, texts[i]);
    }
    writer->totals.changes++;
    return record_end(writer, to, err);
}

static bool add_finding(struct plan_writer *writer, char type, const struct plan_finding *finding,
                        struct err *err)
{
    if (writer->failed) {
        return refuse_record(writer, err, "an earlier write failed");
    }
    if (finding->id.len > TEXT_MAX || finding->reason.len > TEXT_MAX) {
        return refuse_record(writer, err, "a finding is too long");
    }
    char *to = record_begin(writer, 1 + 3 * LEB_MAX + finding->id.len + finding->reason.len);
    *to++ = type;
    to = put_number(to, finding->id.len);
    to = put_number(to, finding->reason.len);
    to = put_number(to, finding->line);
    to = put_text(to, finding->id);
    to = put_text(to, finding->reason);
    writer->totals.review += type == 'R' ? 1 : 0;
    writer->totals.bad += type == 'B' ? 1 : 0;
    return record_end(writer, to, err);
}

bool plan_add_review(struct plan_writer *writer, const struct plan_finding *finding,
                     struct err *err)
{
    if (finding->id.len == 0) {
        return refuse_record(writer, err, "a review without an id");
    }
    return add_finding(writer, 'R', finding, err);
}

bool plan_add_bad(struct plan_writer *writer, const struct plan_finding *finding, struct err *err)
{
    if (finding->line == 0) {
        return refuse_record(writer, err, "a bad row without a line");
    }
    return add_finding(writer, 'B', finding, err);
}

static bool writer_close(struct plan_writer *writer, struct err *err)
{
    int fd = writer->fd;
    if (!writer_send(writer, err) || !fs_fsync(fd, writer->path, err)) {
        return false;
    }
    writer->fd = -1;
    return disk_close(fd, writer->path, err);
}

bool plan_writer_finish(struct plan_writer *writer, struct plan_totals *ret, struct err *err)
{
    if (writer->failed) {
        return refuse_record(writer, err, "an earlier write failed");
    }
    if (writer->block_open) {
        block_end(writer, 'D');
    }
    sha256_end(writer->sha, writer->totals.hash);
    block_begin(writer);
    render_end(&writer->out, &writer->totals);
    block_end(writer, 'E');
    if (!writer_close(writer, err) ||
        !disk_rename(writer->dir_fd, writer->temp, writer->name, true, writer->path, err)) {
        writer->failed = true;
        return false;
    }
    writer->created = false;
    if (!fs_fsync(writer->dir_fd, writer->path, err)) {
        return false;
    }
    *ret = writer->totals;
    return true;
}

void plan_writer_free(struct plan_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    auto_close(&writer->fd);
    if (writer->created) {
        (void)unlinkat(writer->dir_fd, writer->temp,
                       0); /* what stays is removed by the next writer */
    }
    auto_close(&writer->dir_fd);
    sha256_free(writer->sha);
    buf_done(&writer->out);
    free(writer->temp);
    free(writer->name);
    free(writer->path);
    free(writer);
}

/* --- reading ------------------------------------------------------------------------------- */

struct plan_reader {
    char *path; /* as given, for errors */
    int fd;
    uint64_t size;
    struct arena arena; /* header texts and the array of values */
    struct plan_header header;
    struct plan_totals totals;
    struct plan_value *values;
    uint64_t records_at; /* offset of the first 'D', or of 'E' where there is none */
    uint64_t end_at;     /* offset of 'E' */

    uint64_t offset; /* of the next block */
    uint64_t block;  /* number of the current block; 1 is the header */
    struct buf payload;
    size_t at; /* in payload */
    struct sha256 *sha;
    struct sha256 *id_sha;
    struct plan_totals seen;
    bool broken;
    bool ended;
};

struct block {
    char type;
    uint32_t bytes;
    uint32_t crc;
};

static bool corrupt(struct plan_reader *reader, struct err *err, const char *why)
{
    reader->broken = true;
    (void)err_set(err, ERR_CORRUPT, "could not read the plan '%s': %s", reader->path, why);
    return err_hint(err,
                    "Nothing is applied from such a file. Plan again, or put back a copy of it.");
}

static bool bad_block(struct plan_reader *reader, struct err *err)
{
    char why[64];
    (void)snprintf(why, sizeof(why), "block %llu is damaged", (unsigned long long)reader->block);
    return corrupt(reader, err, why);
}

static bool cut_off(struct plan_reader *reader, struct err *err)
{
    char why[64];
    (void)snprintf(why, sizeof(why), "it is cut off in block %llu",
                   (unsigned long long)reader->block);
    return corrupt(reader, err, why);
}

/* Exactly len bytes; the caller knows that the file was that long. */
static bool read_at(struct plan_reader *reader, uint64_t offset, char *to, size_t len,
                    struct err *err)
{
    while (len > 0) {
        ssize_t n = pread(reader->fd, to, len, (off_t)offset);
        if (n < 0 && errno != EINTR) {
            return err_set_errno(err, ERR_IO, errno, /* GCOVR_EXCL_LINE: only a broken disk */
                                 "could not read the plan '%s'", reader->path);
        }
        if (n == 0) {
            return cut_off(reader, err);
        }
        size_t got = n > 0 ? (size_t)n : 0;
        to += got;
        offset += got;
        len -= got;
    }
    return true;
}

static uint32_t block_max(char type)
{
    return type == 'D' ? BLOCK_FULL + RECORD_MAX : type == 'H' ? HEADER_MAX : END_MAX;
}

/* The head at `offset`: a known type, a size within its limit and within the file. */
static bool read_head(struct plan_reader *reader, uint64_t offset, struct block *ret,
                      struct err *err)
{
    char head[BLOCK_HEAD_BYTES];
    if (reader->size - offset < BLOCK_HEAD_BYTES) {
        return cut_off(reader, err);
    }
    if (!read_at(reader, offset, head, sizeof(head), err)) {
        return false;
    }
    struct block block = {.type = head[0], .bytes = get_u32(head + 1), .crc = get_u32(head + 5)};
    bool known = block.type == 'H' || block.type == 'D' || block.type == 'E';
    if (!known || block.bytes == 0 || block.bytes > block_max(block.type)) {
        return bad_block(reader, err);
    }
    if (reader->size - offset - BLOCK_HEAD_BYTES < block.bytes) {
        return cut_off(reader, err);
    }
    *ret = block;
    return true;
}

/* The block at `offset`, checked, into reader->payload. */
static bool read_block(struct plan_reader *reader, uint64_t offset, char type, struct err *err)
{
    struct block block;
    if (!read_head(reader, offset, &block, err)) {
        return false;
    }
    if (block.type != type) { /* it was another one when the file was opened */
        return bad_block(reader, err);
    }
    buf_clear(&reader->payload);
    char *to = buf_reserve(&reader->payload, block.bytes);
    if (!read_at(reader, offset + BLOCK_HEAD_BYTES, to, block.bytes, err)) {
        return false;
    }
    reader->payload.len = block.bytes;
    if (crc32c(to, block.bytes) != block.crc) {
        return bad_block(reader, err);
    }
    return true;
}

static str json_text(struct arena *arena, const json_t *object, const char *key, bool *ok)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        *ok = false;
        return STR_NONE;
    }
    return str_dup(arena, (str){json_string_value(value), json_string_length(value)});
}

static bool json_number(const json_t *object, const char *key, uint64_t *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static bool same_bytes(const struct buf *written, const struct buf *read)
{
    return str_eq(buf_str(written), buf_str(read));
}

static bool parse_header(struct plan_reader *reader)
{
    json_t *root =
        json_loadb(reader->payload.ptr, reader->payload.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(root, "columns");
    struct arena *arena = &reader->arena;
    struct plan_header header = {.column_count = json_array_size(list)};
    bool ok = root != NULL && header.column_count <= PLAN_MAX_FIELDS;
    if (ok) {
        header.job = json_text(arena, root, "job", &ok);
        header.rules = json_text(arena, root, "rules", &ok);
        header.rules_hash = json_text(arena, root, "rules_hash", &ok);
        header.kind = json_text(arena, root, "kind", &ok);
        header.source = json_text(arena, root, "source", &ok);
        struct plan_column *columns =
            arena_array(arena, header.column_count, sizeof(struct plan_column));
        for (size_t i = 0; i < header.column_count; i++) {
            const json_t *column = json_array_get(list, i);
            columns[i].name = json_text(arena, column, "name", &ok);
            columns[i].remote = json_text(arena, column, "remote", &ok);
            columns[i].form = json_text(arena, column, "form", &ok);
            columns[i].decides = json_is_true(json_object_get(column, "decides"));
        }
        header.columns = columns;
    }
    json_decref(root);
    if (ok) {
        AUTO_BUF struct buf again = {.max = HEADER_MAX};
        render_header(&again, &header);
        ok = same_bytes(&again, &reader->payload);
    }
    reader->header = header;
    return ok;
}

static bool parse_end(struct plan_reader *reader)
{
    json_t *root =
        json_loadb(reader->payload.ptr, reader->payload.len, JSON_REJECT_DUPLICATES, NULL);
    struct plan_totals totals = {0};
    const json_t *hash = json_object_get(root, "hash");
    bool ok = json_number(root, "changes", &totals.changes) &&
              json_number(root, "review", &totals.review) &&
              json_number(root, "bad", &totals.bad) && json_is_string(hash) &&
              num_parse_hex(str_of(json_string_value(hash)), totals.hash, SHA256_BYTES);
    json_decref(root);
    if (ok) {
        AUTO_BUF struct buf again = {.max = END_MAX};
        render_end(&again, &totals);
        ok = same_bytes(&again, &reader->payload);
    }
    reader->totals = totals;
    return ok;
}

static bool read_file_head(struct plan_reader *reader, struct err *err)
{
    char head[FILE_HEAD_BYTES];
    if (reader->size < sizeof(head)) {
        return corrupt(reader, err, "it is not a plan");
    }
    if (!read_at(reader, 0, head, sizeof(head), err)) {
        return false;
    }
    if (memcmp(head, magic, sizeof(magic)) != 0) {
        return corrupt(reader, err, "it is not a plan");
    }
    uint32_t version = get_u32(head + MAGIC_BYTES);
    if (version == FORMAT_VERSION) {
        return true;
    }
    (void)err_set(
        err, ERR_CORRUPT,
        "could not read the plan '%s': it was written by a newer steward (format %u, this "
        "one reads %d)",
        reader->path, (unsigned)version, FORMAT_VERSION);
    return err_hint(err, "Use that steward, or plan again with this one.");
}

/* H D* E and nothing behind: finds where the records begin and where the end lies. */
static bool walk(struct plan_reader *reader, struct err *err)
{
    uint64_t offset = FILE_HEAD_BYTES;
    struct block block = {0};
    for (reader->block = 1; block.type != 'E'; reader->block++) {
        if (!read_head(reader, offset, &block, err)) {
            return false;
        }
        if ((block.type == 'H') != (reader->block == 1)) {
            return bad_block(reader, err);
        }
        if (reader->block == 2) {
            reader->records_at = offset;
        }
        reader->end_at = offset;
        offset += BLOCK_HEAD_BYTES + block.bytes;
    }
    return offset == reader->size || corrupt(reader, err, "there are bytes after its end");
}

static bool reader_open(struct plan_reader *reader, int dirfd, const uint8_t *expect_hash,
                        struct err *err)
{
    reader->fd = openat(dirfd, reader->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (reader->fd < 0 || fstat(reader->fd, &st) != 0) {
        (void)err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
                            "could not open the plan '%s'", reader->path);
        return err_hint(err, "Plan again, or put back a copy of it.");
    }
    if (!S_ISREG(st.st_mode)) {
        return corrupt(reader, err, "it is not a plan");
    }
    reader->size = (uint64_t)st.st_size;
    if (!read_file_head(reader, err) || !walk(reader, err)) {
        return false;
    }
    uint64_t last = reader->block - 1;
    reader->block = 1;
    if (!read_block(reader, FILE_HEAD_BYTES, 'H', err)) {
        return false;
    }
    if (!parse_header(reader)) {
        return bad_block(reader, err);
    }
    reader->block = last;
    if (!read_block(reader, reader->end_at, 'E', err)) {
        return false;
    }
    if (!parse_end(reader)) {
        return bad_block(reader, err);
    }
    if (expect_hash != NULL && memcmp(expect_hash, reader->totals.hash, SHA256_BYTES) != 0) {
        return corrupt(reader, err, "it is not the plan that the journal knows");
    }
    reader->values =
        arena_array(&reader->arena, reader->header.column_count, sizeof(struct plan_value));
    return plan_rewind(reader, err);
}

struct plan_reader *plan_reader_open(int dirfd, const char *path, const uint8_t *expect_hash,
                                     struct err *err)
{
    AUTO(plan_reader_free) struct plan_reader *reader = xnew(struct plan_reader);
    reader->path = xstrdup(path);
    reader->fd = -1;
    reader->payload.max = BLOCK_FULL + RECORD_MAX;
    reader->id_sha = sha256_new();
    return reader_open(reader, dirfd, expect_hash, err) ? STEAL(reader) : NULL;
}

void plan_reader_free(struct plan_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    auto_close(&reader->fd);
    sha256_free(reader->sha);
    sha256_free(reader->id_sha);
    buf_done(&reader->payload);
    arena_done(&reader->arena);
    free(reader->path);
    free(reader);
}

const struct plan_header *plan_reader_header(const struct plan_reader *reader)
{
    return &reader->header;
}

const struct plan_totals *plan_reader_totals(const struct plan_reader *reader)
{
    return &reader->totals;
}

bool plan_rewind(struct plan_reader *reader, struct err *err)
{
    sha256_free(reader->sha);
    reader->sha = sha256_new();
    reader->seen = (struct plan_totals){0};
    reader->broken = false;
    reader->ended = false;
    reader->block = 1;
    if (!read_block(reader, FILE_HEAD_BYTES, 'H', err)) {
        return false;
    }
    sha256_add(reader->sha, reader->payload.ptr, reader->payload.len);
    reader->at = reader->payload.len; /* the next record begins with the next block */
    reader->offset = reader->records_at;
    return true;
}

/* Shortest form only: one number, one way to write it. */
static bool take_number(struct plan_reader *reader, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->payload.len) {
            return false;
        }
        uint64_t byte = (unsigned char)reader->payload.ptr[reader->at++];
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *ret = value;
            return value <= max && (byte != 0 || shift == 0);
        }
    }
    return false;
}

static bool take_text(struct plan_reader *reader, uint64_t len, str *ret)
{
    if (len > reader->payload.len - reader->at) {
        return false;
    }
    *ret = (str){reader->payload.ptr + reader->at, (size_t)len};
    reader->at += (size_t)len;
    return true;
}

static void set_id(struct plan_reader *reader, struct plan_change *change)
{
    uint8_t digest[SHA256_BYTES];
    sha256_add(reader->id_sha, reader->totals.hash, SHA256_BYTES);
    sha256_add(reader->id_sha, reader->header.kind.ptr, reader->header.kind.len);
    sha256_add(reader->id_sha, "", 1);
    sha256_add(reader->id_sha, change->target.ptr, change->target.len);
    sha256_end(reader->id_sha, digest);
    num_hex(digest, CHANGE_ID_BYTES, change->id);
}

static bool take_change(struct plan_reader *reader, struct plan_change *ret)
{
    uint64_t lengths[TEXTS_MAX] = {0};
    size_t count = CHANGE_TEXTS + 2 * reader->header.column_count;
    for (size_t i = 0; i < count; i++) {
        if (!take_number(reader, TEXT_MAX, &lengths[i])) {
            return false;
        }
    }
    struct plan_change change = {.seq = reader->seen.changes, .values = reader->values};
    bool ok = lengths[0] != 0 && take_text(reader, lengths[0], &change.target) &&
              take_text(reader, lengths[1], &change.survivor) &&
              take_text(reader, lengths[2], &change.strategy) &&
              take_text(reader, lengths[3], &change.reason);
    for (size_t i = 0; ok && i < reader->header.column_count; i++) {
        ok = take_text(reader, lengths[CHANGE_TEXTS + 2 * i], &reader->values[i].before) &&
             take_text(reader, lengths[CHANGE_TEXTS + 2 * i + 1], &reader->values[i].after);
    }
    if (!ok) {
        return false;
    }
    set_id(reader, &change);
    reader->seen.changes++;
    *ret = change;
    return true;
}

static bool take_finding(struct plan_reader *reader, struct plan_finding *ret)
{
    uint64_t id_len;
    uint64_t reason_len;
    struct plan_finding finding = {0};
    if (!take_number(reader, TEXT_MAX, &id_len) || !take_number(reader, TEXT_MAX, &reason_len) ||
        !take_number(reader, UINT64_MAX, &finding.line) ||
        !take_text(reader, id_len, &finding.id) ||
        !take_text(reader, reason_len, &finding.reason)) {
        return false;
    }
    *ret = finding;
    return true;
}

static bool take_record(struct plan_reader *reader, enum plan_item *ret_item,
                        struct plan_change *ret_change, struct plan_finding *ret_finding)
{
    char type = reader->payload.ptr[reader->at++];
    if (type == 'C') {
        *ret_item = PLAN_CHANGE;
        return take_change(reader, ret_change);
    }
    if (type != 'R' && type != 'B') {
        return false;
    }
    *ret_item = type == 'R' ? PLAN_REVIEW : PLAN_BAD;
    reader->seen.review += type == 'R' ? 1 : 0;
    reader->seen.bad += type == 'B' ? 1 : 0;
    return take_finding(reader, ret_finding) &&
           (type == 'R' ? ret_finding->id.len != 0 : ret_finding->line != 0);
}

static bool check_end(struct plan_reader *reader, struct err *err)
{
    if (!reader->ended) {
        sha256_end(reader->sha, reader->seen.hash);
        reader->ended = true;
    }
    const struct plan_totals *a = &reader->seen;
    const struct plan_totals *b = &reader->totals;
    if (a->changes != b->changes || a->review != b->review || a->bad != b->bad) {
        return corrupt(reader, err, "its counts are wrong");
    }
    return memcmp(a->hash, b->hash, SHA256_BYTES) == 0 || corrupt(reader, err, "its hash is wrong");
}

bool plan_next(struct plan_reader *reader, enum plan_item *ret_item, struct plan_change *ret_change,
               struct plan_finding *ret_finding, struct err *err)
{
    if (reader->broken) {
        return bad_block(reader, err);
    }
    if (reader->at == reader->payload.len) {
        if (reader->offset == reader->end_at) {
            *ret_item = PLAN_END;
            return check_end(reader, err);
        }
        reader->block++;
        if (!read_block(reader, reader->offset, 'D', err)) {
            reader->block -= reader->broken ? 0 : 1; /* a failed read may be tried again */
            return false;
        }
        sha256_add(reader->sha, reader->payload.ptr, reader->payload.len);
        reader->offset += BLOCK_HEAD_BYTES + reader->payload.len;
        reader->at = 0;
    }
    return take_record(reader, ret_item, ret_change, ret_finding) || bad_block(reader, err);
}

void plan_change_effect(const struct plan_header *header, const struct plan_change *change,
                        struct buf *out)
{
    const char *between = "";
    if (change->survivor.len != 0) {
        buf_addz(out, "\"survivor\":");
        buf_add_json(out, change->survivor);
        return;
    }
    buf_addz(out, "\"set\":{");
    for (size_t i = 0; i < header->column_count; i++) {
        const struct plan_value *value = &change->values[i];
        if (header->columns[i].remote.len != 0 && !str_eq(value->before, value->after)) {
            buf_addz(out, between);
            buf_add_json(out, header->columns[i].name);
            buf_addc(out, ':');
            buf_add_json(out, value->after);
            between = ",";
        }
    }
    buf_addc(out, '}');
}

struct plan_change *plan_change_copy(struct arena *arena, const struct plan_change *change,
                                     size_t column_count)
{
    struct plan_change *copy = arena_new(arena, struct plan_change);
    *copy = *change;
    copy->target = str_dup(arena, change->target);
    copy->survivor = str_dup(arena, change->survivor);
    copy->strategy = str_dup(arena, change->strategy);
    copy->reason = str_dup(arena, change->reason);
    struct plan_value *values = arena_array(arena, column_count, sizeof(struct plan_value));
    for (size_t i = 0; i < column_count; i++) {
        values[i].before = str_dup(arena, change->values[i].before);
        values[i].after = str_dup(arena, change->values[i].after);
    }
    copy->values = values;
    return copy;
}
