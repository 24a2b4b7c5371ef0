#include "wire/params.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
    [PARAM_INT] = "int",       [PARAM_UINT] = "uint",     [PARAM_LLONG] = "llong",
    [PARAM_ULLONG] = "ullong", [PARAM_DOUBLE] = "double", [PARAM_BOOLEAN] = "boolean",
    [PARAM_STRING] = "string",
};

const char *param_type_name(enum param_type type)
{
    if (type < PARAM_INT || type > PARAM_STRING)
        return "unknown";
    return type_names[type];
}

const struct rpc_param *params_find(const struct rpc_params *p, const char *name)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].field, name) == 0)
            return &p->items[i];
    return NULL;
}

static int check_type(const struct rpc_param *param, enum param_type type, struct fail *f)
{
    if (param->value.type == type)
        return 0;
    return fail_set(f, VIR_ERR_INVALID_ARG, "parameter '%s' is of type %s, not %s", param->field,
                    param_type_name(param->value.type), param_type_name(type));
}

static int twice(const char *name, struct fail *f)
{
    return fail_set(f, VIR_ERR_INVALID_ARG, "parameter '%s' is given more than once", name);
}

/* 1 and the only one of that name, 0, -1. */
static int get(const struct rpc_params *p, const char *name, enum param_type type,
               const struct rpc_param_value **ret_value, struct fail *f)
{
    const struct rpc_param *found = NULL;
    for (uint32_t i = 0; i < p->count; i++) {
        if (strcmp(p->items[i].field, name) != 0)
            continue;
        if (found)
            return twice(name, f);
        found = &p->items[i];
    }
    if (!found)
        return 0;
    if (check_type(found, type, f) < 0)
        return -1;
    *ret_value = &found->value;
    return 1;
}

int params_get_int(const struct rpc_params *p, const char *name, int32_t *ret, struct fail *f)
{
    const struct rpc_param_value *value;
    int r = get(p, name, PARAM_INT, &value, f);
    if (r > 0)
        *ret = value->i;
    return r;
}

int params_get_uint(const struct rpc_params *p, const char *name, uint32_t *ret, struct fail *f)
{
    const struct rpc_param_value *value;
    int r = get(p, name, PARAM_UINT, &value, f);
    if (r > 0)
        *ret = value->u;
    return r;
}

int params_get_llong(const struct rpc_params *p, const char *name, int64_t *ret, struct fail *f)
{
    const struct rpc_param_value *value;
    int r = get(p, name, PARAM_LLONG, &value, f);
    if (r > 0)
        *ret = value->l;
    return r;
}

int params_get_ullong(const struct rpc_params *p, const char *name, uint64_t *ret, struct fail *f)
{
    const struct rpc_param_value *value;
    int r = get(p, name, PARAM_ULLONG, &value, f);
    if (r > 0)
        *ret = value->ul;
    return r;
}

int params_get_boolean(const struct rpc_params *p, const char *name, bool *ret, struct fail *f)
{
    const struct rpc_param_value *value;
    int r = get(p, name, PARAM_BOOLEAN, &value, f);
    if (r > 0)
        *ret = value->b != 0;
    return r;
}

int params_get_double(const struct rpc_params *p, const char *name, double *ret, struct fail *f)
{
    const struct rpc_param_value *value;
    int r = get(p, name, PARAM_DOUBLE, &value, f);
    if (r > 0)
        *ret = value->d;
    return r;
}

int params_get_string(const struct rpc_params *p, const char *name, const char **ret,
                      struct fail *f)
{
    const struct rpc_param_value *value;
    int r = get(p, name, PARAM_STRING, &value, f);
    if (r > 0)
        *ret = value->s;
    return r;
}

const char *params_next_string(const struct rpc_params *p, const char *name, uint32_t *cursor)
{
    while (*cursor < p->count) {
        const struct rpc_param *param = &p->items[(*cursor)++];
        if (param->value.type == PARAM_STRING && strcmp(param->field, name) == 0)
            return param->value.s;
    }
    return NULL;
}

