/* Documents against a stock libvirtd's: what it makes of each at define, of a running guest, and
 * for another host (tests/golden/xml, recorded by tests/golden/record-xml).
 *
 * Where we differ on purpose the element is passed over:
 *   - a running guest's <cpu>: libvirt asks QEMU for every feature that it switched on or off;
 *   - <seclabel>: libvirt's is the DAC driver's, we have no security driver;
 *   - memory: libvirt rounds it up to a MiB at start, we don't; bring_to_life does it here.
 */
#include "domain/domain.h"
#include "xml_tree.h"
#include <glob.h>
#include <libvirt/libvirt-domain.h>

static struct fail fail;

static const struct domain_machine machines[] = {
    {"pc", "pc-i440fx-7.2"}, {"q35", "pc-q35-7.2"}, {"pc-i440fx-7.2", NULL}, {"pc-q35-7.2", NULL}};
static const struct domain_defaults defaults = {
    .emulator = "/usr/bin/qemu-system-x86_64",
    .machine = "pc",
    .machines = machines,
    .machine_count = sizeof(machines) / sizeof(machines[0]),
};

static char *read_golden(const char *name, const char *kind)
{
    char path[512];
    snprintf(path, sizeof(path), GOLDEN "/xml/%s.%s.xml", name, kind);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s: no such file", path);
    char *text = calloc(1, XML_SIZE_MAX);
    size_t size = fread(text, 1, XML_SIZE_MAX - 1, file);
    fclose(file);
    assert_true(size > 0);
    return text;
}

static struct domain *read_domain(const char *text, unsigned flags)
{
    struct domain *d = NULL;
    if (domain_parse(text, strlen(text), flags, &d, &fail) < 0)
        fail_msg("%s", fail.text);
    return d;
}

static char *write_domain(const struct domain *d, unsigned flags)
{
    struct buffer out = {0};
    if (domain_format(d, flags, &out, &fail) < 0)
        fail_msg("%s", fail.text);
    buffer_append(&out, "", 1);
    return (char *)out.data;
}

static void compare(const struct domain *d, unsigned flags, const char *kind,
                    const char *const *ignored)
{
    auto_free char *ours = write_domain(d, flags), *theirs = read_golden(d->name, kind);
    char where[300];
    snprintf(where, sizeof(where), "%s.%s", d->name, kind);
    tree_compare_text(where, ours, theirs, ignored);
}

/* What the daemon writes into a domain whose QEMU has come up. */
static void give_ptys(struct domain *d)
{
    unsigned pty = 0;
    char path[32], id[64];
    for (size_t i = 0; i < d->serial_count + d->console_count + d->channel_count; i++) {
        size_t console = i - d->serial_count, channel = console - d->console_count;
        const char *alias = i < d->serial_count          ? d->serials[i].dev.alias
                            : console < d->console_count ? d->consoles[console].dev.alias
                                                         : d->channels[channel].dev.alias;
        if (i >= d->serial_count && console == 0 && d->console_count && d->consoles[0].is_serial0)
            continue;
        snprintf(id, sizeof(id), "char%s", alias);
        snprintf(path, sizeof(path), "/dev/pts/%u", pty);
        int r = domain_set_pty(d, id, path);
        assert_true(r >= 0);
        pty += (unsigned)r;
    }
}

static void bring_to_life(struct domain *d)
{
    unsigned tap = 0;
    char path[256];
    assert_int_equal(domain_prepare_start(d, &fail), 0);
    for (size_t i = 0; i < d->disk_count; i++)
        d->disks[i].chain_ends = true; /* as the worker finds it: they lie on nothing */
    d->id = 1;
    d->memory_kib = (d->memory_kib + 1023) / 1024 * 1024;
    d->current_memory_kib = d->memory_kib; /* the balloon, as QEMU says */
    give_ptys(d);
    for (size_t i = 0; i < d->interface_count; i++) {
        struct domain_interface *nic = &d->interfaces[i];
        if (nic->type != DOMAIN_INTERFACE_ETHERNET || nic->target)
            continue;
        snprintf(path, sizeof(path), "vnet%u", tap++);
        nic->target = domain_string(d, path);
        nic->target_generated = true;
    }
    for (size_t i = 0; i < d->channel_count; i++) {
        struct domain_channel *c = &d->channels[i];
        c->state = DOMAIN_CHANNEL_DISCONNECTED;
        if (c->source.type != DOMAIN_CHARDEV_UNIX || c->source.path)
            continue;
        snprintf(path, sizeof(path), "/var/lib/libvirt/qemu/channel/target/domain-1-%s/%s", d->name,
                 c->name);
        assert_int_equal(domain_set_chardev_path(d, &c->source, path), 0);
        c->source.path_generated = true;
    }
}

