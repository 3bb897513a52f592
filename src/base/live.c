/* SPDX-License-Identifier: MIT */
#include "base/live.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS = 80, ROWS = 24 };

struct live {
    int fd;
    pthread_mutex_t lock;
    struct buf block GUARDED_BY(lock); /* as it stands there; the cursor is below it */
    struct buf lines GUARDED_BY(lock); /* as it was asked for */
    size_t columns GUARDED_BY(lock);   /* at the last drawing */
    size_t rows GUARDED_BY(lock);
};

struct live *live_new(int fd)
{
    struct live *live = xnew(struct live);
    live->fd = fd;
    pthread_mutex_init(&live->lock, NULL);
    return live;
}

void live_free(struct live *live)
{
    if (live != NULL) {
        buf_done(&live->block);
        buf_done(&live->lines);
        pthread_mutex_destroy(&live->lock);
        free(live);
    }
}

void live_size(const struct live *live, size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size;
    bool known = ioctl(live->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && size.ws_row > 1;
    *ret_columns = known ? size.ws_col : COLUMNS;
    *ret_rows = known ? size.ws_row : ROWS;
}

/* Back to the block's first row, and all of it gone; the lock is held. */
static void add_wipe(const struct live *live, size_t columns, struct buf *out)
{
    size_t rows = 0;
    str rest = buf_str(&live->block);
    while (rest.len > 0) {
        str line = str_cut(rest, '\n', &rest);
        rows += line.len == 0 ? 1 : (line.len + columns - 1) / columns;
    }
    if (rows != 0) {
        buf_printf(out, "\r\033[%zuA\033[J", rows);
    }
}

/* As much of the lines as there is room for. The last column stays free: text in it makes some terminals
 * wrap. The lock is held. */
static void add_block(struct live *live, size_t columns, size_t rows, struct buf *out)
{
    size_t count = 0;
    live->columns = columns;
    live->rows = rows;
    buf_clear(&live->block);
    str rest = buf_str(&live->lines);
    while (rest.len > 0 && count + 1 < rows) {
        str line = str_cut(rest, '\n', &rest);
        buf_add(&live->block, line.ptr, line.len < columns ? line.len : columns - 1);
        buf_addc(&live->block, '\n');
        count++;
    }
    buf_adds(out, buf_str(&live->block));
}

static void put(const struct live *live, const struct buf *text)
{
    size_t done = 0;
    while (done < text->len) {
        ssize_t n = write(live->fd, text->ptr + done, text->len - done);
        if (n <= 0) {
            return; /* a closed terminal must not stop a run */
        }
        done += (size_t)n;
    }
}

void live_show(struct live *live, str lines)
{
    AUTO_BUF struct buf out = {0};
    size_t columns;
    size_t rows;
    live_size(live, &columns, &rows);
    pthread_mutex_lock(&live->lock);
    bool same =
        str_eq(lines, buf_str(&live->lines)) && columns == live->columns && rows == live->rows;
    if (!same) {
        buf_clear(&live->lines);
        buf_adds(&live->lines, lines);
        add_wipe(live, columns, &out);
        add_block(live, columns, rows, &out);
        put(live, &out);
    }
    pthread_mutex_unlock(&live->lock);
}

void live_above(struct live *live, str text)
{
    AUTO_BUF struct buf out = {0};
    size_t columns;
    size_t rows;
    live_size(live, &columns, &rows);
    pthread_mutex_lock(&live->lock);
    add_wipe(live, columns, &out);
    buf_adds(&out, text);
    add_block(live, columns, rows, &out);
    put(live, &out);
    pthread_mutex_unlock(&live->lock);
}

void live_keep(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    buf_clear(&live->block);
    buf_clear(&live->lines);
    pthread_mutex_unlock(&live->lock);
}
