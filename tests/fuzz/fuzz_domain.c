/* A domain's document: read, completed, written, read again, started.
 *
 * What was accepted must be readable again, by ourselves, and then be the same; a copy must be the
 * same; a command line must come of it or a sentence that says why not.
 */
#include "fuzz.h"
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include "domain/command.h"
#include "domain/domain.h"
#include "domain/emulator.h"

static struct emulator *load_emulator(void)
{
    static struct emulator *emulator;
    struct json_object *list[32];
    struct fail f;
    if (emulator)
        return emulator;
    struct json_object *replies = json_object_from_file(GOLDEN "/emulator/qemu-7.2.json");
    MUST(replies && json_object_array_length(replies) <= 32);
    size_t count = json_object_array_length(replies);
    for (size_t i = 0; i < count; i++)
        list[i] = json_object_array_get_idx(replies, i);
    struct emulator_identity identity = {.device = 1};
    MUST(emulator_from_qmp("/usr/bin/qemu-system-x86_64", &identity, list, count, &emulator, &f) ==
         0);
    json_object_put(replies);
    return emulator;
}

static void write_domain(const struct domain *d, unsigned flags, struct buffer *out)
{
    struct fail f;
    MUST(domain_format(d, flags, out, &f) == 0);
}

static void must_be_same(const struct buffer *a, const struct buffer *b)
{
    if (buffer_size(a) == buffer_size(b) &&
        memcmp(buffer_bytes(a), buffer_bytes(b), buffer_size(a)) == 0)
        return;
    fprintf(stderr, "%.*s\nis not\n%.*s\n", (int)buffer_size(a), (const char *)buffer_bytes(a),
            (int)buffer_size(b), (const char *)buffer_bytes(b));
    __builtin_trap();
}

static void start(struct domain *d)
{
    struct emulator *emulator = load_emulator();
    struct command_options options = {
        .emulator = emulator, .monitor_fd = 3, .state_dir = "/s", .sandbox = true};
    struct command command;
    struct fail f;
    if (command_prepare(d, emulator, "/s", &f) < 0 || command_build(d, &options, &command, &f) < 0)
        return;
    MUST(command.argc > 0 && !command.argv[command.argc]);
    command_free(&command);
}

/* Complete, and written as the definition: what the other host, or the next start, reads. */
static void read_again(const struct domain *d)
{
    struct domain_defaults defaults = {.emulator = "/usr/bin/qemu-system-x86_64", .machine = "pc"};
    struct buffer once = {0}, twice = {0};
    struct domain *again = NULL;
    struct fail f;
    write_domain(d, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE, &once);
    MUST(domain_parse((const char *)buffer_bytes(&once), buffer_size(&once), 0, &again, &f) == 0);
    MUST(domain_fill_defaults(again, &defaults, &f) == 0);
    write_domain(again, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE, &twice);
    /* As in libvirt, controllers may find another order. */
    if (buffer_size(&once) != buffer_size(&twice))
        must_be_same(&once, &twice);
    MUST(domain_check_abi(d, again, &f) == 0);
    domain_free(again);
    buffer_free(&once);
    buffer_free(&twice);
}

static void read_and_use(const char *xml, size_t size, unsigned parse_flags)
{
    struct domain_defaults defaults = {.emulator = "/usr/bin/qemu-system-x86_64", .machine = "pc"};
    struct buffer first = {0}, second = {0};
    struct domain *d = NULL, *copy = NULL;
    struct fail f;
    if (domain_parse(xml, size, parse_flags, &d, &f) < 0)
        return;
    if (domain_fill_defaults(d, &defaults, &f) == 0) {
        read_again(d);
        MUST(domain_copy(d, &copy, &f) == 0);
        write_domain(d, VIR_DOMAIN_XML_SECURE, &first);
        write_domain(copy, VIR_DOMAIN_XML_SECURE, &second);
        must_be_same(&first, &second);
        start(copy);
        domain_free(copy);
    }
    domain_free(d);
    buffer_free(&first);
    buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_and_use((const char *)data, size, 0);
    read_and_use((const char *)data, size, DOMAIN_PARSE_LIVE);
    return 0;
}
