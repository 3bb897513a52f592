/* SPDX-License-Identifier: MIT */
/*
 * The ledger of calls: a header and at least CALLS slots of 32 bytes, in a mapped file or in
 * memory. A slot is FREE (never used), HELD (a call is in flight), ENDED or REFUSED (when; 429). A
 * slot is busy while it is HELD, and after its end for the period that is set *now*; a call may go
 * while fewer than CALLS slots are busy, of our own limit and of the learned one. So neither the
 * number of calls nor the period is baked into the file.
 *
 * Order of locks: `lock` (threads of this process), then byte 0 of the file (processes, an open
 * file description lock, which the kernel drops when its owner dies). Both are held for
 * microseconds, never while waiting. Each open ledger also holds one "seat" byte for its whole
 * life: a HELD slot whose seat is not locked by anybody belongs to a dead process.
 *
 * Every slot carries a check word, so that a slot torn by kill -9 or damaged on disk is noticed; it
 * then counts as ended now. A header that makes no sense makes all slots count as ended now.
 *
 * The zero of CLOCK_BOOTTIME is the boot itself: after a reboot no earlier call can have ended
 * after 0, whatever the file (which is not synced) remembers. CLOCK_REALTIME is only used to see
 * calls that another machine has made on the same workspace.
 */
#include "net/limiter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "net/ceiling.h"

enum {
    SEAT_COUNT = 1024,
    SEAT_BASE = 1 << 30, /* lock offsets far behind the content */
    NAP_MS = 500,        /* the first in line looks again at least this often */
    QUEUE_NAP_MS = 50,   /* the others look for a raised stop this often */
    BOOT_ID_BYTES = 40,
    MAX_CALLS = 100000,
    MAX_PARK_MS = 24 * 3600 * 1000,
    MAX_LEARNED = 20000, /* calls; a remote that allows more needs no minding */
};

static const uint64_t ledger_magic = UINT64_C(0x31544d494c575453); /* "STWLIMT1" */

enum slot_kind { SLOT_FREE = 0x51a0, SLOT_HELD, SLOT_ENDED, SLOT_REFUSED };

struct slot {
    uint64_t kind;    /* enum slot_kind */
    uint64_t at_us;   /* HELD: start, otherwise: end; CLOCK_BOOTTIME */
    uint64_t real_ms; /* the same moment */
    uint32_t seat;    /* HELD: whose */
    uint32_t check;
};

struct ledger {
    uint64_t magic;
    uint64_t slots;
    char boot_id[BOOT_ID_BYTES];
    uint64_t parked_us;      /* nobody goes before; CLOCK_BOOTTIME */
    uint64_t parked_real_ms; /* the same moment */
    uint32_t parked_why;     /* index into why_names */
    uint32_t check;
    struct slot slot[];
};

/* Reasons that other processes can show too; any other is shown as the first. */
static const char *const why_names[] = {"pause", "429", "quota", "cool-down", "breaker"};

struct waiter {
    struct waiter *next;
};

/* At most so many calls in so long; 0 calls: not in force. */
struct bound {
    int64_t calls;
    int64_t period_us; /* with its margin */
};

enum { OWN, LEARNED, BOUNDS };

struct limiter {
    pthread_mutex_t lock;
    pthread_cond_t moved; /* the line, a token or the settings have; CLOCK_MONOTONIC */
    struct waiter *first;
    struct waiter *last;
    struct ledger *ledger;
    size_t bytes;     /* of the mapping */
    struct bound own; /* as it was set */
    int64_t period_ms;
    struct ceiling ceiling; /* what refusals left of it */
    struct bound learned;
    int64_t learned_ms;
    const char *why; /* of our own park */
    const struct clock *clock;
    int fd; /* -1: in memory */
    uint32_t seat;
    bool fresh; /* we have just created the file */
    char boot_id[BOOT_ID_BYTES];
};

/* --- time and checks ---------------------------------------------------------------------- */

static uint64_t now_us(const struct limiter *limiter)
{
    int64_t ns = clock_mono_ns(limiter->clock);
    return ns > 0 ? (uint64_t)ns / 1000 : 0;
}

