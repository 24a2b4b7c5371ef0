/* api_domain_monitor.c - a client's own command for QEMU's monitor.
 *
 * It goes through Baton's connection, beside its own commands, under an id of Baton's, and the
 * client gets the answer in QMP's words. A guest that was commanded in this way is marked: what the
 * client did is not known here.
 *
 * While a migration is under way only questions go through. A `cont` behind the machine's back
 * could make the guest run twice, and nothing that a client could want is worth that.
 */
#include <json-c/json.h>
#include <libvirt/libvirt-qemu.h>
#include <stdio.h>
#include <string.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/qmp.h"

/* One command on its way; in its call's arena. */
struct passing {
    struct call *call;
    unsigned id;
    bool hmp;
};

static void cleanup_json(struct json_object **object)
{
    json_object_put(*object);
}
#define auto_json cleanup(cleanup_json)

/* ---- the command ---------------------------------------------------------------------------- */

static bool only_asks(const char *command)
{
    return strncmp(command, "query-", 6) == 0 || strncmp(command, "x-query-", 8) == 0;
}

static bool hmp_only_asks(const char *line)
{
    line += strspn(line, " \t");
    return strncmp(line, "info", 4) == 0 && (line[4] == '\0' || strchr(" \t", line[4])) &&
           !strpbrk(line, "\r\n");
}

static bool is_member_known(const char *key)
{
    return strcmp(key, "execute") == 0 || strcmp(key, "arguments") == 0;
}

/* {"execute": NAME, "arguments": OBJECT}, and nothing else. */
static int check_command(struct json_object *object, struct fail *f)
{
    if (!json_object_is_type(object, json_type_object))
        return fail_set(f, VIR_ERR_INVALID_ARG, "a monitor command must be a JSON object");
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (strcmp(key, "id") == 0)
            return fail_set(f, VIR_ERR_INVALID_ARG,
                            "a monitor command can't have an 'id': it is given one");
        if (!is_member_known(key))
            return fail_set(f, VIR_ERR_INVALID_ARG,
                            "member '%.40s' of a monitor command is not supported", key);
    }
    struct json_object *name = qmp_get(object, "execute"), *arguments = NULL;
    if (!json_object_is_type(name, json_type_string))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "a monitor command needs a member 'execute', a string");
    if (json_object_object_get_ex(object, "arguments", &arguments) &&
        !json_object_is_type(arguments, json_type_object))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "member 'arguments' of a monitor command must be an object");
    return 0;
}

static int parse_command(const char *text, struct json_object **ret_object, struct fail *f)
{
    size_t length = strlen(text);
    if (length > QMP_COMMAND_MAX)
        return fail_set(f, VIR_ERR_INVALID_ARG, "a monitor command has at most %d bytes",
                        QMP_COMMAND_MAX);
    struct json_tokener *tokener = json_tokener_new_ex(QMP_DEPTH_MAX);
    if (!tokener)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)length + 1);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    if (error == json_tokener_success && end < length && text[end + strspn(text + end, " \t\r\n")])
        error = json_tokener_error_parse_unexpected;
    if (error != json_tokener_success) {
        json_object_put(object);
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "cannot parse json %.200s: %s", text,
                        json_tokener_error_desc(error));
    }
    if (check_command(object, f) < 0) {
        json_object_put(object);
        return -1;
    }
    *ret_object = object;
    return 0;
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* As QEMU would have written it: what it returned, or its error. */
static struct json_object *answer_object(const struct passing *p, const struct monitor_reply *reply)
{
    char id[32];
    snprintf(id, sizeof(id), "libvirt-%u", p->id);
    struct json_object *answer = json_object_new_object();
    if (!answer)
        return NULL;
    if (reply->outcome == MONITOR_RETURN) {
        json_object_object_add(answer, "return", json_object_get(reply->value));
        json_object_object_add(answer, "id", json_object_new_string(id));
        return answer;
    }
    struct json_object *error = json_object_new_object();
    json_object_object_add(answer, "id", json_object_new_string(id));
    json_object_object_add(answer, "error", error);
    json_object_object_add(error, "class", json_object_new_string(reply->error_class));
    json_object_object_add(error, "desc", json_object_new_string(reply->error));
    return answer;
}

static void answer_qmp(const struct passing *p, const struct monitor_reply *reply)
{
    auto_json struct json_object *answer = answer_object(p, reply);
    struct remote_string ret = {
        .value = answer ? json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN) : NULL,
    };
    if (ret.value)
        call_reply(p->call, &ret);
    else
        api_fail_memory(p->call);
}

static void answered(const struct monitor_reply *reply, void *userdata)
{
    struct passing *p = userdata;
    bool said = reply->outcome == MONITOR_RETURN || reply->outcome == MONITOR_ERROR;
    if (said && !p->hmp) {
        answer_qmp(p, reply);
        return;
    }
    const char *text =
        reply->outcome == MONITOR_RETURN && json_object_is_type(reply->value, json_type_string)
            ? json_object_get_string(reply->value)
            : NULL;
    if (text) {
        struct remote_string ret = {.value = text};
        call_reply(p->call, &ret);
        return;
    }
    struct fail f;
    api_explain_reply(reply, &f);
    call_fail(p->call, &f);
}

/* ---- the call ------------------------------------------------------------------------------- */

static void pass_on(struct call *call, struct guest *g, const char *name,
                    struct json_object *arguments, bool hmp)
{
    static unsigned last_id;
    struct passing *p = arena_alloc(&call->arena, sizeof(*p));
    struct fail f = {0};
    if (!p) {
        json_object_put(arguments);
        api_fail_memory(call);
        return;
    }
    *p = (struct passing){.call = call, .id = ++last_id, .hmp = hmp};
    if (!g->tainted_by_monitor) {
        log_info("guest %s: a client commands its monitor: %s", g->name, name);
        g->tainted_by_monitor = true;
        guest_journal_append(g);
    }
    if (!api_ask_qemu(g, name, arguments, API_COMMAND_SECONDS, answered, p, &f))
        call_fail(call, &f);
}

static bool check_allowed(struct call *call, const struct guest *g, bool asks)
{
    if (asks || !core_migrating(&g->core))
        return true;
    call_failf(call, VIR_ERR_OPERATION_INVALID,
               "while a migration of the domain is under way its monitor takes only questions "
               "(query-..., info ...)");
    return false;
}

static void pass_hmp(struct call *call, struct guest *g, const char *line)
{
    if (!check_allowed(call, g, hmp_only_asks(line)))
        return;
    struct json_object *arguments = json_object_new_object();
    if (!arguments) {
        api_fail_memory(call);
        return;
    }
    json_object_object_add(arguments, "command-line", json_object_new_string(line));
    pass_on(call, g, "human-monitor-command", arguments, true);
}

static void pass_qmp(struct call *call, struct guest *g, const char *text)
{
    auto_json struct json_object *command = NULL;
    struct fail f = {0};
    if (parse_command(text, &command, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    const char *name = qmp_get_string(command, "execute");
    if (check_allowed(call, g, only_asks(name)))
        pass_on(call, g, name, json_object_get(qmp_get(command, "arguments")), false);
}

void api_domain_monitor_command(struct call *call)
{
    const struct remote_monitor_command *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP, NULL) ||
        !api_check_active(call, g) || call_wait_for_qemu(call, g))
        return;
    if (a->flags & VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
        pass_hmp(call, g, a->command);
    else
        pass_qmp(call, g, a->command);
}
