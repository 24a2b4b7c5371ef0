/* command_cpu.c - the processor: can the host do what the document asks, and what 'host-model' is.
 *
 * host-model means "as much of this host as can be moved to another". It becomes a custom cpu when
 * the guest starts, so that the document of the running guest, which a migration carries, says
 * exactly what the guest has: the model of the host's vendor that lacks least, the features that
 * the host has required by name, those that it lacks disabled by name.
 *
 * Documents and QEMU spell features differently: lahf_lm is lahf-lm, and pclmuldq is pclmulqdq.
 */
#include "domain/command_internal.h"
#include <string.h>

/* The features that a document can name and a guest can take along: those that libvirt 9.0 knows
 * for x86, less the ones that QEMU has no switch for and those bound to one host (invtsc). Sorted.
 */
static const char *const portable_features[] = {
    "3dnow",
    "3dnowext",
    "3dnowprefetch",
    "abm",
    "acpi",
    "adx",
    "aes",
    "amd-no-ssb",
    "amd-ssbd",
    "amd-stibp",
    "amx-bf16",
    "amx-int8",
    "amx-tile",
    "apic",
    "arat",
    "arch-capabilities",
    "arch-lbr",
    "avic",
    "avx",
    "avx-vnni",
    "avx2",
    "avx512-4fmaps",
    "avx512-4vnniw",
    "avx512-bf16",
    "avx512-fp16",
    "avx512-vp2intersect",
    "avx512-vpopcntdq",
    "avx512bitalg",
    "avx512bw",
    "avx512cd",
    "avx512dq",
    "avx512er",
    "avx512f",
    "avx512ifma",
    "avx512pf",
    "avx512vbmi",
    "avx512vbmi2",
    "avx512vl",
    "avx512vnni",
    "bmi1",
    "bmi2",
    "bus-lock-detect",
    "cid",
    "cldemote",
    "clflush",
    "clflushopt",
    "clwb",
    "clzero",
    "cmov",
    "cmp_legacy",
    "core-capability",
    "cr8legacy",
    "cx16",
    "cx8",
    "dca",
    "de",
    "decodeassists",
    "ds",
    "ds_cpl",
    "dtes64",
    "erms",
    "est",
    "extapic",
    "f16c",
    "flushbyasid",
    "fma",
    "fma4",
    "fpu",
    "fsgsbase",
    "fsrm",
    "fxsr",
    "fxsr_opt",
    "gfni",
    "hle",
    "ht",
    "hypervisor",
    "ia64",
    "ibpb",
    "ibrs",
    "ibrs-all",
    "ibs",
    "intel-pt",
    "intel-pt-lip",
    "invpcid",
    "la57",
    "lahf_lm",
    "lbrv",
    "lm",
    "lwp",
    "mca",
    "mce",
    "md-clear",
    "mds-no",
    "misalignsse",
    "mmx",
    "mmxext",
    "monitor",
    "movbe",
    "movdir64b",
    "movdiri",
    "mpx",
    "msr",
    "mtrr",
    "nodeid_msr",
    "npt",
    "nrip-save",
    "nx",
    "osvw",
    "pae",
    "pat",
    "pause-filter",
    "pbe",
    "pcid",
    "pclmuldq",
    "pcommit",
    "pdcm",
    "pdpe1gb",
    "perfctr_core",
    "perfctr_nb",
    "pfthreshold",
    "pge",
    "pks",
    "pku",
    "pn",
    "pni",
    "popcnt",
    "pschange-mc-no",
    "pse",
    "pse36",
    "rdctl-no",
    "rdpid",
    "rdrand",
    "rdseed",
    "rdtscp",
    "rsba",
    "rtm",
    "sep",
    "serialize",
    "sgx",
    "sgx-debug",
    "sgx-exinfo",
    "sgx-kss",
    "sgx-mode64",
    "sgx-provisionkey",
    "sgx-tokenkey",
    "sgx1",
    "sgx2",
    "sgxlc",
    "sha-ni",
    "skinit",
    "skip-l1dfl-vmentry",
    "smap",
    "smep",
    "smx",
    "spec-ctrl",
    "split-lock-detect",
    "ss",
    "ssb-no",
    "ssbd",
    "sse",
    "sse2",
    "sse4.1",
    "sse4.2",
    "sse4a",
    "ssse3",
    "stibp",
    "svm",
    "svm-lock",
    "svme-addr-chk",
    "syscall",
    "taa-no",
    "tbm",
    "tce",
    "tm",
    "tm2",
    "topoext",
    "tsc",
    "tsc-deadline",
    "tsc-scale",
    "tsc_adjust",
    "tsx-ctrl",
    "tsx-ldtrk",
    "umip",
    "v-vmsave-vmload",
    "vaes",
    "vgif",
    "virt-ssbd",
    "vmcb-clean",
    "vme",
    "vmx",
    "vpclmulqdq",
    "waitpkg",
    "wbnoinvd",
    "wdt",
    "x2apic",
    "xfd",
    "xgetbv1",
    "xop",
    "xsave",
    "xsavec",
    "xsaveerptr",
    "xsaveopt",
    "xsaves",
    "xtpr",
};
enum { PORTABLE_FEATURES = sizeof(portable_features) / sizeof(portable_features[0]) };