static uint64_t now_real_ms(const struct limiter *limiter)
{
    int64_t ms = clock_real_ms(limiter->clock);
    return ms > 0 ? (uint64_t)ms : 0;
}

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static uint32_t slot_check(const struct slot *slot)
{
    uint64_t h = mix(mix(mix(mix(1, slot->kind), slot->at_us), slot->real_ms), slot->seat);
    return (uint32_t)(h >> 32);
}

static uint32_t ledger_check(const struct ledger *ledger)
{
    uint64_t h = mix(mix(2, ledger->magic), ledger->slots);
    for (size_t i = 0; i < BOOT_ID_BYTES; i++) {
        h = mix(h, (unsigned char)ledger->boot_id[i]);
    }
    h = mix(mix(mix(h, ledger->parked_us), ledger->parked_real_ms), ledger->parked_why);
    return (uint32_t)(h >> 32);
}

static void set_slot(struct slot *slot, enum slot_kind kind, uint64_t at_us, uint64_t real_ms,
                     uint32_t seat)
{
    *slot = (struct slot){.kind = kind, .at_us = at_us, .real_ms = real_ms, .seat = seat};
    slot->check = slot_check(slot);
}

static void close_slot(const struct limiter *limiter, struct slot *slot, enum slot_kind kind)
{
    /* one microsecond up: now_us rounds down */
    set_slot(slot, kind, now_us(limiter) + 1, now_real_ms(limiter), 0);
}

static void end_slot_now(const struct limiter *limiter, struct slot *slot)
{
    close_slot(limiter, slot, SLOT_ENDED);
}

static size_t ledger_bytes(uint64_t slots)
{
    return sizeof(struct ledger) + (size_t)slots * sizeof(struct slot);
}

/* --- processes ---------------------------------------------------------------------------- */

