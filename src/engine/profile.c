/* SPDX-License-Identifier: MIT */
#include "engine/profile.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/version.h"
#include "net/callstats.h"

enum { MAX_CALLS = 128, MAX_HANDS = 256, MAX_FRAMES = 512, NAME_BYTES = 16, FRAME_BYTES = 80 };

static const char *const names[] = {
#define X(phase, name) [phase] = (name),
    PROFILE_PHASES(X)
#undef X
};

struct phase_time {
    int64_t ns;
    int64_t cpu_ns;
    int64_t waited_ns;   /* of it: for the limit */
    int64_t answered_ns; /* of it: for answers */
    uint64_t times;      /* entered */
};

struct call_time {
    enum profile_phase phase;
    const char *call; /* a constant */
    int64_t waited_ns;
    int64_t answered_ns;
    uint64_t count;
};

/* A worker's own. */
struct hand {
    char name[NAME_BYTES];
    const struct clock *clock;
    profile_cpu_fn cpu;
    enum profile_phase phase;
    int64_t since_ns;
    int64_t cpu_since_ns;
    struct phase_time phases[PROFILE_PHASE_COUNT];
    struct call_time calls[MAX_CALLS]; /* rarer ones beyond are in the phases only */
    size_t call_count;
};

struct profile {
    const struct clock *clock;
    profile_cpu_fn cpu;
    int64_t begun_ns;
    int64_t cpu_begun_ns;
    int64_t ended_ns; /* the last worker */
    pthread_mutex_t lock;
    struct hand *hands[MAX_HANDS] GUARDED_BY(lock);
    size_t hand_count GUARDED_BY(lock);
};

static _Thread_local struct hand *mine;

static int64_t cpu_of_system(bool process)
{
    struct timespec spec = {0};
    /* cannot fail for these clocks */
    (void)clock_gettime(process ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &spec);
    return (int64_t)spec.tv_sec * 1000000000 + spec.tv_nsec;
}

struct profile *profile_new(const struct clock *clock, profile_cpu_fn cpu)
{
    struct profile *profile = xnew(struct profile);
    profile->clock = clock;
    profile->cpu = cpu != NULL ? cpu : cpu_of_system;
    profile->begun_ns = clock_mono_ns(clock);
    profile->ended_ns = profile->begun_ns;
    profile->cpu_begun_ns = profile->cpu(true);
    pthread_mutex_init(&profile->lock, NULL);
    return profile;
}

void profile_free(struct profile *profile)
{
    if (profile == NULL) {
        return;
    }
    for (size_t i = 0; i < profile->hand_count; i++) {
        free(profile->hands[i]);
    }
    pthread_mutex_destroy(&profile->lock);
    free(profile);
}

/* --- counting ------------------------------------------------------------------------------ */

/* Calls are few and their names constants: the same pointer nearly always. */
static struct call_time *entry_of(struct hand *hand, enum profile_phase phase, const char *call)
{
    for (size_t i = 0; i < hand->call_count; i++) {
        struct call_time *entry = &hand->calls[i];
        if (entry->phase == phase && (entry->call == call || strcmp(entry->call, call) == 0)) {
            return entry;
        }
    }
    if (hand->call_count == MAX_CALLS) {
        return NULL;
    }
    struct call_time *entry = &hand->calls[hand->call_count++];
    *entry = (struct call_time){.phase = phase, .call = call};
    return entry;
}

static void count_call(void *ctx, const char *call, int64_t duration_ns, int64_t waited_ns)
{
    struct hand *hand = ctx;
    struct call_time *entry = entry_of(hand, hand->phase, call);
    hand->phases[hand->phase].waited_ns += waited_ns;
    hand->phases[hand->phase].answered_ns += duration_ns;
    if (entry != NULL) {
        entry->waited_ns += waited_ns;
        entry->answered_ns += duration_ns;
        entry->count++;
    }
}