static bool same_feature(const char *document, const char *qemu)
{
    if (!strcmp(document, "pclmuldq"))
        document = "pclmulqdq";
    for (; *document && *qemu; document++, qemu++)
        if (*document != *qemu && !(strchr("_-.", *document) && strchr("_-.", *qemu)))
            return false;
    return *document == *qemu;
}

static enum emulator_accel domain_accel(const struct domain *d)
{
    return d->virt == DOMAIN_VIRT_KVM ? EMULATOR_KVM : EMULATOR_TCG;
}

/* ---- custom ---- */

static bool is_switched_off(const struct domain_cpu *cpu, const char *blocker)
{
    for (size_t i = 0; i < cpu->feature_count; i++)
        if ((cpu->features[i].policy == DOMAIN_CPU_POLICY_DISABLE ||
             cpu->features[i].policy == DOMAIN_CPU_POLICY_FORBID) &&
            same_feature(cpu->features[i].name, blocker))
            return true;
    return false;
}

/* check='none' leaves it to QEMU, which leaves out what it can't do and warns in its log. */
static int check_features(const struct domain *d, const struct emulator_cpu *known, struct fail *f)
{
    bool asked = d->cpu.check == DOMAIN_CPU_CHECK_PARTIAL || d->cpu.check == DOMAIN_CPU_CHECK_FULL;
    const struct emulator_names *blockers = &known->with[domain_accel(d)].blockers;
    for (size_t i = 0; asked && i < blockers->count; i++)
        if (!is_switched_off(&d->cpu, blockers->name[i]))
            return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                            "cpu model '%s' needs the feature '%s', which this host does not have",
                            known->name, blockers->name[i]);
    return 0;
}

static int check_custom(const struct domain *d, const struct emulator *e, struct fail *f)
{
    const char *model = d->cpu.model;
    if (!model)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED, "cpu mode 'custom' needs a model");
    const struct emulator_cpu *known = emulator_find_cpu(e, model);
    if (!known)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "emulator %s does not support cpu model '%s'", e->path, model);
    return check_features(d, known, f);
}

/* ---- host-model ---- */

/* What libvirt 9.0 knows of each vendor, the newest first. */
static const char *const amd_models[] = {
    "EPYC-Milan", "EPYC-Rome",  "EPYC-IBPB",  "EPYC",       "Opteron_G5",
    "Opteron_G4", "Opteron_G3", "Opteron_G2", "Opteron_G1", NULL,
};
static const char *const intel_models[] = {
    "Icelake-Server-noTSX",
    "Icelake-Server",
    "Cooperlake",
    "Cascadelake-Server-noTSX",
    "Cascadelake-Server",
    "Skylake-Server-noTSX-IBRS",
    "Skylake-Server-IBRS",
    "Skylake-Server",
    "Skylake-Client-noTSX-IBRS",
    "Skylake-Client-IBRS",
    "Skylake-Client",
    "Broadwell-noTSX-IBRS",
    "Broadwell-IBRS",
    "Broadwell-noTSX",
    "Broadwell",
    "Haswell-noTSX-IBRS",
    "Haswell-IBRS",
    "Haswell-noTSX",
    "Haswell",
    "IvyBridge-IBRS",
    "IvyBridge",
    "SandyBridge-IBRS",
    "SandyBridge",
    "Westmere-IBRS",
    "Westmere",
    "Nehalem-IBRS",
    "Nehalem",
    "Penryn",
    "Conroe",
    NULL,
};
static const char *const other_models[] = {"qemu64", NULL};

/* The newest model of the host's vendor that lacks little, or else the one that lacks least. TCG of
 * QEMU 7.2 lacks ten features of an EPYC, and little else tells it from one. */
