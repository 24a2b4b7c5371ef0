/* emulator_golden.h - an emulator out of recorded answers to the probe. */
#pragma once
#include "domain/emulator.h"

/* FILE of tests/golden/emulator; ends the test when it is not there. */
static inline struct json_object *golden_replies(const char *file)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/emulator/%s", GOLDEN, file);
    struct json_object *replies = json_object_from_file(path);
    assert_non_null(replies);
    return replies;
}

enum { GOLDEN_REPLIES = 16 };

static inline int golden_probe(struct json_object *replies, const char *path,
                               struct emulator **ret_emulator, struct fail *f)
{
    const struct emulator_identity identity = {
        .device = 1, .inode = 2, .size = 3, .mtime_ns = 1700000000123456789, .ctime_ns = 5};
    struct json_object *list[GOLDEN_REPLIES];
    size_t count = json_object_array_length(replies);
    assert_true(count <= GOLDEN_REPLIES);
    for (size_t i = 0; i < count; i++)
        list[i] = json_object_array_get_idx(replies, i);
    return emulator_from_qmp(path, &identity, list, count, ret_emulator, f);
}

static inline struct emulator *golden_emulator(const char *file, const char *path)
{
    struct json_object *replies = golden_replies(file);
    struct emulator *emulator = NULL;
    struct fail f = {0};
    if (golden_probe(replies, path, &emulator, &f) < 0)
        fail_msg("%s", f.text);
    json_object_put(replies);
    return emulator;
}
