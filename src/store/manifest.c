/* SPDX-License-Identifier: MIT */
#include "store/manifest.h"

#include <jansson.h>
#include <stdlib.h>

static int by_path(const void *a, const void *b)
{
    const struct manifest_file *x = a;
    const struct manifest_file *y = b;
    return strcmp(x->path, y->path);
}

static void sort(struct manifest *manifest)
{
    if (manifest->count != 0) {
        qsort(manifest->files, manifest->count, sizeof(struct manifest_file), by_path);
    }
}

static void add_files(struct buf *out, const struct manifest *manifest)
{
    buf_addz(out, "{\"files\":[");
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        buf_addz(out, i != 0 ? ",{\"path\":" : "{\"path\":");
        buf_add_json(out, str_of(file->path));
        buf_printf(out, ",\"bytes\":%llu,\"sha256\":\"%s\"}", (unsigned long long)file->bytes,
                   file->sha256);
    }
    buf_addc(out, ']');
}

void manifest_authentic(struct buf *out, struct manifest *manifest)
{
    sort(manifest);
    add_files(out, manifest);
    buf_printf(out, ",\"key\":\"%s\",\"wrapped\":\"%s\"}", manifest->key, manifest->wrapped);
}

void manifest_render(struct buf *out, struct manifest *manifest)
{
    sort(manifest);
    add_files(out, manifest);
    if (manifest->key[0] != '\0') {
        buf_printf(out, ",\n\"encryption\":{\"key\":\"%s\",\"wrapped\":\"%s\",\"mac\":\"%s\"}",
                   manifest->key, manifest->wrapped, manifest->mac);
    }
    buf_addz(out, "}\n");
}

bool manifest_path_ok(str path)
{
    if (path.len == 0 || path.len > MANIFEST_PATH_MAX || memchr(path.ptr, '\0', path.len) != NULL) {
        return false;
    }
    while (path.ptr != NULL) {
        str part = str_cut(path, '/', &path);
        if (part.len == 0 || str_eqz(part, ".") || str_eqz(part, "..")) {
            return false;
        }
    }
    return true;
}

/* Lower-case hex of `room` - 1 digits. */
static bool parse_hex(const json_t *value, char *ret, size_t room)
{
    const char *text = json_string_value(value);
    if (text == NULL || json_string_length(value) != room - 1 ||
        strspn(text, "0123456789abcdef") != room - 1) {
        return false;
    }
    memcpy(ret, text, room);
    return true;
}

static bool parse_file(struct arena *arena, const json_t *item, struct manifest_file *ret)
{
    const json_t *path = json_object_get(item, "path");
    const json_t *bytes = json_object_get(item, "bytes");
    if (json_object_size(item) != 3 || !json_is_string(path) || !json_is_integer(bytes) ||
        json_integer_value(bytes) < 0 ||
        !parse_hex(json_object_get(item, "sha256"), ret->sha256, SHA256_HEX)) {
        return false;
    }
    str text = {json_string_value(path), json_string_length(path)};
    ret->bytes = (uint64_t)json_integer_value(bytes);
    ret->path = str_z(arena, text);
    return manifest_path_ok(text);
}

static bool parse_list(struct arena *arena, const json_t *list, struct manifest *ret)
{
    ret->count = json_array_size(list);
    ret->files = arena_array(arena, ret->count, sizeof(struct manifest_file));
    for (size_t i = 0; i < ret->count; i++) {
        if (!parse_file(arena, json_array_get(list, i), &ret->files[i])) {
            return false;
        }
    }
    sort(ret);
    for (size_t i = 1; i < ret->count; i++) {
        if (strcmp(ret->files[i - 1].path, ret->files[i].path) == 0) {
            return false;
        }
    }
    return true;
}

static bool parse_encryption(const json_t *object, struct manifest *ret)
{
    return object == NULL ||
           (json_object_size(object) == 3 &&
            parse_hex(json_object_get(object, "key"), ret->key, SEAL_ID_HEX) &&
            parse_hex(json_object_get(object, "wrapped"), ret->wrapped, SEAL_WRAPPED_HEX) &&
            parse_hex(json_object_get(object, "mac"), ret->mac, SEAL_MAC_HEX));
}

bool manifest_parse(struct arena *arena, str text, struct manifest *ret)
{
    json_t *root =
        text.len != 0 ? json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *list = json_object_get(root, "files");
    const json_t *encryption = json_object_get(root, "encryption");
    struct manifest manifest = {0};
    bool ok = json_is_array(list) && json_object_size(root) == (encryption != NULL ? 2 : 1) &&
              parse_encryption(encryption, &manifest) && parse_list(arena, list, &manifest);
    json_decref(root);
    if (ok) {
        *ret = manifest;
    }
    return ok;
}

bool manifest_compressed(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        if (!str_ends(str_of(manifest->files[i].path), STR(".zst"))) {
            return false;
        }
    }
    return manifest->count != 0;
}

const struct manifest_file *manifest_find(const struct manifest *manifest, const char *path)
{
    size_t low = 0;
    size_t high = manifest->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, manifest->files[middle].path);
        if (order == 0) {
            return &manifest->files[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