static bool lock_byte(int fd, int type, off_t offset, bool wait)
{
    struct flock what = {
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
    for (;;) {
        if (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &what) == 0) {
            return true;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

static bool seat_is_taken(int fd, uint32_t seat)
{
    struct flock what = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)SEAT_BASE + (off_t)seat,
                         .l_len = 1};
    /* where the question fails the seat counts as taken: wait rather than exceed */
    return fcntl(fd, F_OFD_GETLK, &what) != 0 || what.l_type != F_UNLCK;
}

/* Slots that a dead process held end now. */
static void bury(struct limiter *limiter)
{
    for (uint64_t i = 0; i < limiter->ledger->slots; i++) {
        struct slot *slot = &limiter->ledger->slot[i];
        if (slot->kind == SLOT_HELD && slot->seat != limiter->seat &&
            !seat_is_taken(limiter->fd, slot->seat)) {
            end_slot_now(limiter, slot);
        }
    }
}

static bool take_seat(struct limiter *limiter, const char *path, struct err *err)
{
    for (uint32_t seat = 0; seat < SEAT_COUNT; seat++) {
        if (lock_byte(limiter->fd, F_WRLCK, (off_t)SEAT_BASE + (off_t)seat, false)) {
            limiter->seat = seat;
            return true;
        }
    }
    return err_set(err, ERR_IO, "could not open '%s': more than %d processes use it", path,
                   SEAT_COUNT);
}

/* --- the ledger --------------------------------------------------------------------------- */

static bool map_file(struct limiter *limiter, uint64_t slots)
{
    size_t bytes = ledger_bytes(slots);
    struct stat st;
    if (fstat(limiter->fd, &st) != 0) {
        return false;
    }
    if ((uint64_t)st.st_size < bytes) {
        /* allocated, not sparse: a full disk must show here and not as SIGBUS later */
        int rc = posix_fallocate(limiter->fd, 0, (off_t)bytes);
        if (rc != 0) {
            errno = rc;
            return false;
        }
    }
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, limiter->fd, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    if (limiter->ledger != NULL) {
        (void)munmap(limiter->ledger, limiter->bytes); /* a mapping of ours: cannot fail */
    }
    limiter->ledger = map;
    limiter->bytes = bytes;
    return true;
}

/* Writes a ledger whose slots are all FREE, or all ended now where calls may have been forgotten.
 */
static void start_ledger(struct limiter *limiter, uint64_t slots, bool forgot)
{
    struct ledger *ledger = limiter->ledger;
    ledger->magic = 0; /* set last: half a ledger is no ledger */
    for (uint64_t i = 0; i < slots; i++) {
        if (forgot) {
            end_slot_now(limiter, &ledger->slot[i]);
        } else {
            set_slot(&ledger->slot[i], SLOT_FREE, 0, 0, 0);
        }
    }
    ledger->slots = slots;
    memcpy(ledger->boot_id, limiter->boot_id, BOOT_ID_BYTES);
    ledger->parked_us = 0;
    ledger->parked_real_ms = 0;
    ledger->parked_why = 0;
    ledger->magic = ledger_magic;
    ledger->check = ledger_check(ledger);
}

/* More slots: the new ones are FREE, what the old ones say stays. */
static void add_slots(struct limiter *limiter, uint64_t slots)
{
    struct ledger *ledger = limiter->ledger;
    for (uint64_t i = ledger->slots; i < slots; i++) {
        set_slot(&ledger->slot[i], SLOT_FREE, 0, 0, 0);
    }
    ledger->slots = slots;
    ledger->check = ledger_check(ledger);
}

/* Brings times of another boot, or of another machine, to this clock. */
static uint64_t to_this_boot(const struct limiter *limiter, uint64_t real_ms, uint64_t most_us)
{
    uint64_t now = now_us(limiter);
    uint64_t now_real = now_real_ms(limiter);
    if (real_ms >= now_real) { /* ahead of our clock */
        uint64_t ahead_us = (real_ms - now_real) * 1000;
        return ahead_us < most_us - now ? now + ahead_us : most_us;
    }
    uint64_t ago_us = (now_real - real_ms) * 1000;
    return ago_us < now ? now - ago_us : 0;
}

static void adopt_boot(struct limiter *limiter)
{
    struct ledger *ledger = limiter->ledger;
    if (memcmp(ledger->boot_id, limiter->boot_id, BOOT_ID_BYTES) == 0) {
        return;
    }
    uint64_t now = now_us(limiter);
    for (uint64_t i = 0; i < ledger->slots; i++) {
        struct slot *slot = &ledger->slot[i];
        uint64_t end_us = 0; /* the boot: a call that the file forgot ended before it */
        if (slot->check != slot_check(slot)) {
            end_slot_now(limiter, slot);
            continue;
        }
        if (slot->kind != SLOT_FREE) {
            end_us = to_this_boot(limiter, slot->real_ms, now + 1);
        }
        set_slot(slot, SLOT_ENDED, end_us, slot->real_ms, 0);
    }
    if (ledger->parked_us != 0) {
        ledger->parked_us =
            to_this_boot(limiter, ledger->parked_real_ms, now + (uint64_t)MAX_PARK_MS * 1000);
    }
    memcpy(ledger->boot_id, limiter->boot_id, BOOT_ID_BYTES);
    ledger->check = ledger_check(ledger);
}

/* Slots that make no sense end now: wait, never exceed. */
static void heal(struct limiter *limiter)
{
    uint64_t latest = now_us(limiter) + 1;
    for (uint64_t i = 0; i < limiter->ledger->slots; i++) {
        struct slot *slot = &limiter->ledger->slot[i];
        bool known = slot->kind >= SLOT_FREE && slot->kind <= SLOT_REFUSED;
        if (!known || slot->check != slot_check(slot) || slot->at_us > latest ||
            slot->seat >= SEAT_COUNT) {
            end_slot_now(limiter, slot);
        }
    }
}

static bool ledger_is_sane(const struct ledger *ledger, uint64_t file_bytes)
{
    return ledger->magic == ledger_magic && ledger->slots >= 1 && ledger->slots <= MAX_CALLS &&
           ledger_bytes(ledger->slots) <= file_bytes && ledger->parked_why < ARRAY_LEN(why_names) &&
           ledger->check == ledger_check(ledger);
}

/* A damaged ledger starts anew with all the slots its file has room for, so that no process with a
 * higher limit finds free ones. */
static bool replace_ledger(struct limiter *limiter, uint64_t wanted, uint64_t file_bytes)
{
    uint64_t slots = wanted;
    if (file_bytes > ledger_bytes(wanted)) {
        slots = (file_bytes - sizeof(struct ledger)) / sizeof(struct slot);
        slots = slots < MAX_CALLS ? slots : MAX_CALLS;
    }
    if (!map_file(limiter, slots)) {
        return false;
    }
    start_ledger(limiter, slots, !limiter->fresh);
    return true;
}

/* The learned limit, where our own does not keep it by itself. */
static struct bound learned_bound(const struct limiter *limiter)
{
    const struct bound *own = &limiter->own;
    const struct bound *learned = &limiter->learned;
    if (own->calls > 0 && learned->calls > 0) {
        int64_t periods = (learned->period_us + own->period_us - 1) / own->period_us;
        if (own->calls * periods <= learned->calls) {
            return (struct bound){0};
        }
    }
    return *learned;
}

static uint64_t slots_wanted(const struct limiter *limiter)
{
    int64_t learned = learned_bound(limiter).calls;
    int64_t most = limiter->own.calls > learned ? limiter->own.calls : learned;
    return most > 0 ? (uint64_t)most : 1;
}

/* With the file lock held: the mapping covers the ledger, which has room for our calls and is sane. */
static bool refresh(struct limiter *limiter)
{
    uint64_t wanted = slots_wanted(limiter);
    struct stat st;
    if (fstat(limiter->fd, &st) != 0) {
        return false;
    }
    uint64_t bytes = (uint64_t)st.st_size;
    if ((limiter->ledger == NULL || bytes < limiter->bytes) && !map_file(limiter, wanted)) {
        return false;
    }
    if (!ledger_is_sane(limiter->ledger, bytes) && !replace_ledger(limiter, wanted, bytes)) {
        return false;
    }
    uint64_t slots = limiter->ledger->slots;
    uint64_t most = slots > wanted ? slots : wanted;
    if (ledger_bytes(most) > limiter->bytes && !map_file(limiter, most)) {
        return false;
    }
    if (slots < wanted) {
        add_slots(limiter, wanted);
    }
    limiter->fresh = false;
    adopt_boot(limiter);
    heal(limiter);
    return true;
}

/* Enters and leaves the part that only one process at a time may be in. */
static bool enter(struct limiter *limiter)
{
    if (limiter->fd < 0) {
        return true;
    }
    if (!lock_byte(limiter->fd, F_WRLCK, 0, true)) {
        return false;
    }
    if (!refresh(limiter)) {
        int cause = errno;
        (void)lock_byte(limiter->fd, F_UNLCK, 0, true); /* our own lock */
        errno = cause;
        return false;
    }
    return true;
}

static void leave(struct limiter *limiter)
{
    if (limiter->fd >= 0) {
        (void)lock_byte(limiter->fd, F_UNLCK, 0, true); /* our own lock */
    }
}

/* --- open and close ----------------------------------------------------------------------- */

static bool read_boot_id(char ret[BOOT_ID_BYTES], struct err *err)
{
    AUTO_BUF struct buf text = {.max = 4096};
    if (!fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &text, err)) {
        return false;
    }
    str id = str_trim_ascii(buf_str(&text));
    size_t n = id.len < BOOT_ID_BYTES ? id.len : BOOT_ID_BYTES;
    memcpy(ret, id.ptr != NULL ? id.ptr : "", n);
    return true;
}

