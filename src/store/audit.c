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

void audit_walk_add(struct audit_walk *walk, uint64_t seq, str body, str hash)
{
    char head[40];
    walk->entries++;
    if (walk->broken != 0) {
        return;
    }
    /* The place and the number inside the body must agree, or two entries could change places. */
    (void)snprintf(head, sizeof(head), "{\"seq\":%llu,", (unsigned long long)walk->entries);
    audit_chain(walk->hash, body, walk->hash);
    if (seq != walk->entries || !str_starts(body, str_of(head)) ||
        !str_eq(hash, (str){(const char *)walk->hash, SHA256_BYTES})) {
        walk->broken = walk->entries;
    }
}

void audit_walk_end(struct audit_walk *walk, uint64_t head_seq, str head_hash)
{
    static const uint8_t none[SHA256_BYTES];
    if (walk->broken != 0) {
        return;
    }
    bool empty = walk->entries == 0 && head_seq == 0;
    str last = {(const char *)(empty ? none : walk->hash), SHA256_BYTES};
    if (head_seq > walk->entries) {
        walk->broken = walk->entries + 1;
    } else if (head_seq < walk->entries) {
        walk->broken = head_seq + 1;
    } else if (!str_eq(head_hash, last)) {
        walk->broken = walk->entries != 0 ? walk->entries : 1;
    }
}
