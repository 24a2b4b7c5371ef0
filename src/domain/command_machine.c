/* command_machine.c - the machine itself: -machine, -cpu, -m, -smp, clock and boot. */
#include "domain/command_internal.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *on_off(bool on)
{
    return on ? "on" : "off";
}

static void add_switch(struct command_builder *b, const char **text, const char *key,
                       enum domain_switch value)
{
    if (value != DOMAIN_SWITCH_ABSENT)
        *text = command_text(b, "%s,%s=%s", *text, key, on_off(value == DOMAIN_SWITCH_ON));
}

static const struct domain_timer *find_timer(const struct domain *d, enum domain_timer_name name)
{
    for (size_t i = 0; i < d->clock.timer_count; i++)
        if (d->clock.timers[i].name == name)
            return &d->clock.timers[i];
    return NULL;
}

static bool timer_is_absent(const struct domain *d, enum domain_timer_name name)
{
    const struct domain_timer *timer = find_timer(d, name);
    return timer && timer->present == DOMAIN_SWITCH_OFF;
}

/* A property that switches something off is not left out when the emulator lacks it: the guest
 * would get what its document forbids. */
static int add_off(struct command_builder *b, const char **text, const char *property)
{
    if (!emulator_has_machine_property(b->options->emulator, property))
        return fail_set(b->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "emulator %s can't switch off '%s' of machine '%s'",
                        b->options->emulator->path, property, b->domain->os.machine);
    *text = command_text(b, "%s,%s=off", *text, property);
    return 0;
}

/* hpet and acpi were options of their own once (-no-hpet, -no-acpi); QEMU 9 dropped those, the
 * properties of the machine that they stood for exist in all versions. */
int command_add_machine(struct command_builder *b)
{
    const struct domain *d = b->domain;
    const struct emulator_machine *machine =
        emulator_find_machine(b->options->emulator, d->os.machine);
    if (!machine)
        return fail_set(b->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "emulator %s does not support machine type '%s'",
                        b->options->emulator->path, d->os.machine);
    const char *text = command_text(b, "%s,usb=off", machine->name);
    add_switch(b, &text, "vmport", d->features.vmport);
    add_switch(b, &text, "smm", d->features.smm);
    text = command_text(b, "%s,dump-guest-core=%s,memory-backend=%s", text,
                        on_off(d->dump_core == DOMAIN_SWITCH_ON), machine->ram_id);
    /* The firmware writes to the serial port when it finds no graphics. */
    if (d->os.bios_useserial == DOMAIN_SWITCH_ON && add_off(b, &text, "graphics") < 0)
        return -1;
    if (!d->features.acpi && add_off(b, &text, "acpi") < 0)
        return -1;
    if (timer_is_absent(d, DOMAIN_TIMER_HPET) && add_off(b, &text, "hpet") < 0)
        return -1;
    command_add_pair(b, "-machine", text);
    command_add_pair(b, "-accel", d->virt == DOMAIN_VIRT_KVM ? "kvm" : "tcg");
    return 0;
}

/* ---- cpu ---- */

/* Documents write lahf_lm where QEMU writes lahf-lm; one name differs altogether. */
const char *command_cpu_feature(struct command_builder *b, const char *name)
{
    if (!strcmp(name, "pclmuldq"))
        return "pclmulqdq";
    char *text = arena_strdup(&b->arena, name);
    if (!text) {
        b->no_memory = true;
        return "";
    }
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = '-';
    return text;
}

static bool feature_is_on(enum domain_cpu_policy policy)
{
    switch (policy) {
    case DOMAIN_CPU_POLICY_FORCE:
    case DOMAIN_CPU_POLICY_REQUIRE:
    case DOMAIN_CPU_POLICY_OPTIONAL: /* QEMU leaves out by itself what the host lacks */
        return true;
    case DOMAIN_CPU_POLICY_DISABLE:
    case DOMAIN_CPU_POLICY_FORBID:
        return false;
    }
    return false;
}

static const char *cpu_model(const struct domain_cpu *cpu)
{
    switch (cpu->mode) {
    case DOMAIN_CPU_NONE:
    case DOMAIN_CPU_HOST_MODEL: /* command_prepare made it custom */
    case DOMAIN_CPU_CUSTOM:
        return cpu->model ? cpu->model : "qemu64";
    case DOMAIN_CPU_HOST_PASSTHROUGH:
        return "host";
    case DOMAIN_CPU_MAXIMUM:
        return "max";
    }
    return "qemu64";
}