static const char *const none[] = {NULL};
static const char *const label[] = {"seclabel", NULL};
static const char *const cpu[] = {"cpu", NULL};
static const char *const cpu_label[] = {"cpu", "seclabel", NULL};

static void compare_one(const char *name)
{
    auto_free char *in = read_golden(name, "in");
    auto_domain struct domain *d = read_domain(in, 0);
    if (domain_fill_defaults(d, &defaults, &fail) < 0)
        fail_msg("%s: %s", name, fail.text);
    compare(d, VIR_DOMAIN_XML_INACTIVE, "inactive", none);

    /* Once more through the same steps: nothing changes. */
    assert_int_equal(domain_fill_defaults(d, &defaults, &fail), 0);
    compare(d, VIR_DOMAIN_XML_INACTIVE, "inactive", none);

    bring_to_life(d);
    compare(d, 0, "live", cpu_label);
    bool expanded = d->cpu.mode == DOMAIN_CPU_HOST_MODEL;
    compare(d, VIR_DOMAIN_XML_MIGRATABLE, "migratable", expanded ? cpu : label);
}

static void all_documents_come_out_as_from_libvirt(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(GOLDEN "/xml/*.in.xml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 12);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[256];
        const char *base = strrchr(found.gl_pathv[i], '/') + 1;
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - strlen(".in.xml")), base);
        compare_one(name);
    }
    globfree(&found);
}

/* Blanks what stands between. */
static void without_label(char *document)
{
    char *from = strstr(document, "<seclabel"), *end = strstr(document, "</seclabel>");
    assert_non_null(from);
    assert_non_null(end);
    for (end += sizeof("</seclabel>") - 1; from < end; from++)
        *from = ' ';
}

/* A stock libvirtd's running guest is read back as it is, and what it sends can be taken. */
static void libvirts_own_documents_are_read(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(GOLDEN "/xml/*.in.xml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[256];
        const char *base = strrchr(found.gl_pathv[i], '/') + 1;
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - strlen(".in.xml")), base);
        auto_free char *live = read_golden(name, "live"), *sent = read_golden(name, "migratable");
        without_label(live); /* which is refused by name */
        auto_domain struct domain *running = read_domain(live, DOMAIN_PARSE_LIVE);
        compare(running, 0, "live", label);
        auto_domain struct domain *taken = read_domain(sent, 0);
        assert_int_equal(domain_fill_defaults(taken, &defaults, &fail), 0);
        compare(taken, VIR_DOMAIN_XML_MIGRATABLE, "migratable", none);
        if (domain_check_abi(running, taken, &fail) < 0 && !strstr(fail.text, "CPU"))
            fail_msg("%s: %s", name, fail.text);
    }
    globfree(&found);
}

static void a_copy_is_complete(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(GOLDEN "/xml/*.in.xml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[256];
        const char *base = strrchr(found.gl_pathv[i], '/') + 1;
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - strlen(".in.xml")), base);
        auto_free char *in = read_golden(name, "in");
        auto_domain struct domain *d = read_domain(in, 0), *copy = NULL;
        assert_int_equal(domain_fill_defaults(d, &defaults, &fail), 0);
        bring_to_life(d);
        assert_int_equal(domain_copy(d, &copy, &fail), 0);
        auto_free char *first = write_domain(d, 0), *second = write_domain(copy, 0);
        assert_string_equal(first, second);
        auto_free char *third = write_domain(d, VIR_DOMAIN_XML_INACTIVE),
                       *fourth = write_domain(copy, VIR_DOMAIN_XML_INACTIVE);
        assert_string_equal(third, fourth);
        assert_int_equal(domain_check_abi(d, copy, &fail), 0);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_documents_come_out_as_from_libvirt),
        cmocka_unit_test(libvirts_own_documents_are_read),
        cmocka_unit_test(a_copy_is_complete),
    };
    return cmocka_run_group_tests_name("domain golden", tests, NULL, NULL);
}