static bool make_parent(int dirfd, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return true;
    }
    char *parent = xstrdup(path);
    parent[slash - path] = '\0';
    bool ok = fs_mkdirs(dirfd, parent, err);
    free(parent);
    return ok;
}

static bool open_file(struct limiter *limiter, int dirfd, const char *path, struct err *err)
{
    if (!make_parent(dirfd, path, err)) {
        return false;
    }
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    limiter->fd = openat(dirfd, path, flags | O_CREAT | O_EXCL, 0600);
    limiter->fresh = limiter->fd >= 0; /* an empty file that was there before is a damaged one */
    if (limiter->fd < 0 && errno == EEXIST) {
        limiter->fd = openat(dirfd, path, flags);
    }
    struct stat st;
    if (limiter->fd < 0 || fstat(limiter->fd, &st) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not open '%s'", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_IO, "could not open '%s': it is not a regular file", path);
    }
    if (!take_seat(limiter, path, err)) {
        return false;
    }
    if (!enter(limiter)) {
        return err_set_errno(err, ERR_IO, errno, "could not use '%s'", path);
    }
    /* our seat was free, so whatever is held under it was held by a dead process */
    for (uint64_t i = 0; i < limiter->ledger->slots; i++) {
        struct slot *slot = &limiter->ledger->slot[i];
        if (slot->kind == SLOT_HELD && slot->seat == limiter->seat) {
            end_slot_now(limiter, slot);
        }
    }
    bury(limiter);
    leave(limiter);
    return true;
}