void command_add_cpu(struct command_builder *b)
{
    const struct domain *d = b->domain;
    const struct domain_cpu *cpu = &d->cpu;
    const char *text = cpu_model(cpu);
    if (cpu->vendor_id)
        text = command_text(b, "%s,vendor=%s", text, command_escape(b, cpu->vendor_id));
    add_switch(b, &text, "migratable", cpu->migratable);
    for (size_t i = 0; i < cpu->feature_count; i++)
        text = command_text(b, "%s,%s=%s", text, command_cpu_feature(b, cpu->features[i].name),
                            on_off(feature_is_on(cpu->features[i].policy)));
    const struct domain_timer *timer = find_timer(d, DOMAIN_TIMER_KVMCLOCK);
    if (timer)
        add_switch(b, &text, "kvmclock", timer->present);
    timer = find_timer(d, DOMAIN_TIMER_TSC);
    if (timer && timer->frequency)
        text = command_text(b, "%s,tsc-frequency=%llu", text, (unsigned long long)timer->frequency);
    add_switch(b, &text, "pmu", d->features.pmu);
    command_add_pair(b, "-cpu", text);
}

/* ---- memory, processors ---- */

/* The guest gets its memory to the KiB, as its document says. libvirt 9.0 rounds up to a MiB when
 * it starts a guest, and writes the rounded size in the running guest's document: the sizes of two
 * peers agree whenever their documents do. */
void command_add_memory(struct command_builder *b)
{
    const struct domain *d = b->domain;
    const struct emulator_machine *machine =
        emulator_find_machine(b->options->emulator, d->os.machine);
    command_addf(b, "-m", "size=%lluk", (unsigned long long)d->memory_kib);
    struct json_object *json = json_object_new_object();
    command_json_string(json, "qom-type", "memory-backend-ram");
    command_json_string(json, "id", machine->ram_id);
    command_json_int(json, "size", (int64_t)d->memory_kib * 1024);
    command_add_json(b, "-object", json);
    command_add_pair(b, "-overcommit", "mem-lock=off");
}

void command_add_smp(struct command_builder *b)
{
    const struct domain *d = b->domain;
    const struct domain_cpu *cpu = &d->cpu;
    if (cpu->sockets)
        command_addf(b, "-smp", "%u,sockets=%u,dies=%u,cores=%u,threads=%u", d->vcpus, cpu->sockets,
                     cpu->dies ? cpu->dies : 1, cpu->cores, cpu->threads);
    else
        command_addf(b, "-smp", "%u,sockets=%u,cores=1,threads=1", d->vcpus, d->vcpus);
}

/* ---- clock, power ---- */

static void add_pit_policy(struct command_builder *b)
{
    const struct domain_timer *pit = find_timer(b->domain, DOMAIN_TIMER_PIT);
    if (!pit)
        return;
    switch (pit->tickpolicy) {
    case DOMAIN_TICK_ABSENT:
    case DOMAIN_TICK_DELAY:
        command_add_pair(b, "-global", "kvm-pit.lost_tick_policy=delay");
        break;
    case DOMAIN_TICK_DISCARD:
        command_add_pair(b, "-global", "kvm-pit.lost_tick_policy=discard");
        break;
    case DOMAIN_TICK_CATCHUP:
        break;
    }
}

static void add_sleep_state(struct command_builder *b, const char *property,
                            enum domain_switch allowed)
{
    if (allowed != DOMAIN_SWITCH_ABSENT)
        command_addf(b, "-global", "%s.%s=%d", domain_is_q35(b->domain) ? "ICH9-LPC" : "PIIX4_PM",
                     property, allowed == DOMAIN_SWITCH_OFF);
}

