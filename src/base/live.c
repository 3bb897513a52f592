/* SPDX-License-Identifier: MIT */
#include "base/live.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS = 80, ROWS = 24 };

struct live {
    int fd;
    pthread_mutex_t lock;
    size_t block_lines GUARDED_BY(lock); /* that stand there; the cursor is in the first */
    struct buf lines GUARDED_BY(lock);   /* as it was asked for */
    size_t columns GUARDED_BY(lock);     /* at the last drawing */
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

static bool is_there(const struct live *live)
{
    return live->block_lines != 0;
}

/* The block goes, from its first row on, where the cursor is; the lock is held. Not by one order for all of
 * the screen: a terminal may keep what was there as if it had scrolled away (tmux). */
static void add_wipe(struct live *live, struct buf *out)
{
    if (is_there(live)) {
        buf_addz(out, "\r\033[K\n\033[J\033[A");
        live->block_lines = 0;
    }
}

/* As much of the lines as there is room for, over what stands there; the lock is held. Without wrapping, so
 * that the way back is known though the terminal has another width by now. */
static void add_block(struct live *live, size_t columns, size_t rows, struct buf *out)
{
    size_t count = 0;
    str rest = buf_str(&live->lines);
    live->columns = columns;
    live->rows = rows;
    while (rest.len > 0 && count + 1 < rows) {
        str line = str_cut(rest, '\n', &rest);
        buf_addz(out, count == 0 ? "\r\033[?7l" : "");
        buf_add(out, line.ptr, line.len < columns ? line.len : columns - 1);
        buf_addz(out, "\033[K\n");
        count++;
    }
    buf_addz(out, count != 0 ? "\033[J\033[?7h" : "");
    live->block_lines = count;
}

static void add_way_back(const struct live *live, struct buf *out)
{
    if (is_there(live)) {
        buf_printf(out, "\033[%zuA", live->block_lines);
    }
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
        if (lines.len == 0) {
            add_wipe(live, &out);
        }
        add_block(live, columns, rows, &out);
        add_way_back(live, &out);
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
    add_wipe(live, &out);
    buf_adds(&out, text);
    add_block(live, columns, rows, &out);
    add_way_back(live, &out);
    put(live, &out);
    pthread_mutex_unlock(&live->lock);
}

void live_keep(struct live *live)
{
    AUTO_BUF struct buf out = {0};
    size_t columns;
    size_t rows;
    live_size(live, &columns, &rows);
    pthread_mutex_lock(&live->lock);
    add_block(live, columns, rows, &out);
    put(live, &out);
    buf_clear(&live->lines);
    live->block_lines = 0;
    pthread_mutex_unlock(&live->lock);
}