enum profile_phase profile_enter(enum profile_phase phase)
{
    struct hand *hand = mine;
    if (hand == NULL) {
        return phase;
    }
    enum profile_phase left = hand->phase;
    int64_t now_ns = clock_mono_ns(hand->clock);
    int64_t cpu_ns = hand->cpu(false);
    hand->phases[left].ns += now_ns - hand->since_ns;
    hand->phases[left].cpu_ns += cpu_ns - hand->cpu_since_ns;
    hand->phases[phase].times++;
    hand->since_ns = now_ns;
    hand->cpu_since_ns = cpu_ns;
    hand->phase = phase;
    return left;
}

void profile_begin(struct profile *profile)
{
    if (profile == NULL) {
        return;
    }
    struct hand *hand = xnew(struct hand);
    hand->clock = profile->clock;
    hand->phase = PROFILE_ENGINE;
    hand->since_ns = clock_mono_ns(profile->clock);
    hand->cpu = profile->cpu;
    hand->cpu_since_ns = profile->cpu(false);
    pthread_mutex_lock(&profile->lock);
    bool room = profile->hand_count < MAX_HANDS;
    if (room) {
        profile->hands[profile->hand_count++] = hand;
        (void)snprintf(hand->name, sizeof(hand->name), "worker-%d", (int)profile->hand_count);
    }
    pthread_mutex_unlock(&profile->lock);
    if (!room) {
        free(hand);
        return;
    }
    mine = hand;
    callstats_overhear(count_call, hand);
}

void profile_end(struct profile *profile)
{
    if (mine == NULL) {
        return;
    }
    (void)profile_enter(PROFILE_ENGINE); /* closes the last phase */
    callstats_overhear(NULL, NULL);
    int64_t now_ns = mine->since_ns;
    mine = NULL;
    pthread_mutex_lock(&profile->lock);
    profile->ended_ns = now_ns > profile->ended_ns ? now_ns : profile->ended_ns;
    pthread_mutex_unlock(&profile->lock);
}

/* --- adding up ----------------------------------------------------------------------------- */

static void add_hand(struct hand *sum, const struct hand *hand)
{
    for (size_t i = 0; i < PROFILE_PHASE_COUNT; i++) {
        const struct phase_time *from = &hand->phases[i];
        struct phase_time *to = &sum->phases[i];
        to->ns += from->ns;
        to->cpu_ns += from->cpu_ns;
        to->waited_ns += from->waited_ns;
        to->answered_ns += from->answered_ns;
        to->times += from->times;
    }
    for (size_t i = 0; i < hand->call_count; i++) {
        const struct call_time *from = &hand->calls[i];
        struct call_time *to = entry_of(sum, from->phase, from->call);
        if (to != NULL) {
            to->waited_ns += from->waited_ns;
            to->answered_ns += from->answered_ns;
            to->count += from->count;
        }
    }
}

static struct hand *all_hands(const struct profile *profile)
{
    struct hand *sum = xnew(struct hand);
    (void)snprintf(sum->name, sizeof(sum->name), "all workers");
    for (size_t i = 0; i < profile->hand_count; i++) {
        add_hand(sum, profile->hands[i]);
    }
    return sum;
}

/* What is neither waiting for the limit nor for answers. */
static int64_t own_ns(const struct phase_time *time)
{
    int64_t own = time->ns - time->waited_ns - time->answered_ns;
    return own > 0 ? own : 0;
}

/* --- the table ----------------------------------------------------------------------------- */

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void add_phases(const struct hand *sum, struct buf *out)
{
    int64_t total = 0;
    for (size_t i = 0; i < PROFILE_PHASE_COUNT; i++) {
        total += sum->phases[i].ns;
    }
    buf_printf(out, "  %-24s %9s %6s %9s %9s %9s %9s\n", "phase", "seconds", "share", "limit",
               "answers", "other", "CPU");
    for (size_t i = 0; i < PROFILE_PHASE_COUNT; i++) {
        const struct phase_time *time = &sum->phases[i];
        if (time->ns != 0) {
            buf_printf(out, "  %-24s %9.3f %4.1f %% %9.3f %9.3f %9.3f %9.3f\n", names[i],
                       seconds(time->ns), 100.0 * (double)time->ns / (double)total,
                       seconds(time->waited_ns), seconds(time->answered_ns), seconds(own_ns(time)),
                       seconds(time->cpu_ns));
        }
    }
}

