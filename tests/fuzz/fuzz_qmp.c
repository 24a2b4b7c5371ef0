/* Bytes of QEMU's monitor: lines, messages, events and replies.
 *
 * They come in two parts, cut where the first byte says: the parser must not care.
 */
#include "fuzz.h"
#include <stdbool.h>
#include <string.h>
#include "wire/qmp.h"

static void read_reply(struct json_object *value)
{
    struct qmp_migrate_info info;
    struct qmp_status status;
    struct qmp_version version;
    struct qmp_capabilities capabilities;
    struct fail f;
    (void)qmp_migrate_info_decode(value, &info, &f);
    (void)qmp_status_decode(value, &status, &f);
    (void)qmp_version_decode(value, &version, &f);
    (void)qmp_capabilities_decode(value, &capabilities, &f);
}

static void read_message(const struct qmp_message *m)
{
    struct qmp_event event;
    switch (m->kind) {
    case QMP_GREETING:
        return;
    case QMP_EVENT:
        MUST(m->name);
        qmp_event_decode(m->name, m->data, m->wall_clock, &event);
        return;
    case QMP_RETURN:
        read_reply(m->data);
        return;
    case QMP_ERROR:
        MUST(m->error && m->error_class);
        return;
    }
}

/* False once the stream is broken. */
static bool drain(struct qmp_parser *p, struct buffer *in)
{
    for (;;) {
        struct qmp_message m = {0};
        struct fail f;
        int r = qmp_parse(p, in, &m, &f);
        if (r <= 0)
            return r == 0;
        read_message(&m);
        qmp_message_free(&m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qmp_parser p = {0};
    struct buffer in = {0};
    if (size == 0)
        return 0;
    size_t cut = 1 + data[0] * (size - 1) / 255;
    MUST(buffer_append(&in, data + 1, cut - 1) == 0);
    if (drain(&p, &in)) {
        MUST(buffer_append(&in, data + cut, size - cut) == 0);
        (void)drain(&p, &in);
    }
    buffer_free(&in);
    return 0;
}
