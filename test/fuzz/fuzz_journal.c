/* SPDX-License-Identifier: MIT */
/*
 * A small journal with bytes of it changed, opened for reading: every reader ends, with rows or with an
 * error. The input is a list of patches: offset (two bytes, little endian, modulo the file's size),
 * length (one byte), bytes; a length of 255 cuts the file off there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "store/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUT = 255 };

static char directory[256];
static char path[300];
static struct buf sound;

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static int64_t fixed_real_ms(void *ctx UNUSED)
{
    return 1764000000000;
}

static int64_t fixed_mono_ns(void *ctx UNUSED)
{
    return 0;
}

static bool no_sleep(void *ctx UNUSED, int64_t ns UNUSED, struct stop *stop UNUSED,
                     int level UNUSED)
{
    return true;
}

static const struct clock fixed = {fixed_real_ms, fixed_mono_ns, no_sleep, NULL};

static void drop_directory(void)
{
    struct err err = {0};
    buf_done(&sound);
    require(fs_remove_tree(AT_FDCWD, directory, &err));
}

static void drop_files(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char name[320];
        (void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        (void)unlink(name); /* it need not be there */
    }
}

static void fill(struct journal *journal)
{
    struct err err = {0};
    struct err cause = {.kind = ERR_REMOTE, .message = "could not merge: 500"};
    struct run run = {
        .job = "merge", .rules = "revu-pairs", .source = "a.csv", .options = STR("{}")};
    struct plan_totals totals = {.changes = 9, .review = 1, .bad = 1};
    int64_t id = 0;
    require(journal_run_new(journal, &run, &id, &err));
    require(journal_run_planned(journal, id, "plans/1.plan", &totals, STR_NONE, &err));
    for (uint64_t seq = 0; seq < 6; seq++) {
        struct transition move = {.run = id,
                                  .seq = seq,
                                  .id = {(uint8_t)seq},
                                  .from = CHANGE_PLANNED,
                                  .to = seq % 2 == 0 ? CHANGE_BACKED_UP : CHANGE_FAILED,
                                  .error = seq % 2 == 0 ? NULL : &cause,
                                  .backup = "backups/a@example.com_20261124_120000",
                                  .detail = "{}"};
        require(journal_move(journal, &move, &err));
    }
    journal_stat(journal, id, "session", STR("{\"calls\":1}"));
    require(journal_memory_put(journal, STR("pair/a"), STR("b"), &err));
}

static void set_up(void)
{
    struct err err = {0};
    const char *base = getenv("TMPDIR");
    (void)snprintf(directory, sizeof(directory), "%s/steward-fuzz-XXXXXX",
                   base != NULL ? base : "/tmp");
    require(mkdtemp(directory) != NULL);
    require(atexit(drop_directory) == 0);
    (void)snprintf(path, sizeof(path), "%s/steward.db", directory);
    struct journal *journal = journal_open(path, JOURNAL_WRITE, &fixed, &err);
    require(journal != NULL);
    fill(journal);
    journal_close(journal);
    require(fs_read(AT_FDCWD, path, &sound, &err));
}

static bool see_run(void *ctx, const struct run *run)
{
    *(int64_t *)ctx = run->id;
    return true;
}

static bool see_change(void *ctx, const struct change_row *row)
{
    size_t *count = ctx;
    require(row->state < CHANGE_STATE_COUNT && row->error_kind < ERR_KIND_COUNT);
    return ++*count < 1000;
}

static bool see_state(void *ctx, uint64_t seq UNUSED, enum change_state state)
{
    size_t *count = ctx;
    require(state < CHANGE_STATE_COUNT);
    return ++*count < 1000;
}

static bool see_pair(void *ctx, str a, str b)
{
    size_t *sum = ctx;
    *sum += a.len + b.len;
    return true;
}

static bool see_entry(void *ctx, uint64_t seq UNUSED, str body)
{
    size_t *sum = ctx;
    *sum += body.len;
    return true;
}

static void read_all(struct journal *journal)
{
    struct arena arena = {0};
    struct err err[10] = {0};
    struct run run;
    struct change_row row;
    int64_t id = 1;
    size_t sum = 0;
    struct audit_walk walk;
    struct audit_difference difference;
    bool found;
    require(journal_run_last(journal, &id, &err[0]) != err_is(&err[0]));
    require(journal_run_get(journal, id, &arena, &run, &err[1]) != err_is(&err[1]));
    require(journal_run_each(journal, see_run, &id, &err[2]) != err_is(&err[2]));
    require(journal_change_each(journal, id, see_change, &sum, &err[3]) != err_is(&err[3]));
    require(journal_state_each(journal, id, see_state, &sum, &err[4]) != err_is(&err[4]));
    require(journal_change_get(journal, id, 1, &row, &found, &err[5]) != err_is(&err[5]));
    require(journal_stat_each(journal, id, see_pair, &sum, &err[6]) != err_is(&err[6]));
    require(journal_audit_each(journal, 0, see_entry, &sum, &err[7]) != err_is(&err[7]));
    require(journal_audit_compare(journal, NULL, &walk, &difference, &err[8]) != err_is(&err[8]));
    require(journal_memory_each(journal, STR(""), see_pair, &sum, &err[9]) != err_is(&err[9]));
    arena_done(&arena);
}

static void patch(struct buf *file, const uint8_t *data, size_t size)
{
    while (size >= 3 && file->len != 0) {
        size_t at = ((size_t)data[0] | (size_t)data[1] << 8) % file->len;
        size_t len = data[2];
        data += 3;
        size -= 3;
        if (len == CUT) {
            file->len = at;
            continue;
        }
        for (size_t i = 0; i < len && i < size && at + i < file->len; i++) {
            file->ptr[at + i] = (char)data[i];
        }
        data += len < size ? len : size;
        size -= len < size ? len : size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    AUTO_BUF struct buf file = {0};
    if (sound.ptr == NULL) {
        set_up();
    }
    buf_adds(&file, buf_str(&sound));
    patch(&file, data, size);
    drop_files();
    require(fs_write_new(AT_FDCWD, path, buf_str(&file), false, &err));
    struct journal *journal = journal_open(path, JOURNAL_READ, &fixed, &err);
    require((journal == NULL) == err_is(&err));
    if (journal != NULL) {
        read_all(journal);
    }
    journal_close(journal);
    return 0;
}