/* "2026-11-28T22:52:50": when the clock begins. */
static int date(struct command_builder *b, int64_t seconds, const char **ret_date)
{
    struct tm tm;
    time_t time = (time_t)seconds;
    if (seconds < 0 || seconds > DOMAIN_SECONDS_MAX || !gmtime_r(&time, &tm))
        return fail_set(b->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "the guest's clock would begin %lld seconds from 1970, which is not supported",
                        (long long)seconds);
    *ret_date = command_text(b, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return 0;
}

/* A time zone is QEMU's environment: local time is then that one's (command_build). */
static int clock_base(struct command_builder *b, const char **ret_base)
{
    const struct domain_clock *clock = &b->domain->clock;
    switch (clock->offset) {
    case DOMAIN_CLOCK_UTC:
        *ret_base = "utc";
        return 0;
    case DOMAIN_CLOCK_LOCALTIME:
    case DOMAIN_CLOCK_TIMEZONE:
        *ret_base = "localtime";
        return 0;
    case DOMAIN_CLOCK_VARIABLE:
        return date(b, b->options->now + clock->adjustment, ret_base);
    case DOMAIN_CLOCK_ABSOLUTE:
        return date(b, (int64_t)clock->start, ret_base);
    }
    return 0;
}

static const char *track_option(const struct domain_timer *rtc)
{
    switch (rtc ? rtc->track : DOMAIN_TRACK_ABSENT) {
    case DOMAIN_TRACK_ABSENT:
        break;
    case DOMAIN_TRACK_GUEST:
        return ",clock=vm";
    case DOMAIN_TRACK_WALL:
        return ",clock=host";
    }
    return "";
}

/* -no-shutdown: QEMU stops instead of ending when its guest powers off, so that we end it and tell
 * the reason. A reboot that shall end the guest is one more way to stop. */
int command_add_clock(struct command_builder *b)
{
    const struct domain *d = b->domain;
    const struct domain_timer *rtc = find_timer(d, DOMAIN_TIMER_RTC);
    bool slew = rtc && rtc->tickpolicy == DOMAIN_TICK_CATCHUP;
    const char *base = "utc";
    if (clock_base(b, &base) < 0)
        return -1;
    command_addf(b, "-rtc", "base=%s%s%s", base, track_option(rtc), slew ? ",driftfix=slew" : "");
    add_pit_policy(b);
    command_add(b, "-no-shutdown");
    if (d->on_reboot == DOMAIN_ACTION_DESTROY) {
        if (!emulator_has_option(b->options->emulator, "action.reboot"))
            return fail_set(b->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                            "emulator %s can't shut down on reboot (on_reboot 'destroy')",
                            b->options->emulator->path);
        command_add_pair(b, "-action", "reboot=shutdown");
    }
    add_sleep_state(b, "disable_s3", d->pm_suspend_to_mem);
    add_sleep_state(b, "disable_s4", d->pm_suspend_to_disk);
    return 0;
}

/* ---- migration ---- */

/* The version in a machine's name, as QEMU's own: "pc-q35-7.2" -> 7002000; 0: it has none. */
static uint32_t machine_version(const char *machine)
{
    const char *dash = strrchr(machine, '-');
    unsigned major, minor;
    if (!dash || sscanf(dash, "-%u.%u", &major, &minor) != 2)
        return 0;
    return major * 1000000 + minor * 1000;
}

/* Machines from before QEMU 8.0 keep 7.2's kind of preempt channel in later versions, which can end
 * the source with its guest (core/quirks.c, PREEMPT_CHANNEL_ABORTS). A QEMU that still has such a
 * machine has the property that its definition sets. */
void command_add_preempt_kind(struct command_builder *b)
{
    uint32_t machine = machine_version(b->domain->os.machine);
    if (b->options->emulator->version >= 8000000 && machine && machine < 8000000)
        command_add_pair(b, "-global", "migration.x-preempt-pre-7-2=off");
}

/* ---- boot ---- */

unsigned command_boot_position(const struct domain *d, enum domain_boot boot)
{
    for (size_t i = 0; i < d->os.boot_count; i++)
        if (d->os.boot[i] == boot)
            return (unsigned)i + 1;
    return 0;
}

void command_add_boot(struct command_builder *b)
{
    const struct domain_os *os = &b->domain->os;
    const char *text = "";
    if (os->boot_menu != DOMAIN_SWITCH_ABSENT)
        text = command_text(b, "menu=%s,", on_off(os->boot_menu == DOMAIN_SWITCH_ON));
    if (os->has_reboot_timeout)
        text = command_text(b, "%sreboot-timeout=%d,", text, os->reboot_timeout);
    if (os->boot_menu == DOMAIN_SWITCH_ON && os->has_boot_menu_timeout)
        text = command_text(b, "%ssplash-time=%u,", text, os->boot_menu_timeout);
    command_addf(b, "-boot", "%sstrict=on", text);
    if (os->kernel)
        command_add_pair(b, "-kernel", os->kernel);
    if (os->initrd)
        command_add_pair(b, "-initrd", os->initrd);
    if (os->cmdline)
        command_add_pair(b, "-append", os->cmdline);
}