int params_check(const struct rpc_params *p, const struct param_known *known, size_t count,
                 struct fail *f)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct rpc_param *param = &p->items[i];
        const struct param_known *k = known;
        while (k < known + count && strcmp(k->name, param->field) != 0)
            k++;
        if (k == known + count)
            return fail_set(f, VIR_ERR_ARGUMENT_UNSUPPORTED, "parameter '%s' is not supported",
                            param->field);
        if (check_type(param, k->type, f) < 0)
            return -1;
        if (!k->repeatable && params_find(p, param->field) != param)
            return twice(param->field, f);
    }
    return 0;
}

/* ---- the builder ---- */

/* A zeroed parameter at the end; NULL at the arena's limit. The old array stays in the arena: it is
 * freed with the message. */
static struct rpc_param *add(struct params_builder *b, const char *name, enum param_type type)
{
    struct rpc_params *p = &b->params;
    if (b->failed)
        return NULL;
    if (p->count == b->room) {
        uint32_t room = b->room ? b->room * 2 : 32;
        struct rpc_param *items = arena_array(b->arena, room, sizeof(*items));
        if (!items)
            goto failed;
        if (p->count)
            memcpy(items, p->items, p->count * sizeof(*items));
        p->items = items;
        b->room = room;
    }
    char *copy = arena_strdup(b->arena, name);
    if (!copy)
        goto failed;
    struct rpc_param *param = &p->items[p->count++];
    *param = (struct rpc_param){.field = copy, .value.type = type};
    return param;
failed:
    b->failed = true;
    return NULL;
}

void params_add_int(struct params_builder *b, const char *name, int32_t value)
{
    struct rpc_param *param = add(b, name, PARAM_INT);
    if (param)
        param->value.i = value;
}

void params_add_uint(struct params_builder *b, const char *name, uint32_t value)
{
    struct rpc_param *param = add(b, name, PARAM_UINT);
    if (param)
        param->value.u = value;
}

void params_add_llong(struct params_builder *b, const char *name, int64_t value)
{
    struct rpc_param *param = add(b, name, PARAM_LLONG);
    if (param)
        param->value.l = value;
}

void params_add_ullong(struct params_builder *b, const char *name, uint64_t value)
{
    struct rpc_param *param = add(b, name, PARAM_ULLONG);
    if (param)
        param->value.ul = value;
}

void params_add_boolean(struct params_builder *b, const char *name, bool value)
{
    struct rpc_param *param = add(b, name, PARAM_BOOLEAN);
    if (param)
        param->value.b = value;
}

void params_add_double(struct params_builder *b, const char *name, double value)
{
    struct rpc_param *param = add(b, name, PARAM_DOUBLE);
    if (param)
        param->value.d = value;
}

void params_add_string(struct params_builder *b, const char *name, const char *value)
{
    if (!value)
        return;
    struct rpc_param param = {.field = name, .value = {.type = PARAM_STRING, .s = value}};
    params_add(b, &param);
}

void params_add(struct params_builder *b, const struct rpc_param *param)
{
    struct rpc_param *copy = add(b, param->field, param->value.type);
    if (!copy)
        return;
    copy->value = param->value;
    if (copy->value.type != PARAM_STRING)
        return;
    copy->value.s = arena_strdup(b->arena, param->value.s);
    if (!copy->value.s) {
        b->params.count--;
        b->failed = true;
    }
}

void params_set_string(struct params_builder *b, const char *name, const char *value)
{
    struct rpc_param *param = (struct rpc_param *)params_find(&b->params, name);
    if (!param) {
        params_add_string(b, name, value);
        return;
    }
    char *copy = arena_strdup(b->arena, value);
    if (copy)
        param->value = (struct rpc_param_value){.type = PARAM_STRING, .s = copy};
    else
        b->failed = true;
}

char *params_name(struct params_builder *b, const char *format, ...)
{
    char name[128] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    char *copy = arena_strdup(b->arena, name);
    if (!copy)
        b->failed = true;
    return copy;
}
