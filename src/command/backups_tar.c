/* SPDX-License-Identifier: MIT */
#include "command/backups_tar.h"

#include <stdio.h>

enum {
    BLOCK = 512,
    NAME_BYTES = 100,
};

struct header {
    char name[NAME_BYTES];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[8];
    char user[32];
    char group[32];
    char device[16];
    char prefix[155];
    char unused[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "one block");

static void octal(char *field, size_t size, uint64_t value)
{
    for (size_t i = size - 1; i-- > 0; value /= 8) {
        field[i] = (char)('0' + value % 8);
    }
}

static void add_block(struct buf *out, const char *name, char type, uint64_t bytes, int64_t mtime_s)
{
    struct header header = {.type = type, .magic = "ustar"};
    const unsigned char *at = (const unsigned char *)&header;
    unsigned sum = 0;
    size_t len = strlen(name);
    memcpy(header.name, name, len < NAME_BYTES ? len : NAME_BYTES);
    memcpy(header.magic + 6, "00", 2);
    octal(header.mode, sizeof(header.mode), 0600);
    octal(header.uid, sizeof(header.uid), 0);
    octal(header.gid, sizeof(header.gid), 0);
    octal(header.size, sizeof(header.size), bytes);
    octal(header.mtime, sizeof(header.mtime), mtime_s < 0 ? 0 : (uint64_t)mtime_s);
    memset(header.checksum, ' ', sizeof(header.checksum));
    for (size_t i = 0; i < sizeof(header); i++) {
        sum += at[i];
    }
    (void)snprintf(header.checksum, sizeof(header.checksum), "%06o", sum);
    buf_add(out, &header, sizeof(header));
}

/* "<length> path=<path>\n", where the length counts its own digits. */
static void add_path_record(struct buf *record, const char *path)
{
    size_t rest = strlen(path) + sizeof(" path=\n") - 1;
    size_t digits = 1;
    for (size_t n = rest + digits; n >= 10; n /= 10) {
        digits++;
    }
    size_t total = rest + digits;
    char text[24];
    if ((size_t)snprintf(text, sizeof(text), "%zu", total) != digits) {
        total++;
    }
    buf_printf(record, "%zu path=%s\n", total, path);
}

void tar_add_header(struct buf *out, const char *path, uint64_t bytes, int64_t mtime_s)
{
    if (strlen(path) > NAME_BYTES) {
        AUTO_BUF struct buf record = {0};
        add_path_record(&record, path);
        add_block(out, "long-name", 'x', record.len, mtime_s);
        buf_adds(out, buf_str(&record));
        tar_add_padding(out, record.len);
    }
    add_block(out, path, '0', bytes, mtime_s);
}

void tar_add_padding(struct buf *out, uint64_t bytes)
{
    static const char zeros[BLOCK];
    size_t over = (size_t)(bytes % BLOCK);
    buf_add(out, zeros, over != 0 ? BLOCK - over : 0);
}

void tar_add_end(struct buf *out)
{
    static const char zeros[2 * BLOCK];
    buf_add(out, zeros, sizeof(zeros));
}
