/* emulator.c - an emulator in memory: sorted names and how they are asked for. */
#include "domain/emulator_internal.h"
#include <stdlib.h>
#include <string.h>

struct emulator *emulator_new(void)
{
    struct emulator *e = calloc(1, sizeof(*e));
    if (e)
        arena_init(&e->arena, EMULATOR_ARENA_MAX);
    return e;
}

void emulator_free(struct emulator *e)
{
    if (!e)
        return;
    arena_free(&e->arena);
    free(e);
}

bool emulator_identity_equal(const struct emulator_identity *a, const struct emulator_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void emulator_names_sort(struct emulator_names *names)
{
    if (names->count)
        qsort(names->name, names->count, sizeof(*names->name), compare_names);
}

int emulator_names_from_json(struct emulator *e, struct json_object *array,
                             struct emulator_names *ret_names)
{
    struct emulator_names names = {0};
    size_t count = array ? json_object_array_length(array) : 0;
    names.name = count ? arena_array(&e->arena, count, sizeof(*names.name)) : NULL;
    if (count && !names.name)
        return -1;
    for (; names.count < count; names.count++) {
        struct json_object *item = json_object_array_get_idx(array, names.count);
        if (!json_object_is_type(item, json_type_string))
            return -1;
        names.name[names.count] = arena_strdup(&e->arena, json_object_get_string(item));
        if (!names.name[names.count])
            return -1;
    }
    emulator_names_sort(&names);
    *ret_names = names;
    return 0;
}

bool emulator_names_have(const struct emulator_names *names, const char *name)
{
    return names->count &&
           bsearch(&name, names->name, names->count, sizeof(*names->name), compare_names);
}

bool emulator_has_command(const struct emulator *e, const char *name)
{
    return emulator_names_have(&e->commands, name);
}

bool emulator_has_migration_capability(const struct emulator *e, const char *name)
{
    return emulator_names_have(&e->migration_capabilities, name);
}

bool emulator_has_machine_property(const struct emulator *e, const char *name)
{
    return emulator_names_have(&e->machine_properties, name);
}

bool emulator_has_option(const struct emulator *e, const char *name)
{
    return emulator_names_have(&e->options, name);
}

const struct emulator_machine *emulator_find_machine(const struct emulator *e, const char *name)
{
    for (size_t i = 0; i < e->machine_count; i++)
        if (!strcmp(e->machines[i].name, name) ||
            (e->machines[i].alias && !strcmp(e->machines[i].alias, name)))
            return &e->machines[i];
    return NULL;
}

const struct emulator_cpu *emulator_find_cpu(const struct emulator *e, const char *name)
{
    for (size_t i = 0; i < e->cpu_count; i++)
        if (!strcmp(e->cpus[i].name, name))
            return &e->cpus[i];
    return NULL;
}

const struct emulator_machine *emulator_default_machine(const struct emulator *e)
{
    const struct emulator_machine *pc = emulator_find_machine(e, "pc");
    if (pc)
        return pc;
    for (size_t i = 0; i < e->machine_count; i++)
        if (e->machines[i].is_default)
            return &e->machines[i];
    return &e->machines[0];
}
