/* SPDX-License-Identifier: MIT */
/* metadata/contact_info.json of a backup, as resume and verify read it. */
#include "job/merge_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct merge_record record = {0};
    struct err err = {0};
    if (merge_record_decode((str){(const char *)data, size}, &arena, &record, &err)) {
        for (size_t i = 0; i < record.work_count; i++) {
            if (record.works[i].id.len == 0) {
                abort();
            }
        }
        AUTO_BUF struct buf out = {0};
        const str raw[MERGE_SIDES] = {STR("{}"), STR("{}")};
        merge_record_encode(&record, "00", 0, raw, &out);
    }
    merge_record_done(&record);
    arena_done(&arena);
    return 0;
}
