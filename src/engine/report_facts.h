/* SPDX-License-Identifier: MIT */
/*
 * What both reports (JSON and HTML) count before they write: one walk over plan and journal, bounded
 * memory whatever the number of changes. Names of strategies, calls and counted things are data of
 * the run; the engine knows none of them.
 */
#ifndef STEWARD_ENGINE_REPORT_FACTS_H
#define STEWARD_ENGINE_REPORT_FACTS_H

#include "engine/engine.h"

/* How the changes of one strategy stand. */
struct fact_strategy {
    str name;
    uint64_t changes;
    uint64_t states[CHANGE_STATE_COUNT];
};

/* Calls of one kind, added up over the processes that worked on the run. */
struct fact_call {
    str name;
    uint64_t count, errors, limited, retries;
    int64_t waited_ms;
    uint64_t latency[CALLSTATS_BUCKETS];
};

/* What the remote's trouble cost, added up over the processes. */
struct fact_pressure {
    uint64_t breaker_opened;
    int64_t breaker_ms; /* not closed */
    uint64_t held_back; /* writes that were not sent meanwhile */
    uint64_t cuts;      /* times that the number of busy workers was halved */
    uint64_t delayed;   /* retries */
};

struct fact_slot {
    uint64_t calls, errors, limited;
    uint64_t unmetered; /* calls that the limit does not count */
};

/* A number that the job's `detail` gives for its changes ("tickets", "backed up"), added up. */
struct fact_count {
    str what;
    str name;
    uint64_t sum;
    uint64_t changes; /* that gave it */
};

struct report_facts {
    struct arena arena;
    struct run run;
    uint64_t listed; /* changes that were walked over */

    struct fact_strategy *strategies; /* in order of the plan */
    size_t strategy_count;
    struct fact_count *counts; /* in order of appearance, those of one `what` together */
    size_t count_count;
    /* failed, skipped and unknown changes by cause */
    uint64_t causes[CHANGE_STATE_COUNT][ERR_KIND_COUNT];

    struct fact_call *calls; /* in order of name within a process, new ones behind */
    size_t call_count;
    struct fact_call all;
    uint64_t sessions; /* processes that worked on it */
    struct fact_pressure pressure;
    /* calls over time; slot_count 0: none are known */
    struct fact_slot slots[CALLSTATS_SLOTS];
    size_t slot_count;
    int64_t slot_ms;
    int64_t slots_from_ms;
    bool has_limit; /* of the last process; limit_calls 0: no limit of our own */
    int64_t limit_calls;
    int64_t limit_period_ms;

    uint64_t attempts;                   /* times that something was sent */
    uint64_t confirmed;                  /* changes whose time from send to proof is known */
    uint64_t confirm[CALLSTATS_BUCKETS]; /* those times */

    uint64_t backups;         /* changes that name a backup */
    uint64_t backups_missing; /* whose backup is not where the journal says */
    uint64_t audit_entries;
    uint64_t audit_broken_at; /* 0: the chain is whole */
    int64_t made_at_ms;
};

/* Zeroed before; give it to report_facts_done in any case. A run whose planning failed has no
 * changes. */
bool report_facts_collect(struct engine *engine, int64_t run, struct report_facts *ret,
                          struct err *err) MUST_CHECK;
void report_facts_done(struct report_facts *facts);
#define AUTO_FACTS CLEANUP(report_facts_done)

/* The most calls that the limit counts within one of its periods, in steps of slots. False: not to be told from the
 * slots (none, no limit, or slots longer than the period). */
bool report_facts_busiest(const struct report_facts *facts, uint64_t *ret);

/* From the first start to the end; 0 where it did not begin or end. */
int64_t report_facts_duration_ms(const struct report_facts *facts);

static inline double report_facts_ms(const uint64_t buckets[CALLSTATS_BUCKETS], double q)
{
    return (double)callstats_percentile_us(buckets, q) / 1000.0;
}

#endif