static bool check_options(int64_t calls, int64_t period_ms, struct err *err)
{
    if (calls < 0 || calls > MAX_CALLS || (calls > 0 && (period_ms < 1 || period_ms > 86400000))) {
        return err_set(
            err, ERR_CONFIG,
            "could not set the rate limit: calls must be 0 to %d, the period 1 ms to 1 day",
            MAX_CALLS);
    }
    return true;
}

/* Clocks of two machines may differ in speed (100 ppm) and round times to milliseconds. */
static int64_t guarded_us(int64_t period_ms)
{
    return period_ms * 1000 + period_ms / 10 + 2000;
}

struct limiter *limiter_open(int dirfd, const char *path, const struct limiter_options *options,
                             struct err *err)
{
    if (!check_options(options->calls, options->period_ms, err)) {
        return NULL;
    }
    struct limiter *limiter = xnew(struct limiter);
    pthread_mutex_init(&limiter->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&limiter->moved, &attr);
    pthread_condattr_destroy(&attr);
    limiter->clock = options->clock;
    limiter->own = (struct bound){options->calls, guarded_us(options->period_ms)};
    limiter->period_ms = options->period_ms;
    limiter->fd = -1;
    bool ok = true;
    if (options->boot_id != NULL) {
        memcpy(limiter->boot_id, options->boot_id, strnlen(options->boot_id, BOOT_ID_BYTES));
    } else if (path != NULL) {
        ok = read_boot_id(limiter->boot_id, err);
    }
    if (path != NULL) {
        ok = ok && open_file(limiter, dirfd, path, err);
    } else {
        uint64_t slots = options->calls > 0 ? (uint64_t)options->calls : 1;
        limiter->bytes = ledger_bytes(slots);
        limiter->ledger = xcalloc(limiter->bytes, 1);
        start_ledger(limiter, slots, false);
    }
    if (!ok) {
        limiter_close(limiter);
        return NULL;
    }
    return limiter;
}

void limiter_close(struct limiter *limiter)
{
    if (limiter == NULL) {
        return;
    }
    if (limiter->fd >= 0) {
        if (limiter->ledger != NULL) {
            (void)munmap(limiter->ledger, limiter->bytes); /* a mapping of ours: cannot fail */
        }
        (void)close(limiter->fd); /* nothing was written through it; drops the seat */
    } else {
        free(limiter->ledger);
    }
    pthread_cond_destroy(&limiter->moved);
    pthread_mutex_destroy(&limiter->lock);
    free(limiter);
}

/* --- taking and giving -------------------------------------------------------------------- */

struct outlook {
    int64_t free;    /* calls that the limits leave; INT64_MAX: no limit */
    int64_t slot;    /* one that may be used, -1 where none */
    int64_t wait_us; /* until a call could go; 0 now; -1 until a call in flight ends */
    bool parked;
};

/* What stands in the ledger under one limit. */
struct bound_view {
    struct bound bound;
    int64_t busy;
    uint64_t first; /* when the first of them leaves */
};

static bool rests(const struct slot *slot, const struct bound *bound, uint64_t now)
{
    return (slot->kind == SLOT_ENDED || slot->kind == SLOT_REFUSED) &&
           slot->at_us + (uint64_t)bound->period_us >= now;
}

