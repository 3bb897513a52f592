/* SPDX-License-Identifier: MIT */
#include "match/words.h"

#include "match/normalise.h"

void words_done(struct words *words)
{
    map_done(&words->map);
}

static uint64_t length_bit(str word)
{
    return UINT64_C(1) << (word.len < 63 ? word.len : 63);
}

static bool add_line(struct words *words, struct arena *arena, str line, struct buf *scratch)
{
    str rest;
    str entry = str_cut(line, '#', &rest);
    if (!str_is_utf8(entry)) {
        return false;
    }
    str folded = norm_fold(entry, scratch);
    if (folded.len == 0) {
        return true;
    }
    if (map_has(&words->map, folded)) {
        return false;
    }
    str kept = str_dup(arena, folded);
    (void)map_put(&words->map, kept, words); /* a set: any pointer but NULL */
    words->count++;
    words->lengths[(unsigned char)kept.ptr[0]] |= length_bit(kept);
    return true;
}

size_t words_add(struct words *words, struct arena *arena, str text)
{
    AUTO_BUF struct buf scratch = {0};
    size_t number = 0;
    while (text.ptr != NULL && text.len != 0) {
        str rest;
        str line = str_cut(text, '\n', &rest);
        number++;
        if (!add_line(words, arena, line, &scratch)) {
            return number;
        }
        text = rest;
    }
    return 0;
}

bool words_look_up(const struct words *words, str folded)
{
    return map_has(&words->map, folded);
}

bool words_above(const struct words *words, str folded)
{
    while (folded.len != 0) {
        if (words_has(words, folded)) {
            return true;
        }
        str rest;
        (void)str_cut(folded, '.', &rest);
        folded = rest;
    }
    return false;
}
