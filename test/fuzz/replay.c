/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of its corpus, as an ordinary test: TAP, one line a file. What
 * a fuzzer once found is put into the corpus and stays found.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 1 << 20 };

static int replay(const char *directory, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name); /* a cut path does not open */
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = malloc(INPUT_MAX_BYTES);
    int failed = 1;
    if (file != NULL && bytes != NULL) {
        size_t size = fread(bytes, 1, INPUT_MAX_BYTES, file);
        failed = ferror(file);
        /* an allocation of exactly this size lets the address sanitizer see one byte too far */
        uint8_t *exact = malloc(size + (size == 0));
        if (exact != NULL && failed == 0) {
            memcpy(exact, bytes, size);
            failed = LLVMFuzzerTestOneInput(exact, size);
        }
        free(exact);
    }
    free(bytes);
    if (file != NULL) {
        (void)fclose(file); /* only read */
    }
    return failed;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;
    int failures = 0;
    for (int i = 0; i < count; i++) {
        int failed = replay(argv[1], entries[i]->d_name);
        printf("%sok %d - %s\n", failed != 0 ? "not " : "", i + 1, entries[i]->d_name);
        (void)fflush(stdout); /* the next input may crash */
        failures += failed != 0;
        free(entries[i]);
    }
    free(entries);
    if (count <= 0) {
        printf("Bail out! no corpus\n");
        return 1;
    }
    printf("1..%d\n", count);
    return failures != 0;
}
