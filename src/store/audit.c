/* SPDX-License-Identifier: MIT */
#include "store/audit.h"

#include <stdio.h>

void audit_body(struct buf *out, const struct audit_entry *entry)
{
    buf_printf(out, "{\"seq\":%llu,\"at_ms\":%lld,\"run\":", (unsigned long long)entry->seq,
               (long long)entry->at_ms);
    if (entry->run != 0) {
        buf_printf(out, "%lld", (long long)entry->run);
    } else {
        buf_addz(out, "null");
    }
    buf_addz(out, ",\"change\":");
    if (entry->change[0] != '\0') {
        buf_add_json(out, str_of(entry->change));
    } else {
        buf_addz(out, "null");
    }
    buf_addz(out, ",\"event\":");
    buf_add_json(out, str_of(entry->event));
    buf_addz(out, ",\"detail\":");
    buf_adds(out, entry->detail.len != 0 ? entry->detail : STR("null"));
    buf_addc(out, '}');
}

void audit_chain(const uint8_t before[SHA256_BYTES], str body, uint8_t ret[SHA256_BYTES])
{
    AUTO(sha256_free) struct sha256 *sha = sha256_new();
    sha256_add(sha, before, SHA256_BYTES);
    sha256_add(sha, body.ptr, body.len);
    sha256_end(sha, ret);
}

const char *audit_fault_name(enum audit_fault fault)
{
    static const char *const names[] = {
#define X(fault, name) name,
        AUDIT_FAULTS(X)
#undef X
    };
    return names[fault];
}

static void break_at(struct audit_walk *walk, enum audit_fault fault, uint64_t from, uint64_t to)
{
    walk->fault = fault;
    walk->broken = from;
    walk->to = to;
}

/* The run stands beside the body too, where it is looked up by. */
static bool names_run(str body, int64_t run)
{
    char text[40];
    if (run != 0) {
        (void)snprintf(text, sizeof(text), ",\"run\":%lld,", (long long)run);
    } else {
        (void)snprintf(text, sizeof(text), ",\"run\":null,");
    }
    const char *found = memmem(body.ptr, body.len, ",\"run\":", 7);
    return found != NULL &&
           str_starts((str){found, body.len - (size_t)(found - body.ptr)}, str_of(text));
}

void audit_walk_add(struct audit_walk *walk, uint64_t seq, int64_t run, str body, str hash)
{
    char head[40];
    uint8_t computed[SHA256_BYTES];
    walk->entries++;
    if (walk->broken != 0) {
        return;
    }
    uint64_t place = walk->entries;
    audit_chain(walk->hash, body, computed);
    bool follows = str_eq(hash, (str){(const char *)computed, SHA256_BYTES});
    /* The place and the number inside the body must agree, or two entries could change places. */
    (void)snprintf(head, sizeof(head), "{\"seq\":%llu,", (unsigned long long)place);
    if (seq > place) {
        break_at(walk, AUDIT_MISSING, place, seq - 1);
    } else if (seq != place || !str_starts(body, str_of(head))) {
        break_at(walk, AUDIT_MOVED, place, place);
    } else if (!follows || !names_run(body, run)) {
        break_at(walk, AUDIT_CHANGED, place, place);
    } else {
        memcpy(walk->hash, computed, SHA256_BYTES);
        if (walk->noted != NULL && memcmp(computed, walk->noted, SHA256_BYTES) == 0) {
            walk->noted_at = place;
        }
    }
}

void audit_walk_end(struct audit_walk *walk, uint64_t head_seq, str head_hash)
{
    if (walk->broken != 0) {
        return;
    }
    /* before the first entry: zeros, in the walk and in the head */
    if (head_hash.ptr == NULL) {
        break_at(walk, AUDIT_HEAD_MISSING, walk->entries + 1, walk->entries + 1);
    } else if (head_seq > walk->entries) {
        break_at(walk, AUDIT_MISSING, walk->entries + 1, head_seq);
    } else if (head_seq < walk->entries) {
        break_at(walk, AUDIT_ADDED, head_seq + 1, walk->entries);
    } else if (!str_eq(head_hash, (str){(const char *)walk->hash, SHA256_BYTES})) {
        uint64_t last = walk->entries != 0 ? walk->entries : 1;
        break_at(walk, AUDIT_CHANGED, last, last);
    }
}
