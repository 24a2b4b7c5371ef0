/* command_prepare.c - from a definition to what runs: can this emulator do it, and the live facts.
 */
#include "domain/command_internal.h"

static int check_machine(const struct domain *d, const struct emulator *e, struct fail *f)
{
    const struct emulator_machine *machine = emulator_find_machine(e, d->os.machine);
    if (!machine)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "emulator %s does not support machine type '%s'", e->path, d->os.machine);
    if (d->vcpus > machine->max_cpus)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "%u vcpus are more than the %u of machine type '%s'", d->vcpus,
                        machine->max_cpus, machine->name);
    if (d->virt == DOMAIN_VIRT_KVM && !e->kvm_enabled)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "domain type 'kvm': KVM is not usable with emulator %s on this host",
                        e->path);
    return 0;
}

/* ---- channels ---- */

/* The name of a port, which has no '/', becomes part of its socket's; what stands before it keeps
 * it apart from the folder's other files, and shows in a document who made the path up. */
static const char *channel_path(struct domain *d, const char *folder,
                                const struct domain_channel *channel)
{
    const char *name = channel->name ? channel->name : channel->dev.alias;
    return arena_printf(&d->arena, "%s" DOMAIN_CHANNEL_FILE "%s", folder, name);
}

static int prepare_channels(struct domain *d, const char *folder, struct fail *f)
{
    for (size_t i = 0; i < d->channel_count; i++) {
        struct domain_channel *channel = &d->channels[i];
        if (channel->source.type != DOMAIN_CHARDEV_UNIX || channel->source.path)
            continue;
        channel->source.path = channel_path(d, folder, channel);
        if (!channel->source.path)
            return fail_set(f, VIR_ERR_NO_MEMORY, "guest '%s': no memory", d->name);
        channel->source.path_generated = true;
        channel->source.listen = true;
    }
    return 0;
}

int command_prepare(struct domain *d, const struct emulator *emulator, const char *channel_dir,
                    struct fail *f)
{
    if (check_machine(d, emulator, f) < 0 || command_prepare_cpu(d, emulator, f) < 0 ||
        domain_prepare_start(d, f) < 0)
        return -1;
    return prepare_channels(d, channel_dir, f);
}
