/* parse_machine.c - <os>, <features>, <pm>, <qemu:commandline>. */
#include "domain/parse.h"
#include <string.h>

static int parse_os_type(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "arch machine", "") < 0)
        return -1;
    const char *arch = xml_get(n, "arch"), *machine = xml_get(n, "machine");
    if (strcmp(xml_text(n), "hvm") != 0)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED, "os type '%.32s' is not supported",
                        xml_text(n));
    if (arch && strcmp(arch, "x86_64") != 0)
        return parse_refuse_value(p, n, "arch", arch);
    size_t known = machine ? strspn(machine, "abcdefghijklmnopqrstuvwxyz"
                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-")
                           : 0;
    if (machine && (machine[known] || strlen(machine) > 64))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: malformed machine '%.64s'",
                        n->line, machine);
    bool pc = machine && (strcmp(machine, "pc") == 0 || strncmp(machine, "pc-i440fx-", 10) == 0);
    bool q35 = machine && (strcmp(machine, "q35") == 0 || strncmp(machine, "pc-q35-", 7) == 0);
    if (machine && !pc && !q35)
        return parse_refuse_value(p, n, "machine", machine);
    return parse_string(p, machine, &p->d->os.machine);
}

static int parse_os_path(struct parse *p, const struct xml_node *n, const char **ret_path)
{
    if (parse_only(p, n, "", "") < 0)
        return -1;
    if (*xml_text(n) != '/')
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: <%s>: '%.128s' is not an "
                        "absolute path",
                        n->line, n->name, xml_text(n));
    return parse_string(p, xml_text(n), ret_path);
}

static int parse_os_boot(struct parse *p, const struct xml_node *n)
{
    struct domain_os *os = &p->d->os;
    unsigned dev = 0;
    const char *text;
    if (parse_only(p, n, "dev", "") < 0 || parse_required(p, n, "dev", &text) < 0 ||
        parse_enum(p, n, "dev", &names_boot, &dev) < 0)
        return -1;
    if (os->boot_count == DOMAIN_BOOT_MAX)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: more than %d <boot dev=> in <os>",
                        n->line, DOMAIN_BOOT_MAX);
    os->boot[os->boot_count++] = dev;
    return 0;
}

static int parse_os_menu(struct parse *p, const struct xml_node *n)
{
    struct domain_os *os = &p->d->os;
    unsigned menu = 0;
    if (parse_only(p, n, "enable timeout", "") < 0 ||
        parse_enum(p, n, "enable", &names_yes_no, &menu) < 0)
        return -1;
    os->boot_menu = menu;
    int r = xml_get_uint(n, "timeout", 0, 65535, &os->boot_menu_timeout, p->fail);
    os->has_boot_menu_timeout = r > 0 && menu == DOMAIN_SWITCH_ON;
    return r < 0 ? -1 : 0;
}

static int parse_os_bios(struct parse *p, const struct xml_node *n)
{
    struct domain_os *os = &p->d->os;
    unsigned serial = 0, timeout = 0;
    if (parse_only(p, n, "useserial rebootTimeout", "") < 0 ||
        parse_enum(p, n, "useserial", &names_yes_no, &serial) < 0)
        return -1;
    os->bios_useserial = serial;
    const char *text = xml_get(n, "rebootTimeout");
    if (!text)
        return 0;
    os->has_reboot_timeout = true;
    os->reboot_timeout = -1;
    if (strcmp(text, "-1") == 0)
        return 0;
    if (xml_get_uint(n, "rebootTimeout", 0, 65535, &timeout, p->fail) < 0)
        return -1;
    os->reboot_timeout = (int)timeout;
    return 0;
}

static int parse_os_part(struct parse *p, const struct xml_node *n)
{
    struct domain_os *os = &p->d->os;
    if (xml_is(n, "type"))
        return parse_os_type(p, n);
    if (xml_is(n, "kernel"))
        return parse_os_path(p, n, &os->kernel);
    if (xml_is(n, "initrd"))
        return parse_os_path(p, n, &os->initrd);
    if (xml_is(n, "cmdline"))
        return parse_string(p, xml_text(n), &os->cmdline);
    if (xml_is(n, "boot"))
        return parse_os_boot(p, n);
    if (xml_is(n, "bootmenu"))
        return parse_os_menu(p, n);
    return parse_os_bios(p, n);
}

