/* rpc_table.h - how the tables of structures are written, and what follows from them. Private to
 * the codec and the tables.
 *
 *     static const struct rpc_field domain_flags_fields[] = {
 *         F_STRUCT(remote_domain_flags, dom, rpc_domain),
 *         F_U32(remote_domain_flags, flags),
 *     };
 *     RPC_STRUCT_OF(remote_domain_flags, domain_flags_fields, domain_flags);
 *
 * A field whose C member has another type than the table says does not compile.
 */
#pragma once
#include "wire/rpc.h"
#include <stddef.h>

/* What every array member looks like in memory. */
struct rpc_array {
    void *items;
    uint32_t count;
};

#define MEMBER(s, m) (((struct s *)0)->m)
/* 0, or a compile-time error. */
#define SAME_TYPE(a, b) (sizeof(char[__builtin_types_compatible_p(a, b) ? 1 : -1]) - 1)
#define OFFSET(s, m, t) (offsetof(struct s, m) + SAME_TYPE(__typeof__(MEMBER(s, m)), t))
#define FIELD(s, m, kind, t, ...)                                                                  \
    {                                                                                              \
        .name = #m, .type = (kind), .offset = OFFSET(s, m, t), __VA_ARGS__                         \
    }

#define F_I32(s, m)    FIELD(s, m, RPC_I32, int32_t, .limit = 0)
#define F_U32(s, m)    FIELD(s, m, RPC_U32, uint32_t, .limit = 0)
#define F_I64(s, m)    FIELD(s, m, RPC_I64, int64_t, .limit = 0)
#define F_U64(s, m)    FIELD(s, m, RPC_U64, uint64_t, .limit = 0)
#define F_U8(s, m)     FIELD(s, m, RPC_U8, uint8_t, .limit = 0)
#define F_U16(s, m)    FIELD(s, m, RPC_U16, uint16_t, .limit = 0)
#define F_STRING(s, m) FIELD(s, m, RPC_STRING, const char *, .limit = RPC_STRING_MAX)
#define F_OPTIONAL_STRING(s, m)                                                                    \
    FIELD(s, m, RPC_OPTIONAL_STRING, const char *, .limit = RPC_STRING_MAX)
#define F_UUID(s, m)           FIELD(s, m, RPC_UUID, struct uuid, .limit = 0)
#define F_OPAQUE(s, m, most)   FIELD(s, m, RPC_OPAQUE, struct rpc_bytes, .limit = (most))
#define F_CHARS(s, m, most)    FIELD(s, m, RPC_CHARS, const char *, .limit = (most))
#define F_FIXED_CHARS(s, m, n) FIELD(s, m, RPC_FIXED_CHARS, char[n], .limit = (n))
#define F_PARAM_VALUE(s, m)    FIELD(s, m, RPC_PARAM_VALUE, struct rpc_param_value, .limit = 0)
/* `name`: the struct rpc_struct that describes it. */
#define F_STRUCT(s, m, c, name) FIELD(s, m, RPC_STRUCT, struct c, .of = &(name))
#define F_OPTIONAL_STRUCT(s, m, c, name)                                                           \
    FIELD(s, m, RPC_OPTIONAL_STRUCT, const struct c *, .of = &(name))
#define ARRAY(s, m, t, kind, most, ...)                                                            \
    {                                                                                              \
        .name = #m, .type = RPC_ARRAY, .element = (kind), .limit = (most),                         \
        .offset = OFFSET(s, m.items, t) - offsetof(struct rpc_array, items), __VA_ARGS__           \
    }
#define F_STRUCTS(s, m, c, most, name) ARRAY(s, m, struct c *, RPC_STRUCT, most, .of = &(name))
#define F_STRINGS(s, m, most)          ARRAY(s, m, const char **, RPC_STRING, most, .of = NULL)
#define F_INTS(s, m, most)             ARRAY(s, m, int32_t *, RPC_I32, most, .of = NULL)
#define F_U64S(s, m, most)             ARRAY(s, m, uint64_t *, RPC_U64, most, .of = NULL)

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
/* The initializer of a struct rpc_struct. */
#define RPC_STRUCT_OF(c, table)                                                                    \
    {                                                                                              \
        .name = #c, .size = sizeof(struct c), .fields = (table), .count = COUNT_OF(table)          \
    }

/* An array's element: bytes in memory, and the least on the wire. */
size_t rpc_element_size(const struct rpc_field *array);
size_t rpc_element_minimum(const struct rpc_field *array);

/* The procedures of one program, in the order of their numbers. */
struct rpc_program {
    uint32_t program;
    const struct rpc_proc *procs;
    unsigned count;
};
