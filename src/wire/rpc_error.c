/* rpc_error.c - errors on the wire.
 *
 * Libvirt puts words of its own in front of each sentence, by error number; virsh prints the whole,
 * and people and scripts (Pacemaker's agent greps for "Domain not found") know them. They are part
 * of the interface, like the numbers. str1 is the words with a %s, str2 the sentence, the integers
 * -1.
 */
#include "wire/rpc.h"
#include "wire/remote.h"
#include "wire/rpc_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "util/cleanup.h"

static const struct {
    int code;
    const char *words;
} prefixes[] = {
    {VIR_ERR_INTERNAL_ERROR, "internal error"},
    {VIR_ERR_NO_MEMORY, "out of memory"},
    {VIR_ERR_NO_SUPPORT, "this function is not supported by the connection driver"},
    {VIR_ERR_INVALID_ARG, "invalid argument"},
    {VIR_ERR_OPERATION_FAILED, "operation failed"},
    {VIR_ERR_XML_ERROR, "XML error"},
    {VIR_ERR_OPERATION_DENIED, "operation forbidden"},
    {VIR_ERR_CONF_SYNTAX, "configuration file syntax error"},
    {VIR_ERR_NO_DOMAIN, "Domain not found"},
    {VIR_ERR_AUTH_FAILED, "authentication failed"},
    {VIR_ERR_OPERATION_INVALID, "Requested operation is not valid"},
    {VIR_ERR_CONFIG_UNSUPPORTED, "unsupported configuration"},
    {VIR_ERR_OPERATION_TIMEOUT, "Timed out during operation"},
    {VIR_ERR_MIGRATE_PERSIST_FAILED, "Failed to make domain persistent after migration"},
    {VIR_ERR_ARGUMENT_UNSUPPORTED, "argument unsupported"},
    {VIR_ERR_OPERATION_ABORTED, "operation aborted"},
    {VIR_ERR_NO_DOMAIN_METADATA, "metadata not found"},
    {VIR_ERR_MIGRATE_UNSAFE, "Unsafe migration"},
    {VIR_ERR_OVERFLOW, "numerical overflow"},
    {VIR_ERR_OPERATION_UNSUPPORTED, "Operation not supported"},
    {VIR_ERR_AGENT_UNRESPONSIVE, "Guest agent is not responding"},
    {VIR_ERR_RESOURCE_BUSY, "resource busy"},
    {VIR_ERR_ACCESS_DENIED, "access denied"},
    {VIR_ERR_CPU_INCOMPATIBLE, "the CPU is incompatible with host CPU"},
    {VIR_ERR_MIGRATE_FINISH_OK, "migration successfully aborted"},
    {VIR_ERR_DEVICE_MISSING, "device not found"},
};

static const char *prefix_of(int code)
{
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (prefixes[i].code == code)
            return prefixes[i].words;
    return NULL;
}

/* How many bytes the character at `s` has; 0 when it is not UTF-8. A text that was cut off in the
 * middle of one ends in such a thing. */
static unsigned utf8_length(const unsigned char *s)
{
    unsigned n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : (*s & 0xf0) == 0xe0 ? 3 : 0;
    if (*s >= 0xf0 && *s < 0xf5)
        n = 4;
    for (unsigned i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool surrogate = *s == 0xed && s[1] > 0x9f;
    bool overlong = (*s == 0xe0 && s[1] < 0xa0) || (*s == 0xf0 && s[1] < 0x90);
    return surrogate || overlong || (*s == 0xf4 && s[1] > 0x8f) ? 0 : n;
}

static void make_utf8(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at;) {
        unsigned n = utf8_length(at);
        if (n == 0)
            *at = '?';
        at += n > 0 ? n : 1;
    }
}

static int write_error(struct buffer *out, const struct frame *head, int domain,
                       const struct fail *why, struct fail *f)
{
    const char *words = prefix_of(why->code);
    char text[sizeof(why->text)], message[sizeof(why->text) + 80], format[80];
    size_t length = words ? strlen(words) : 0;

    snprintf(text, sizeof(text), "%s", why->text[0] ? why->text : "unknown error");
    make_utf8(text);
    /* A peer's error comes with its words already. */
    char *sentence = text;
    if (words && strncmp(text, words, length) == 0 && strncmp(text + length, ": ", 2) == 0)
        sentence += length + 2;
    snprintf(message, sizeof(message), "%s%s%s", words ? words : "", words ? ": " : "", sentence);
    snprintf(format, sizeof(format), "%s%s", words ? words : "", words ? ": %s" : "%s");

    struct rpc_error error = {
        .code = why->code ? why->code : VIR_ERR_INTERNAL_ERROR,
        .domain = domain,
        .message = message,
        .level = VIR_ERR_ERROR,
        .str1 = format,
        .str2 = sentence,
        .int1 = -1,
        .int2 = -1,
    };
    struct frame_mark mark;
    if (frame_begin(out, head, &mark, f) < 0)
        return -1;
    if (rpc_encode(&rpc_error_struct, &error, out, f) < 0) {
        frame_cancel(out, mark);
        return -1;
    }
    return frame_end(out, mark, f);
}

int rpc_write_error(struct buffer *out, const struct frame *call, int domain,
                    const struct fail *why, struct fail *f)
{
    struct frame head = {
        .program = call->program,
        .version = call->version,
        .procedure = call->procedure,
        .type = FRAME_REPLY,
        .serial = call->serial,
        .status = FRAME_ERROR,
    };
    return write_error(out, &head, domain, why, f);
}

int rpc_write_stream_error(struct buffer *out, const struct frame_stream *stream, int domain,
                           const struct fail *why, struct fail *f)
{
    struct frame head = {
        .program = stream->program,
        .version = PROGRAM_VERSION,
        .procedure = stream->procedure,
        .type = FRAME_STREAM,
        .serial = stream->serial,
        .status = FRAME_ERROR,
    };
    return write_error(out, &head, domain, why, f);
}

int rpc_read_error(const struct frame *frame, struct fail *f)
{
    cleanup(arena_free) struct arena arena;
    struct rpc_error error;
    struct fail why;

    /* Room for what the bytes can hold, copied once, and not for a peer's fancy. */
    arena_init(&arena, frame->payload_size + 16384);
    if (rpc_decode(&rpc_error_struct, frame->payload, frame->payload_size, &arena, &error, &why) <
        0)
        return fail_set(f, VIR_ERR_RPC, "the peer answered with an error that can't be read: %s",
                        why.text);
    if (!error.message || !error.message[0])
        return fail_set(f, error.code ? error.code : VIR_ERR_RPC,
                        "the peer answered with error %d and no words", error.code);
    const char *words = prefix_of(error.code);
    size_t length = words ? strlen(words) : 0;
    const char *sentence = error.message;
    if (words && strncmp(sentence, words, length) == 0 && strncmp(sentence + length, ": ", 2) == 0)
        sentence += length + 2;
    fail_set(f, error.code ? error.code : VIR_ERR_RPC, "%s", sentence);
    if (f)
        make_utf8(f->text);
    return -1;
}