static const struct emulator_cpu *nearest_model(const struct emulator *e, enum emulator_accel accel)
{
    enum { LITTLE = 10 };
    const char *vendor = e->host_cpu[accel].vendor ? e->host_cpu[accel].vendor : "";
    const char *const *names = !strcmp(vendor, "AuthenticAMD")   ? amd_models
                               : !strcmp(vendor, "GenuineIntel") ? intel_models
                                                                 : other_models;
    const struct emulator_cpu *best = NULL;
    for (; *names; names++) {
        const struct emulator_cpu *cpu = emulator_find_cpu(e, *names);
        if (!cpu || cpu->with[accel].usable == EMULATOR_USABLE_UNKNOWN)
            continue;
        if (cpu->with[accel].blockers.count <= LITTLE)
            return cpu;
        if (!best || cpu->with[accel].blockers.count < best->with[accel].blockers.count)
            best = cpu;
    }
    return best ? best : emulator_find_cpu(e, "qemu64");
}

static bool names_have_feature(const struct emulator_names *names, const char *document)
{
    for (size_t i = 0; i < names->count; i++)
        if (same_feature(document, names->name[i]))
            return true;
    return false;
}

/* The policy that host-model gives a feature; false: it is not mentioned. */
static bool host_model_policy(const struct emulator *e, enum emulator_accel accel,
                              const struct emulator_cpu *model, const char *feature,
                              enum domain_cpu_policy *ret_policy)
{
    if (names_have_feature(&e->host_cpu[accel].features, feature))
        *ret_policy = DOMAIN_CPU_POLICY_REQUIRE;
    else if (names_have_feature(&model->with[accel].blockers, feature))
        *ret_policy = DOMAIN_CPU_POLICY_DISABLE;
    else
        return false;
    return true;
}

/* What the document itself says about a feature goes before what the host says. */
static bool is_named(const struct domain_cpu *cpu, const char *feature)
{
    for (size_t i = 0; i < cpu->feature_count; i++)
        if (same_feature(cpu->features[i].name, feature) || !strcmp(cpu->features[i].name, feature))
            return true;
    return false;
}

static int expand_host_model(struct domain *d, const struct emulator *e, struct fail *f)
{
    enum emulator_accel accel = domain_accel(d);
    const struct emulator_cpu *model = nearest_model(e, accel);
    if (!model || !e->host_cpu[accel].features.count)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "cpu mode 'host-model': emulator %s does not say what the host can do",
                        e->path);
    struct domain_cpu cpu = d->cpu;
    cpu.features =
        arena_array(&d->arena, cpu.feature_count + PORTABLE_FEATURES, sizeof(*cpu.features));
    cpu.model = arena_strdup(&d->arena, model->name);
    if (!cpu.features || !cpu.model)
        return fail_set(f, VIR_ERR_NO_MEMORY, "guest '%s': no memory", d->name);
    for (size_t i = 0; i < d->cpu.feature_count; i++)
        cpu.features[i] = d->cpu.features[i];
    for (size_t i = 0; i < PORTABLE_FEATURES; i++) {
        enum domain_cpu_policy policy;
        if (!is_named(&d->cpu, portable_features[i]) &&
            host_model_policy(e, accel, model, portable_features[i], &policy))
            cpu.features[cpu.feature_count++] =
                (struct domain_cpu_feature){portable_features[i], policy};
    }
    cpu.mode = DOMAIN_CPU_CUSTOM;
    cpu.match = DOMAIN_CPU_MATCH_EXACT;
    cpu.check = DOMAIN_CPU_CHECK_NONE;
    cpu.fallback = DOMAIN_CPU_FALLBACK_FORBID;
    d->cpu = cpu;
    return 0;
}

/* ---- all modes ---- */

int command_prepare_cpu(struct domain *d, const struct emulator *e, struct fail *f)
{
    switch (d->cpu.mode) {
    case DOMAIN_CPU_NONE:
    case DOMAIN_CPU_CUSTOM:
        return check_custom(d, e, f);
    case DOMAIN_CPU_HOST_MODEL:
        return expand_host_model(d, e, f);
    case DOMAIN_CPU_HOST_PASSTHROUGH:
        if (d->virt != DOMAIN_VIRT_KVM)
            return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                            "cpu mode 'host-passthrough' needs domain type 'kvm'");
        return 0;
    case DOMAIN_CPU_MAXIMUM:
        if (!emulator_find_cpu(e, "max"))
            return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                            "emulator %s does not support cpu mode 'maximum'", e->path);
        return 0;
    }
    return 0;
}
