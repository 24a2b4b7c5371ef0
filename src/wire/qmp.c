/* qmp.c - the stream: lines of JSON in, messages out; commands out.
 *
 * A line is looked for first and parsed as a whole then. That keeps the parser free of state (but
 * for how far it has looked), lets a broken line be quoted in the error, and bounds the work of a
 * turn.
 */
#include "wire/qmp.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The start of what QEMU sent, fit for a log: quotes and controls replaced. */
static int junk(const char *what, const uint8_t *line, size_t size, struct fail *f)
{
    char shown[81];
    size_t n = size < sizeof(shown) - 1 ? size : sizeof(shown) - 1;
    for (size_t i = 0; i < n; i++)
        shown[i] = line[i] < 32 || line[i] > 126 ? '.' : (char)line[i];
    shown[n] = '\0';
    return fail_set(f, VIR_ERR_INTERNAL_ERROR, "QEMU's monitor %s: \"%s%s\"", what, shown,
                    size > n ? "..." : "");
}

static int parse_json(const uint8_t *line, size_t size, struct json_object **ret_root,
                      struct fail *f)
{
    struct json_tokener *tokener = json_tokener_new_ex(QMP_DEPTH_MAX);
    if (!tokener)
        return fail_set(f, VIR_ERR_NO_MEMORY, "read from QEMU's monitor: out of memory");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *root = json_tokener_parse_ex(tokener, (const char *)line, (int)size);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t used = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    while (used < size && (line[used] == ' ' || line[used] == '\t'))
        used++;
    if (error == json_tokener_success && used == size &&
        json_object_is_type(root, json_type_object)) {
        *ret_root = root;
        return 0;
    }
    json_object_put(root);
    if (error == json_tokener_error_depth)
        return junk("sent a message that nests too deep", line, size, f);
    return junk("sent something that is no JSON object", line, size, f);
}

static void read_id(struct json_object *root, struct qmp_message *m)
{
    struct json_object *id = qmp_get(root, "id");
    if (!json_object_is_type(id, json_type_int) || json_object_get_int64(id) < 0)
        return;
    m->has_id = true;
    m->id = json_object_get_uint64(id);
}

static bool read_greeting(struct json_object *qmp, struct qmp_message *m)
{
    struct json_object *version = qmp_get(qmp, "version"), *list = qmp_get(qmp, "capabilities");
    struct qmp_version v;
    m->kind = QMP_GREETING;
    if (qmp_version_decode(version, &v, NULL) < 0 || !json_object_is_type(list, json_type_array))
        return false;
    m->version = v.number;
    m->package = v.package;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *name = json_object_array_get_idx(list, i);
        if (json_object_is_type(name, json_type_string) &&
            strcmp(json_object_get_string(name), "oob") == 0)
            m->oob = true;
    }
    return true;
}

static bool read_event(struct json_object *root, struct qmp_message *m)
{
    struct json_object *stamp = qmp_get(root, "timestamp");
    int64_t seconds = qmp_get_i64(stamp, "seconds", -1);
    int64_t micros = qmp_get_i64(stamp, "microseconds", 0);
    m->kind = QMP_EVENT;
    m->name = qmp_get_string(root, "event");
    m->data = qmp_get(root, "data");
    /* QEMU says -1 when its host has no clock. */
    if (seconds >= 0 && seconds < INT64_MAX / 1000000 && micros >= 0 && micros < 1000000)
        m->wall_clock = (uint64_t)seconds * 1000000 + (uint64_t)micros;
    return m->name && (!m->data || json_object_is_type(m->data, json_type_object));
}

static bool read_error(struct json_object *error, struct qmp_message *m)
{
    m->kind = QMP_ERROR;
    m->error_class = qmp_get_string(error, "class");
    m->error = qmp_get_string(error, "desc");
    return m->error_class && m->error;
}

