/* params.h - typed parameters: libvirt's lists of name, type and value.
 *
 * Look-ups are strict: a parameter of another type than asked for, or one that is there twice and
 * may not be, is an error that names it (VIR_ERR_INVALID_ARG). What nobody asks for is found by
 * params_check, which refuses it by name: nothing is silently ignored.
 */
#pragma once
#include "util/arena.h"
#include "util/fail.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_type { /* the protocol's numbers */
                  PARAM_INT = 1,
                  PARAM_UINT = 2,
                  PARAM_LLONG = 3,
                  PARAM_ULLONG = 4,
                  PARAM_DOUBLE = 5,
                  PARAM_BOOLEAN = 6,
                  PARAM_STRING = 7,
};

struct rpc_param_value {
    enum param_type type;
    union {
        int32_t i;
        uint32_t u;
        int64_t l;
        uint64_t ul;
        double d;
        int32_t b; /* 0 or 1 */
        const char *s;
    };
};

struct rpc_param {
    const char *field; /* the name */
    struct rpc_param_value value;
};

struct rpc_params {
    struct rpc_param *items;
    uint32_t count;
};

/* 1 and the value; 0 when it is absent, nothing written; -1 with `f`. */
int params_get_int(const struct rpc_params *p, const char *name, int32_t *ret, struct fail *f);
int params_get_uint(const struct rpc_params *p, const char *name, uint32_t *ret, struct fail *f);
int params_get_llong(const struct rpc_params *p, const char *name, int64_t *ret, struct fail *f);
int params_get_ullong(const struct rpc_params *p, const char *name, uint64_t *ret, struct fail *f);
int params_get_boolean(const struct rpc_params *p, const char *name, bool *ret, struct fail *f);
int params_get_double(const struct rpc_params *p, const char *name, double *ret, struct fail *f);
int params_get_string(const struct rpc_params *p, const char *name, const char **ret,
                      struct fail *f);
/* A repeatable string: each call gives the next one of that name (of any type but string: skipped;
 * params_check has refused it), NULL after the last. `cursor` starts at 0. */
const char *params_next_string(const struct rpc_params *p, const char *name, uint32_t *cursor);
/* Of any type; NULL when absent. */
const struct rpc_param *params_find(const struct rpc_params *p, const char *name);

/* What a call understands. */
struct param_known {
    const char *name;
    enum param_type type;
    bool repeatable;
};
/* Refuses a name that is not in `known` (VIR_ERR_ARGUMENT_UNSUPPORTED), another type or a second
 * one (VIR_ERR_INVALID_ARG). 0, or -1 with `f`. */
int params_check(const struct rpc_params *p, const struct param_known *known, size_t count,
                 struct fail *f);

const char *param_type_name(enum param_type type); /* "int", "ullong", "string", ... */

/* The builder. `params` grows in the arena; names and strings are copied into it. Adding never
 * fails at once: `failed` (the arena's limit) is asked for at the end. */
struct params_builder {
    struct arena *arena;
    struct rpc_params params;
    uint32_t room;
    bool failed;
};

void params_add_int(struct params_builder *b, const char *name, int32_t value);
void params_add_uint(struct params_builder *b, const char *name, uint32_t value);
void params_add_llong(struct params_builder *b, const char *name, int64_t value);
void params_add_ullong(struct params_builder *b, const char *name, uint64_t value);
void params_add_boolean(struct params_builder *b, const char *name, bool value);
void params_add_double(struct params_builder *b, const char *name, double value);
/* NULL adds nothing. */
void params_add_string(struct params_builder *b, const char *name, const char *value);
/* A name with a number in it: params_name(b, "net.%zu.rx.bytes", i). NULL once the builder has
 * failed; adding under that name does nothing. */
char *params_name(struct params_builder *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A copy of one from elsewhere. */
void params_add(struct params_builder *b, const struct rpc_param *param);
/* Adds it, or puts it in the place of the one with its name (migrate_uri := uri_out). */
void params_set_string(struct params_builder *b, const char *name, const char *value);
