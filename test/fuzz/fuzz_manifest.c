/* SPDX-License-Identifier: MIT */
/* Any bytes as verification.json: what is read is written and read again as the same list. */
#include <stdlib.h>

#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct manifest manifest = {0};
    struct manifest again = {0};
    AUTO_BUF struct buf text = {0};
    if (manifest_parse(&arena, (str){(const char *)data, size}, &manifest)) {
        manifest_render(&text, &manifest);
        require(manifest_parse(&arena, buf_str(&text), &again));
        require(again.count == manifest.count);
        for (size_t i = 0; i < again.count; i++) {
            const struct manifest_file *a = &manifest.files[i];
            require(manifest_path_ok(str_of(a->path)) && manifest_find(&again, a->path) != NULL);
            require(strcmp(a->path, again.files[i].path) == 0 && a->bytes == again.files[i].bytes);
            require(strcmp(a->sha256, again.files[i].sha256) == 0);
        }
    } else {
        require(manifest.files == NULL);
    }
    arena_done(&arena);
    return 0;
}