int parse_os(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "", "type kernel initrd cmdline boot bootmenu bios") < 0)
        return -1;
    static const char *const once[] = {"type", "kernel", "initrd", "cmdline", "bootmenu", "bios"};
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        const struct xml_node *child;
        if (parse_single(p, n, once[i], &child) < 0)
            return -1;
    }
    if (!xml_child(n, "type"))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <os> needs <type>", n->line);
    for (const struct xml_node *c = xml_first_element(n); c; c = xml_next_element(c))
        if (parse_os_part(p, c) < 0)
            return -1;
    const struct domain_os *os = &p->d->os;
    if (!os->kernel && (os->initrd || os->cmdline))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <%s> in <os> needs <kernel>",
                        n->line, os->initrd ? "initrd" : "cmdline");
    return 0;
}

/* <pmu/> and its kin without a state mean "on". */
static int parse_feature_state(struct parse *p, const struct xml_node *n, enum domain_switch *state)
{
    unsigned value = DOMAIN_SWITCH_ON;
    if (parse_only(p, n, "state", "") < 0 || parse_enum(p, n, "state", &names_on_off, &value) < 0)
        return -1;
    *state = value;
    return 0;
}

static int parse_feature(struct parse *p, const struct xml_node *n)
{
    struct domain_features *features = &p->d->features;
    if (xml_is(n, "hap"))
        return parse_feature_state(p, n, &features->hap);
    if (xml_is(n, "pmu"))
        return parse_feature_state(p, n, &features->pmu);
    if (xml_is(n, "vmport"))
        return parse_feature_state(p, n, &features->vmport);
    if (xml_is(n, "smm"))
        return parse_feature_state(p, n, &features->smm);
    if (parse_only(p, n, "", "") < 0)
        return -1;
    if (xml_is(n, "acpi"))
        features->acpi = true;
    else if (xml_is(n, "apic"))
        features->apic = true;
    else
        features->pae = true;
    return 0;
}

int parse_features(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "", "acpi apic pae hap pmu vmport smm") < 0)
        return -1;
    for (const struct xml_node *c = xml_first_element(n); c; c = xml_next_element(c))
        if (parse_feature(p, c) < 0)
            return -1;
    return 0;
}

static int parse_pm_switch(struct parse *p, const struct xml_node *n, const char *name,
                           enum domain_switch *ret_value)
{
    const struct xml_node *child;
    unsigned value = DOMAIN_SWITCH_ABSENT;
    if (parse_single(p, n, name, &child) < 0)
        return -1;
    if (!child)
        return 0;
    if (parse_only(p, child, "enabled", "") < 0 ||
        parse_enum(p, child, "enabled", &names_yes_no, &value) < 0)
        return -1;
    *ret_value = value;
    return 0;
}

int parse_pm(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "", "suspend-to-mem suspend-to-disk") < 0)
        return -1;
    return parse_pm_switch(p, n, "suspend-to-mem", &p->d->pm_suspend_to_mem) < 0 ||
                   parse_pm_switch(p, n, "suspend-to-disk", &p->d->pm_suspend_to_disk) < 0
               ? -1
               : 0;
}

static int parse_env(struct parse *p, const struct xml_node *n)
{
    const char *name, *value;
    if (parse_only(p, n, "name value", "") < 0 || parse_required(p, n, "name", &name) < 0 ||
        parse_attribute(p, n, "value", &value) < 0)
        return -1;
    size_t ok = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (name[ok] || (name[0] >= '0' && name[0] <= '9'))
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: '%.64s' is not a valid name of an environment variable",
                        n->line, name);
    struct domain_env *slot = DOMAIN_PUSH(p->d, qemu_env, qemu_env_count, p->fail);
    if (!slot)
        return -1;
    *slot = (struct domain_env){.name = name, .value = value};
    return 0;
}

static int parse_arg(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "value", "") < 0)
        return -1;
    const char *value = xml_get(n, "value");
    if (!value)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <%s> needs attribute 'value'",
                        n->line, n->name);
    const char *copy = domain_string(p->d, value);
    const char **slot = copy ? DOMAIN_PUSH(p->d, qemu_args, qemu_arg_count, p->fail) : NULL;
    if (!slot)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "the domain is too large");
    *slot = copy;
    return 0;
}

int parse_commandline(struct parse *p, const struct xml_node *n)
{
    for (const struct xml_node *c = xml_first_element(n); c; c = xml_next_element(c)) {
        bool known = c->space && strcmp(c->space, n->space) == 0;
        int r = known && strcmp(c->name, "arg") == 0   ? parse_arg(p, c)
                : known && strcmp(c->name, "env") == 0 ? parse_env(p, c)
                                                       : parse_refuse_element(p, c);
        if (r < 0)
            return -1;
    }
    return 0;
}