static bool read_message(struct json_object *root, struct qmp_message *m)
{
    struct json_object *value;
    *m = (struct qmp_message){.root = root};
    if (json_object_object_get_ex(root, "QMP", &value))
        return read_greeting(value, m);
    if (json_object_object_get_ex(root, "event", NULL))
        return read_event(root, m);
    read_id(root, m);
    if (json_object_object_get_ex(root, "error", &value))
        return read_error(value, m);
    if (!json_object_object_get_ex(root, "return", &value))
        return false;
    m->kind = QMP_RETURN;
    m->data = value;
    return true;
}

static int take_line(const uint8_t *line, size_t size, struct qmp_message *ret_message,
                     struct fail *f)
{
    struct json_object *root = NULL;
    struct qmp_message m;
    if (parse_json(line, size, &root, f) < 0)
        return -1;
    if (!read_message(root, &m)) {
        json_object_put(root);
        return junk("sent JSON that is no message of its protocol", line, size, f);
    }
    *ret_message = m;
    return 1;
}

int qmp_parse(struct qmp_parser *p, struct buffer *in, struct qmp_message *ret_message,
              struct fail *f)
{
    for (;;) {
        size_t held = buffer_size(in);
        assert(p->scanned <= held);
        if (held == 0)
            return 0;
        const uint8_t *line = buffer_bytes(in);
        const uint8_t *end = memchr(line + p->scanned, '\n', held - p->scanned);
        size_t size = end ? (size_t)(end - line) : held;
        if (size > QMP_LINE_MAX)
            return junk("sent a message that is too long", line, size, f);
        if (!end) {
            p->scanned = held;
            return 0;
        }
        p->scanned = 0;
        size_t trimmed = size > 0 && line[size - 1] == '\r' ? size - 1 : size;
        int r = trimmed == 0 ? 0 : take_line(line, trimmed, ret_message, f);
        buffer_take(in, size + 1);
        if (r != 0)
            return r;
    }
}

void qmp_message_free(struct qmp_message *m)
{
    json_object_put(m->root);
    *m = (struct qmp_message){0};
}

static struct json_object *command_object(const char *name, struct json_object *arguments,
                                          uint64_t id, bool oob)
{
    struct json_object *root = json_object_new_object();
    struct json_object *word = json_object_new_string(name), *number = json_object_new_uint64(id);
    bool whole = root && word && number &&
                 json_object_object_add(root, oob ? "exec-oob" : "execute", word) == 0;
    if (whole) {
        word = NULL;
        whole = json_object_object_add(root, "id", number) == 0;
    }
    if (whole)
        number = NULL;
    if (whole && arguments) {
        json_object_get(arguments);
        whole = json_object_object_add(root, "arguments", arguments) == 0;
        if (!whole)
            json_object_put(arguments);
    }
    if (whole)
        return root;
    json_object_put(word);
    json_object_put(number);
    json_object_put(root);
    return NULL;
}

int qmp_write_command(struct buffer *out, const char *name, struct json_object *arguments,
                      uint64_t id, bool oob, struct fail *f)
{
    struct json_object *root = command_object(name, arguments, id, oob);
    const char *text = NULL;
    size_t size = 0;
    int r = 0;
    if (root)
        text = json_object_to_json_string_length(
            root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    if (!text)
        r = fail_set(f, VIR_ERR_NO_MEMORY, "send %s to QEMU: out of memory", name);
    else if (size > QMP_COMMAND_MAX)
        r = fail_set(f, VIR_ERR_INTERNAL_ERROR, "send %s to QEMU: %zu bytes, the limit is %d", name,
                     size, QMP_COMMAND_MAX);
    else if (!buffer_reserve(out, size + 2))
        r = fail_set(f, VIR_ERR_INTERNAL_ERROR, "send %s to QEMU: too much is waiting", name);
    if (r == 0) {
        (void)buffer_append(out, text, size); /* there is room */
        (void)buffer_append(out, "\r\n", 2);
    }
    json_object_put(root);
    return r;
}