static void count_busy(const struct ledger *ledger, struct bound_view view[BOUNDS], uint64_t now,
                       struct outlook *seen)
{
    for (uint64_t i = 0; i < ledger->slots; i++) {
        const struct slot *slot = &ledger->slot[i];
        bool busy = slot->kind == SLOT_HELD;
        for (int n = 0; n < BOUNDS; n++) {
            bool resting = rests(slot, &view[n].bound, now);
            view[n].busy += resting || slot->kind == SLOT_HELD;
            busy = busy || (resting && view[n].bound.calls > 0);
            uint64_t leaves = slot->at_us + (uint64_t)view[n].bound.period_us;
            if (resting && leaves < view[n].first) {
                view[n].first = leaves;
            }
        }
        if (!busy && seen->slot < 0) {
            seen->slot = (int64_t)i;
        }
    }
}

/* One look at the ledger: sane, and not to be changed by anybody else. */
static struct outlook look_out(struct limiter *limiter)
{
    const struct ledger *ledger = limiter->ledger;
    uint64_t now = now_us(limiter);
    struct outlook seen = {.free = INT64_MAX, .slot = -1};
    struct bound_view view[BOUNDS] = {{.bound = limiter->own, .first = UINT64_MAX},
                                      {.bound = learned_bound(limiter), .first = UINT64_MAX}};
    view[OWN].bound.calls =
        ceiling_calls(&limiter->ceiling, limiter->own.calls, limiter->own.period_us, now);
    if (view[OWN].bound.calls > 0 || view[LEARNED].bound.calls > 0) {
        count_busy(ledger, view, now, &seen);
    }
    for (int n = 0; n < BOUNDS; n++) {
        int64_t left = view[n].bound.calls - view[n].busy;
        if (view[n].bound.calls == 0) {
            continue;
        }
        seen.free = left < 0 ? 0 : left < seen.free ? left : seen.free;
        if (left <= 0) { /* where there is no slot, one of them is full */
            /* with fewer calls allowed than before, several must come back before one may go; the
             * earliest of them is when it is worth looking again */
            int64_t wait = view[n].first == UINT64_MAX ? -1 : (int64_t)(view[n].first - now) + 1;
            bool longer = wait < 0 || (seen.wait_us >= 0 && wait > seen.wait_us);
            seen.wait_us = longer ? wait : seen.wait_us;
        }
    }
    if (seen.wait_us != 0) {
        seen.slot = -1;
    }
    if (ledger->parked_us > now) {
        int64_t parked_us = (int64_t)(ledger->parked_us - now);
        seen.parked = true;
        seen.slot = -1;
        if (seen.wait_us >= 0 && seen.wait_us < parked_us) {
            seen.wait_us = parked_us;
        }
    }
    return seen;
}

static void join_line(struct limiter *limiter, struct waiter *me)
{
    if (limiter->last != NULL) {
        limiter->last->next = me;
    } else {
        limiter->first = me;
    }
    limiter->last = me;
}

static void leave_line(struct limiter *limiter, struct waiter *me)
{
    struct waiter *before = NULL;
    for (struct waiter *w = limiter->first; w != me; w = w->next) {
        before = w;
    }
    if (before != NULL) {
        before->next = me->next;
    } else {
        limiter->first = me->next;
    }
    if (limiter->last == me) {
        limiter->last = before;
    }
    pthread_cond_broadcast(&limiter->moved);
}

static void nap_in_line(struct limiter *limiter)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail for this clock */
    until.tv_nsec += (long)QUEUE_NAP_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_cond_timedwait(&limiter->moved, &limiter->lock,
                                 &until); /* both ends look again */
}

/* First in line, lock held: tries once. *ret_wait_us: how long to wait before the next try. */
static bool try_take(struct limiter *limiter, bool *ret_taken, int *ret_token, int64_t *ret_wait_us)
{
    *ret_taken = false;
    if (!enter(limiter)) {
        return false;
    }
    struct outlook seen = look_out(limiter);
    if (seen.wait_us != 0 && limiter->fd >= 0) {
        bury(limiter);
    }
    if (seen.wait_us == 0 && !seen.parked) {
        if (seen.slot >= 0) {
            set_slot(&limiter->ledger->slot[seen.slot], SLOT_HELD, now_us(limiter),
                     now_real_ms(limiter), limiter->seat);
        }
        *ret_token = (int)seen.slot;
        *ret_taken = true;
    }
    leave(limiter);
    *ret_wait_us = seen.wait_us;
    return true;
}