/* The calls of all phases together, the one that took longest first. */
static void add_calls(const struct hand *sum, const char *remote, struct buf *out)
{
    struct hand *calls = xnew(struct hand);
    for (size_t i = 0; i < sum->call_count; i++) {
        struct call_time *to = entry_of(calls, PROFILE_ENGINE, sum->calls[i].call);
        if (to != NULL) {
            to->waited_ns += sum->calls[i].waited_ns;
            to->answered_ns += sum->calls[i].answered_ns;
            to->count += sum->calls[i].count;
        }
    }
    if (calls->call_count != 0) {
        buf_printf(out, "  %-24s %9s %6s %9s %9s %9s\n", remote, "seconds", "calls", "limit",
                   "answers", "mean ms");
    }
    while (calls->call_count > 0) {
        struct call_time *most = &calls->calls[0];
        for (size_t i = 1; i < calls->call_count; i++) {
            struct call_time *other = &calls->calls[i];
            if (other->waited_ns + other->answered_ns > most->waited_ns + most->answered_ns) {
                most = other;
            }
        }
        buf_printf(out, "  %-24s %9.3f %6" PRIu64 " %9.3f %9.3f %9.1f\n", most->call,
                   seconds(most->waited_ns + most->answered_ns), most->count,
                   seconds(most->waited_ns), seconds(most->answered_ns),
                   (double)most->answered_ns / 1e6 / (double)most->count);
        *most = calls->calls[--calls->call_count];
    }
    free(calls);
}

void profile_table(const struct profile *profile, int64_t run, const char *remote, struct buf *out)
{
    struct hand *sum = all_hands(profile);
    buf_printf(out, "Where the time of run %" PRId64 " went: %.3f s, %zu worker%s, %.3f s of CPU\n",
               run, seconds(profile->ended_ns - profile->begun_ns), profile->hand_count,
               profile->hand_count == 1 ? "" : "s",
               seconds(profile->cpu(true) - profile->cpu_begun_ns));
    add_phases(sum, out);
    add_calls(sum, remote, out);
    free(sum);
}

/* --- stacks -------------------------------------------------------------------------------- */

enum { DEPTH = 3 };

struct stack {
    char frames[DEPTH][FRAME_BYTES];
    size_t depth;
    int64_t ns;
};

typedef void (*stack_fn)(void *ctx, const struct stack *stack);

static void give(stack_fn each, void *ctx, const char *phase, const char *remote, const char *call,
                 const char *leaf, int64_t ns)
{
    struct stack stack = {.ns = ns};
    if (ns <= 0) {
        return;
    }
    (void)snprintf(stack.frames[stack.depth++], FRAME_BYTES, "%s", phase);
    if (call != NULL) {
        (void)snprintf(stack.frames[stack.depth++], FRAME_BYTES, "%s %s", remote, call);
    }
    (void)snprintf(stack.frames[stack.depth++], FRAME_BYTES, "%s", leaf);
    each(ctx, &stack);
}

/* What a worker did, as stacks that do not overlap. A phase's CPU may have been used while an answer was
 * read; no more of it is told here than there is time outside of calls. */
static void each_stack(const struct hand *hand, const char *remote, stack_fn each, void *ctx)
{
    for (size_t i = 0; i < PROFILE_PHASE_COUNT; i++) {
        const struct phase_time *time = &hand->phases[i];
        int64_t own = own_ns(time);
        int64_t cpu = time->cpu_ns < own ? time->cpu_ns : own;
        for (size_t c = 0; c < hand->call_count; c++) {
            const struct call_time *call = &hand->calls[c];
            if (call->phase == (enum profile_phase)i) {
                give(each, ctx, names[i], remote, call->call, "waiting for the limit",
                     call->waited_ns);
                give(each, ctx, names[i], remote, call->call, "waiting for the answer",
                     call->answered_ns);
            }
        }
        give(each, ctx, names[i], NULL, NULL, "CPU", cpu);
        give(each, ctx, names[i], NULL, NULL, "other waiting", own - cpu);
    }
}

