/* rpc.h - values <-> payloads, driven by tables.
 *
 * Each structure of the protocol is described once, as a list of fields in wire order; that one
 * description decodes and encodes it in the server, the peer-to-peer client, tests and traces. The
 * structures and procedures are in remote.h.
 *
 * Decoding: everything lands in one arena (the message's), and never more than the bytes can hold:
 * an array's count is checked against its declared limit and against the bytes left, each element
 * taken at its smallest, before anything is allocated. Refused: bytes missing or left over, a
 * string with a zero byte in it, a present-flag that is neither 0 nor 1, an unknown arm of a union,
 * a value that does not fit its type, padding that is not zero. Errors are VIR_ERR_RPC and name the
 * field. Encoding refuses what is over a limit, and a NULL where the protocol has no null.
 *
 * In memory: integers as their C type; string `const char *` (NULL only where optional); uuid
 * `struct uuid`; opaque `struct rpc_bytes`; an array a struct of pointer and uint32_t count, in
 * this order (struct rpc_params, rpc_domains, ...); an optional structure a pointer.
 */
#pragma once
#include "util/arena.h"
#include "util/buffer.h"
#include "util/fail.h"
#include "wire/frame.h"
#include <stddef.h>
#include <stdint.h>

enum {
    RPC_STRING_MAX = 4194304,
    RPC_COOKIE_MAX = 4194304,
};

enum rpc_type {
    RPC_I32,
    RPC_U32,
    RPC_I64,
    RPC_U64,
    RPC_DOUBLE,
    RPC_U8,              /* uint8_t; four bytes on the wire */
    RPC_U16,             /* uint16_t; the same */
    RPC_STRING,          /* const char *, never NULL */
    RPC_OPTIONAL_STRING, /* const char * or NULL */
    RPC_UUID,
    RPC_OPAQUE,          /* struct rpc_bytes, at most `limit` */
    RPC_CHARS,           /* const char *; on the wire an array of `char`, four bytes each, with the
                            ending zero, at most `limit` */
    RPC_FIXED_CHARS,     /* char[limit], ended by zero; four bytes each */
    RPC_STRUCT,          /* embedded */
    RPC_OPTIONAL_STRUCT, /* const struct * or NULL */
    RPC_ARRAY,           /* {T *items; uint32_t count;}, at most `limit` elements of `element` */
    RPC_PARAM_VALUE,     /* type and value of a struct rpc_param: see params.h */
};

struct rpc_bytes {
    const uint8_t *data;
    uint32_t size;
};

struct rpc_struct;

struct rpc_field {
    const char *name;
    enum rpc_type type;
    enum rpc_type element;       /* RPC_ARRAY: RPC_STRUCT, RPC_STRING, RPC_I32, RPC_U64 */
    uint32_t limit;              /* strings, opaque: bytes; arrays: elements */
    size_t offset;               /* in the C structure */
    const struct rpc_struct *of; /* of RPC_STRUCT, RPC_OPTIONAL_STRUCT, arrays of structures */
};

struct rpc_struct {
    const char *name;
    size_t size; /* of the C structure */
    const struct rpc_field *fields;
    unsigned count;
};

enum rpc_flags {
    RPC_READ_ONLY_OK = 1, /* only reads: a read-only connection may call it */
    RPC_BEFORE_OPEN = 2,  /* may be called before CONNECT_OPEN succeeded */
    RPC_EVENT = 4,        /* no call: a message that the server sends; `args` is its payload */
    RPC_OPENS_STREAM = 8,
    RPC_PEER = 16, /* of the private program: for a connection that a token attached (peer_program.h) */
};

struct rpc_proc {
    uint32_t program;
    int32_t number;
    const char *name;              /* as in the protocol, without program: "DOMAIN_CREATE" */
    const struct rpc_struct *args; /* NULL: no payload */
    const struct rpc_struct *ret;  /* NULL: no payload */
    unsigned flags;                /* enum rpc_flags */
};

/* The description of a procedure that Baton serves, calls, or sends as an event; else NULL. */
const struct rpc_proc *rpc_find(uint32_t program, int32_t number);
/* The name of any procedure of the protocol, served or not, for sentences and logs; NULL when the
 * protocol (as of libvirt 11.3) has none of this number. */
const char *rpc_procedure_name(uint32_t program, int32_t number);

/* `size` bytes as one `s` at `ret_value` (s->size bytes; zeroed first, not to be used after a
 * failure). A NULL `s` wants no bytes. 0, or -1 with `f`. */
int rpc_decode(const struct rpc_struct *s, const uint8_t *bytes, size_t size, struct arena *arena,
               void *ret_value, struct fail *f);
/* Appends to `out`; on failure `out` is as it was. 0, or -1 with `f`. */
int rpc_encode(const struct rpc_struct *s, const void *value, struct buffer *out, struct fail *f);

/* Whole frames. 0, or -1 with `f`, and then nothing was added to `out`. The value may be NULL where
 * the procedure has no payload. */
int rpc_write_call(struct buffer *out, const struct rpc_proc *proc, uint32_t serial,
                   const void *args, struct fail *f);
int rpc_write_reply(struct buffer *out, const struct rpc_proc *proc, uint32_t serial,
                    const void *ret, struct fail *f);
int rpc_write_event(struct buffer *out, const struct rpc_proc *proc, const void *event,
                    struct fail *f);

/* Errors on the wire. */
struct remote_domain;
struct remote_network;
struct rpc_error {
    int32_t code;        /* virErrorNumber */
    int32_t domain;      /* virErrorDomain */
    const char *message; /* what virsh prints; may be NULL */
    int32_t level;
    const struct remote_domain *dom;
    const char *str1, *str2, *str3;
    int32_t int1, int2;
    const struct remote_network *net;
};
extern const struct rpc_struct rpc_error_struct;

/* The message has the words in front that libvirt gives each error number ("Requested operation is
 * not valid: ..."), which people and scripts know; `why->text` holds only the sentence itself. A
 * text that begins with them already is left alone. `domain` is VIR_FROM_QEMU for what a guest's
 * operation says, VIR_FROM_RPC for the protocol. A text that is not UTF-8 is made so. These can
 * fail for want of memory or room in `out` only. */
int rpc_write_error(struct buffer *out, const struct frame *call, int domain,
                    const struct fail *why, struct fail *f);
int rpc_write_stream_error(struct buffer *out, const struct frame_stream *stream, int domain,
                           const struct fail *why, struct fail *f);
/* The error of a received frame of status FRAME_ERROR as a `struct fail`: its code and message as
 * the peer gave them. A payload that can't be decoded gives VIR_ERR_RPC. Always returns -1. */
int rpc_read_error(const struct frame *frame, struct fail *f);