/* The lock is given up meanwhile. False: stopped. */
static bool wait_for_token(struct limiter *limiter, int64_t wait_us, struct stop *stop, int level)
{
    if (wait_us < 0) { /* all are in flight: limiter_give will tell */
        nap_in_line(limiter);
        return true;
    }
    int64_t ns =
        wait_us * 1000 < (int64_t)NAP_MS * 1000000 ? wait_us * 1000 : (int64_t)NAP_MS * 1000000;
    pthread_mutex_unlock(&limiter->lock);
    bool go_on = limiter->clock->sleep_ns(limiter->clock->ctx, ns, stop, level);
    pthread_mutex_lock(&limiter->lock);
    return go_on;
}

bool limiter_take(struct limiter *limiter, struct stop *stop, int level, int *ret_token,
                  int64_t *ret_waited_ns, struct err *err)
{
    struct waiter me = {.next = NULL};
    int64_t start_ns = clock_mono_ns(limiter->clock);
    bool taken = false;
    bool works = true;
    int token = -1;
    pthread_mutex_lock(&limiter->lock);
    join_line(limiter, &me);
    while (stop == NULL || stop_level(stop) < level) {
        if (limiter->first != &me) {
            nap_in_line(limiter);
            continue;
        }
        int64_t wait_us = 0;
        works = try_take(limiter, &taken, &token, &wait_us);
        if (!works || taken || !wait_for_token(limiter, wait_us, stop, level)) {
            break;
        }
    }
    leave_line(limiter, &me);
    pthread_mutex_unlock(&limiter->lock);
    if (!works) {
        return err_set_errno(err, ERR_IO, errno, "could not use the file of the rate limit");
    }
    if (!taken) {
        return err_set(err, ERR_INTERRUPTED, "stopped while waiting for the rate limit");
    }
    *ret_token = token;
    if (ret_waited_ns != NULL) {
        *ret_waited_ns = clock_mono_ns(limiter->clock) - start_ns;
    }
    return true;
}

/* Calls that the remote has accepted in the period, or still may. */
static int64_t not_refused(const struct limiter *limiter, uint64_t now)
{
    int64_t held = 0;
    for (uint64_t i = 0; i < limiter->ledger->slots; i++) {
        const struct slot *slot = &limiter->ledger->slot[i];
        held += slot->kind == SLOT_HELD ||
                (slot->kind == SLOT_ENDED && rests(slot, &limiter->own, now));
    }
    return held;
}

/* `kind`: what becomes of the token's slot. */
static void give_back(struct limiter *limiter, int token, enum slot_kind kind,
                      int64_t retry_after_ms)
{
    const struct bound *own = &limiter->own;
    pthread_mutex_lock(&limiter->lock);
    /* where the file cannot be locked the token stays held, which errs on the safe side */
    if (token >= 0 && enter(limiter)) {
        if ((uint64_t)token < limiter->ledger->slots) {
            close_slot(limiter, &limiter->ledger->slot[token], kind);
        }
        /* told to wait for longer than our period: it counts over another one */
        if (kind == SLOT_REFUSED && own->calls > 0 && retry_after_ms * 1000 <= own->period_us) {
            uint64_t now = now_us(limiter);
            ceiling_refused(&limiter->ceiling, not_refused(limiter, now), own->calls,
                            own->period_us, now);
        }
        leave(limiter);
    }
    pthread_cond_broadcast(&limiter->moved);
    pthread_mutex_unlock(&limiter->lock);
}

void limiter_give(struct limiter *limiter, int token)
{
    give_back(limiter, token, SLOT_ENDED, 0);
}

void limiter_give_refused(struct limiter *limiter, int token, int64_t retry_after_ms)
{
    give_back(limiter, token, SLOT_REFUSED, retry_after_ms);
}

void limiter_unuse(struct limiter *limiter, int token)
{
    give_back(limiter, token, SLOT_FREE, 0);
}

/* --- settings and state ------------------------------------------------------------------- */

static uint32_t why_index(const char *why)
{
    for (uint32_t i = 0; i < ARRAY_LEN(why_names); i++) {
        if (strcmp(why, why_names[i]) == 0) {
            return i;
        }
    }
    return 0;
}