struct folder {
    const char *worker;
    struct buf *out;
};

static void fold(void *ctx, const struct stack *stack)
{
    struct folder *folder = ctx;
    buf_addz(folder->out, folder->worker);
    for (size_t i = 0; i < stack->depth; i++) {
        buf_printf(folder->out, ";%s", stack->frames[i]);
    }
    buf_printf(folder->out, " %" PRId64 "\n", stack->ns / 1000);
}

void profile_folded(const struct profile *profile, const char *remote, struct buf *out)
{
    for (size_t i = 0; i < profile->hand_count; i++) {
        struct folder folder = {profile->hands[i]->name, out};
        each_stack(profile->hands[i], remote, fold, &folder);
    }
}

struct scope {
    char frames[MAX_FRAMES][FRAME_BYTES];
    size_t frame_count;
    struct buf samples;
    struct buf weights;
    int64_t total_ns;
};

static size_t frame_of(struct scope *scope, const char *name)
{
    size_t at = 0;
    while (at < scope->frame_count && strcmp(scope->frames[at], name) != 0) {
        at++;
    }
    if (at == MAX_FRAMES) {
        return MAX_FRAMES - 1; /* far more than there are names */
    }
    if (at == scope->frame_count) {
        (void)snprintf(scope->frames[scope->frame_count++], FRAME_BYTES, "%s", name);
    }
    return at;
}

static void sample(void *ctx, const struct stack *stack)
{
    struct scope *scope = ctx;
    buf_addz(&scope->samples, scope->samples.len == 0 ? "[" : ",[");
    for (size_t i = 0; i < stack->depth; i++) {
        buf_printf(&scope->samples, "%s%zu", i == 0 ? "" : ",", frame_of(scope, stack->frames[i]));
    }
    buf_addc(&scope->samples, ']');
    buf_printf(&scope->weights, "%s%" PRId64, scope->weights.len == 0 ? "" : ",", stack->ns);
    scope->total_ns += stack->ns;
}

static void add_profile(struct scope *scope, const struct hand *hand, const char *remote,
                        struct buf *out)
{
    buf_clear(&scope->samples);
    buf_clear(&scope->weights);
    scope->total_ns = 0;
    each_stack(hand, remote, sample, scope);
    buf_printf(out, "{\"type\":\"sampled\",\"name\":\"%s\",\"unit\":\"nanoseconds\",", hand->name);
    buf_printf(out, "\"startValue\":0,\"endValue\":%" PRId64 ",\"samples\":[%s],\"weights\":[%s]}",
               scope->total_ns, buf_z(&scope->samples), buf_z(&scope->weights));
}

void profile_speedscope(const struct profile *profile, int64_t run, const char *remote,
                        struct buf *out)
{
    AUTO_BUF struct buf profiles = {0};
    struct scope *scope = xnew(struct scope);
    struct hand *sum = all_hands(profile);
    add_profile(scope, sum, remote, &profiles);
    for (size_t i = 0; i < profile->hand_count; i++) {
        buf_addz(&profiles, ",\n");
        add_profile(scope, profile->hands[i], remote, &profiles);
    }
    buf_printf(out,
               "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
               "\"name\":\"run %" PRId64
               "\",\"exporter\":\"steward %s\",\"activeProfileIndex\":0,\n"
               "\"shared\":{\"frames\":[",
               run, STEWARD_VERSION);
    for (size_t i = 0; i < scope->frame_count; i++) {
        buf_addz(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        buf_add_json(out, str_of(scope->frames[i]));
        buf_addc(out, '}');
    }
    buf_printf(out, "]},\n\"profiles\":[\n%s]}\n", buf_z(&profiles));
    buf_done(&scope->samples);
    buf_done(&scope->weights);
    free(scope);
    free(sum);
}