void limiter_park(struct limiter *limiter, int64_t ms, const char *why)
{
    if (ms <= 0) {
        return;
    }
    if (ms > MAX_PARK_MS) {
        ms = MAX_PARK_MS;
    }
    pthread_mutex_lock(&limiter->lock);
    if (enter(limiter)) {
        struct ledger *ledger = limiter->ledger;
        uint64_t until = now_us(limiter) + (uint64_t)ms * 1000;
        if (until > ledger->parked_us) {
            ledger->parked_us = until;
            ledger->parked_real_ms = now_real_ms(limiter) + (uint64_t)ms;
            ledger->parked_why = why_index(why);
            ledger->check = ledger_check(ledger);
            limiter->why = why;
        }
        leave(limiter);
    }
    pthread_mutex_unlock(&limiter->lock);
}

/* In memory; a file is given room when it is next used. */
static void make_room(struct limiter *limiter)
{
    uint64_t slots = slots_wanted(limiter);
    if (limiter->fd < 0 && slots > limiter->ledger->slots) {
        limiter->bytes = ledger_bytes(slots);
        limiter->ledger = xrealloc(limiter->ledger, limiter->bytes, 1);
        add_slots(limiter, slots);
    }
}

bool limiter_set(struct limiter *limiter, int64_t calls, int64_t period_ms, struct err *err)
{
    if (!check_options(calls, period_ms, err)) {
        return false;
    }
    pthread_mutex_lock(&limiter->lock);
    limiter->own = (struct bound){calls, guarded_us(period_ms)};
    limiter->period_ms = period_ms;
    limiter->ceiling = (struct ceiling){0};
    make_room(limiter);
    pthread_cond_broadcast(&limiter->moved);
    pthread_mutex_unlock(&limiter->lock);
    return true;
}

void limiter_learn(struct limiter *limiter, int64_t calls, int64_t left_ms)
{
    if (calls < 1 || calls > MAX_LEARNED || left_ms < 1 || left_ms > MAX_PARK_MS) {
        return;
    }
    pthread_mutex_lock(&limiter->lock);
    if (limiter->learned.calls != calls || left_ms > limiter->learned_ms) {
        limiter->learned = (struct bound){calls, guarded_us(left_ms)};
        limiter->learned_ms = left_ms;
        make_room(limiter);
    }
    pthread_mutex_unlock(&limiter->lock);
}

/* What is allowed now: of two limits the one with the lower rate. */
static void tell_limit(const struct limiter *limiter, struct limiter_state *ret)
{
    const struct ceiling *ceiling = &limiter->ceiling;
    ret->calls = ceiling->calls != 0 ? ceiling->calls : limiter->own.calls;
    ret->period_ms = ret->calls != 0 ? limiter->period_ms : 0;
    ret->learned = ceiling->calls != 0;
    struct bound learned = learned_bound(limiter);
    if (learned.calls != 0 &&
        (ret->calls == 0 || learned.calls * ret->period_ms < ret->calls * limiter->learned_ms)) {
        ret->calls = learned.calls;
        ret->period_ms = limiter->learned_ms;
        ret->learned = true;
    }
}

void limiter_look(struct limiter *limiter, struct limiter_state *ret)
{
    *ret = (struct limiter_state){.free_tokens = -1};
    pthread_mutex_lock(&limiter->lock);
    for (const struct waiter *w = limiter->first; w != NULL; w = w->next) {
        ret->waiting++;
    }
    if (enter(limiter)) {
        struct outlook seen = look_out(limiter);
        tell_limit(limiter, ret);
        ret->free_tokens = seen.free != INT64_MAX ? seen.free : -1;
        int64_t wait_us = seen.wait_us >= 0 ? seen.wait_us : ret->period_ms * 1000;
        ret->next_ms = (wait_us + 999) / 1000;
        if (seen.parked) {
            const char *shared = why_names[limiter->ledger->parked_why];
            bool ours =
                limiter->why != NULL && limiter->ledger->parked_why == why_index(limiter->why);
            ret->why = ours ? limiter->why : shared;
        } else if (seen.wait_us != 0) {
            ret->why = "limit";
        }
        leave(limiter);
    }
    pthread_mutex_unlock(&limiter->lock);
}
