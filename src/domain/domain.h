/* domain.h - the typed view of a domain XML document.
 *
 * domain_parse reads a document, domain_fill_defaults completes it as libvirt does at define, and
 * domain_assign_aliases names the devices as libvirt does at start. The struct is plain data: the
 * command line is made from it, and the daemon writes live facts (id, pty paths, tap names) into
 * it.
 *
 * Ownership: each domain has one arena; everything that hangs off the struct, strings and arrays,
 * lies in it and goes with domain_free. Put strings in with domain_string. An absent string is
 * NULL, an absent number 0 unless said otherwise, an absent enum value its 0 (…_DEFAULT/_ABSENT).
 *
 * What is not here is not supported and was refused by name by domain_parse, so a user of this
 * struct need not check for it: disks are virtio disks on files or block devices, for example.
 * Facts (names, orders, defaults) were measured on libvirt 9.0.
 */
#pragma once
#include "util/arena.h"
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/fail.h"
#include "util/uuid.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DOMAIN_XML_MAX = 1 << 20, /* bytes of a document that comes from outside */
    DOMAIN_ARENA_MAX = 16 << 20,
    DOMAIN_NAME_MAX = 255,
    DOMAIN_VCPUS_MAX = 255,
    DOMAIN_SERIALS_MAX = 4
};

/* A unix channel's path with one of these in it was made up by a daemon for one run of the guest.
 */
#define DOMAIN_CHANNEL_FOLDER "/channel/target/" /* libvirt's */
#define DOMAIN_CHANNEL_FILE   "/channel@"        /* ours */

enum domain_switch { DOMAIN_SWITCH_ABSENT, DOMAIN_SWITCH_ON, DOMAIN_SWITCH_OFF };

/* ---- what all devices have ---- */

enum domain_address_type {
    DOMAIN_ADDRESS_NONE,
    DOMAIN_ADDRESS_PCI,
    DOMAIN_ADDRESS_VIRTIO_SERIAL,
};

struct domain_address {
    enum domain_address_type type;
    union {
        struct {
            uint16_t domain; /* always 0 */
            uint8_t bus;     /* index of the pci controller */
            uint8_t slot;
            uint8_t function;
            enum domain_switch multifunction;
        } pci;
        struct {
            uint8_t controller; /* index of the virtio-serial controller */
            uint8_t bus;        /* always 0 */
            uint8_t port;
        } vserial;
    };
};

struct domain_device {
    const char *alias; /* live: always; inactive: only a user's own "ua-..." */
    struct domain_address address;
    unsigned boot_order; /* 0: none; disks and interfaces only */
};

/* ---- disks: device='disk', bus='virtio' ---- */

enum domain_disk_type { DOMAIN_DISK_FILE, DOMAIN_DISK_BLOCK };
enum domain_disk_format { DOMAIN_DISK_RAW, DOMAIN_DISK_QCOW2 };
enum domain_disk_cache {
    DOMAIN_CACHE_DEFAULT,
    DOMAIN_CACHE_NONE,
    DOMAIN_CACHE_WRITETHROUGH,
    DOMAIN_CACHE_WRITEBACK,
    DOMAIN_CACHE_DIRECTSYNC,
    DOMAIN_CACHE_UNSAFE,
};
enum domain_disk_io { DOMAIN_IO_DEFAULT, DOMAIN_IO_NATIVE, DOMAIN_IO_THREADS, DOMAIN_IO_URING };
enum domain_disk_discard { DOMAIN_DISCARD_DEFAULT, DOMAIN_DISCARD_UNMAP, DOMAIN_DISCARD_IGNORE };
enum domain_disk_detect_zeroes {
    DOMAIN_DETECT_ZEROES_DEFAULT,
    DOMAIN_DETECT_ZEROES_OFF,
    DOMAIN_DETECT_ZEROES_ON,
    DOMAIN_DETECT_ZEROES_UNMAP,
};
enum domain_disk_error {
    DOMAIN_DISK_ERROR_DEFAULT,
    DOMAIN_DISK_ERROR_STOP,
    DOMAIN_DISK_ERROR_REPORT,
    DOMAIN_DISK_ERROR_IGNORE,
    DOMAIN_DISK_ERROR_ENOSPACE, /* error_policy only */
};

/* An image below another: <backingStore>. */
struct domain_layer {
    enum domain_disk_type type;
    enum domain_disk_format format;
    const char *source; /* path, never NULL */
    unsigned index;     /* live, as source_index below */
};

enum { DOMAIN_LAYERS_MAX = 48 }; /* XML_DEPTH_MAX has room for them */

struct domain_disk {
    struct domain_device dev; /* PCI address; alias virtio-disk0, 0 = vda */
    enum domain_disk_type type;
    enum domain_disk_format format;
    enum domain_disk_cache cache;
    enum domain_disk_io io;
    enum domain_disk_discard discard;
    enum domain_disk_detect_zeroes detect_zeroes;
    enum domain_disk_error error_policy;
    enum domain_disk_error rerror_policy;
    unsigned queues;    /* 0: QEMU's default */
    const char *source; /* path, never NULL */
    const char *target; /* "vda", never NULL */
    const char *serial; /* at most 36 bytes of [A-Za-z0-9_.+ -] */
    bool readonly;
    bool shareable;
    unsigned source_index; /* live: N of the block nodes libvirt-N-format, libvirt-N-storage */
    struct domain_layer *layers; /* what it lies on, from the top; only the last may be raw */
    size_t layer_count;
    size_t layers_given; /* so many came with the document, the others were found at the start */
    bool chain_ends;     /* nothing is below the last of them; else: not known */
};

/* ---- controllers ---- */

enum domain_controller_type {
    DOMAIN_CONTROLLER_PCI,
    DOMAIN_CONTROLLER_USB,
    DOMAIN_CONTROLLER_IDE,  /* only what the pc machine has built in */
    DOMAIN_CONTROLLER_SATA, /* only what the q35 machine has built in */
    DOMAIN_CONTROLLER_VIRTIO_SERIAL,
};
enum domain_controller_model {
    DOMAIN_MODEL_DEFAULT, /* ide, sata, virtio-serial */
    DOMAIN_MODEL_PCI_ROOT,
    DOMAIN_MODEL_PCIE_ROOT,
    DOMAIN_MODEL_PCI_BRIDGE,
    DOMAIN_MODEL_PCIE_ROOT_PORT,
    DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE,
    DOMAIN_MODEL_USB_NONE,
    DOMAIN_MODEL_USB_PIIX3_UHCI,
    DOMAIN_MODEL_USB_QEMU_XHCI,
};

/* The index of a controller that has none yet, before domain_fill_defaults: larger than any. */
#define DOMAIN_INDEX_NONE (~0u)

struct domain_controller {
    struct domain_device
        dev; /* PCI address, none for the roots; alias pci.1, usb, ide, virtio-serial0 */
    enum domain_controller_type type;
    enum domain_controller_model model;
    unsigned index;
    const char *model_name; /* pci: <model name=>: pcie-root-port, pci-bridge, pcie-pci-bridge */
    int chassis;            /* pcie-root-port; -1: none */
    int port;               /* pcie-root-port; -1: none */
    int chassis_nr;         /* pci-bridge; -1: none */
    enum domain_switch hotplug; /* pcie-root-port */
    int ports;                  /* usb (xhci), virtio-serial; -1: none */
    int vectors;                /* virtio-serial; -1: none */
};

/* ---- network interfaces ---- */

enum domain_interface_type { DOMAIN_INTERFACE_USER, DOMAIN_INTERFACE_ETHERNET };
enum domain_interface_model {
    DOMAIN_NIC_DEFAULT, /* not after domain_fill_defaults */
    DOMAIN_NIC_VIRTIO,
    DOMAIN_NIC_E1000,
    DOMAIN_NIC_E1000E,
    DOMAIN_NIC_RTL8139,
};

struct domain_interface {
    struct domain_device dev; /* PCI address; alias net0 */
    enum domain_interface_type type;
    enum domain_interface_model model;
    bool has_mac; /* always after domain_fill_defaults */
    uint8_t mac[6];
    const char *target;    /* ethernet: the tap; a name given by the daemon is live only */
    bool target_generated; /* the name was given by the daemon ("vnet0"): not in inactive XML */
    enum domain_switch managed; /* ethernet: <target managed='no'>: the tap exists already */
};

/* ---- character devices: serial, console, channel ---- */

enum domain_chardev_type {
    DOMAIN_CHARDEV_PTY,
    DOMAIN_CHARDEV_UNIX,
    DOMAIN_CHARDEV_FILE,
    DOMAIN_CHARDEV_TCP,
    DOMAIN_CHARDEV_NULL,
};

/* Where the guest's bytes go on the host. */
struct domain_chardev {
    enum domain_chardev_type type;
    /* pty: live only, what QEMU opened; unix, file: as given (a channel's may be NULL until the
     * daemon makes one up at start) */
    const char *path;
    bool path_generated;       /* unix channel: made up by the daemon, not in inactive XML */
    bool listen;               /* unix, tcp: mode='bind'; else connect */
    enum domain_switch append; /* file */
    const char *host;          /* tcp */
    const char *service;       /* tcp: a port number in text */
    bool telnet;               /* tcp: <protocol type='telnet'/> */
    enum domain_switch reconnect;
    unsigned reconnect_timeout; /* seconds; 0: none given */
    const char *log_file;
    enum domain_switch log_append;
};

struct domain_serial {        /* target type isa-serial, model isa-serial */
    struct domain_device dev; /* alias serial0; chardev charserial0 */
    struct domain_chardev source;
    int port; /* -1: not given; always after domain_fill_defaults */
};

enum domain_console_target { DOMAIN_CONSOLE_SERIAL, DOMAIN_CONSOLE_VIRTIO };

struct domain_console {
    struct domain_device dev; /* virtio: VIRTIO_SERIAL address; alias console1 */
    struct domain_chardev source;
    enum domain_console_target target;
    int port;
    /* consoles[0] with target serial is serials[0] seen a second time: no device of its own, its
     * source and alias are copies of the serial's. Set by domain_fill_defaults. */
    bool is_serial0;
};

enum domain_channel_state {
    DOMAIN_CHANNEL_UNKNOWN,
    DOMAIN_CHANNEL_CONNECTED,
    DOMAIN_CHANNEL_DISCONNECTED
};

struct domain_channel {       /* target type virtio */
    struct domain_device dev; /* VIRTIO_SERIAL address; alias channel0; chardev charchannel0 */
    struct domain_chardev source;
    const char *name;                /* org.qemu.guest_agent.0; may be NULL */
    enum domain_channel_state state; /* live */
};

/* ---- the small devices ---- */

enum domain_input_type { DOMAIN_INPUT_MOUSE, DOMAIN_INPUT_KEYBOARD };

struct domain_input {         /* bus ps2: built into the machine, no device on the command line */
    struct domain_device dev; /* alias input0 */
    enum domain_input_type type;
};

enum domain_rng_backend { DOMAIN_RNG_RANDOM, DOMAIN_RNG_BUILTIN };

struct domain_rng {           /* model virtio */
    struct domain_device dev; /* PCI address; alias rng0 */
    enum domain_rng_backend backend;
    const char *path;     /* random: /dev/urandom, /dev/random or /dev/hwrng */
    unsigned rate_bytes;  /* 0: no limit */
    unsigned rate_period; /* ms; 0: not given */
};

enum domain_balloon_model {
    DOMAIN_BALLOON_DEFAULT, /* no element; not after domain_fill_defaults */
    DOMAIN_BALLOON_NONE,
    DOMAIN_BALLOON_VIRTIO,
};

struct domain_balloon {
    struct domain_device dev; /* PCI address; alias balloon0 */
    enum domain_balloon_model model;
    enum domain_switch autodeflate;
    enum domain_switch free_page_reporting;
    unsigned stats_period; /* seconds; 0: none */
};

/* ---- the machine ---- */

enum domain_virt { DOMAIN_VIRT_QEMU, DOMAIN_VIRT_KVM };
enum domain_boot { DOMAIN_BOOT_HD, DOMAIN_BOOT_CDROM, DOMAIN_BOOT_NETWORK, DOMAIN_BOOT_FD };
enum { DOMAIN_BOOT_MAX = 4 };
enum domain_action {
    DOMAIN_ACTION_DESTROY,
    DOMAIN_ACTION_RESTART,
    DOMAIN_ACTION_PRESERVE,
    DOMAIN_ACTION_COREDUMP_DESTROY,
    DOMAIN_ACTION_COREDUMP_RESTART,
};

/* Whose label a guest wants to be without. */
enum domain_label { DOMAIN_LABEL_NONE, DOMAIN_LABEL_DAC, DOMAIN_LABEL_SELINUX, DOMAIN_LABEL_APPARMOR };

struct domain_os {
    const char *machine; /* canonical ("pc-q35-7.2") after domain_fill_defaults */
    const char *kernel;
    const char *initrd;
    const char *cmdline;
    enum domain_boot boot[DOMAIN_BOOT_MAX];
    size_t boot_count;
    enum domain_switch boot_menu;
    bool has_boot_menu_timeout;
    unsigned boot_menu_timeout; /* ms */
    enum domain_switch bios_useserial;
    bool has_reboot_timeout;
    int reboot_timeout; /* ms, -1: never */
};

struct domain_features {
    bool acpi;
    bool apic;
    bool pae;
    enum domain_switch hap; /* kept; QEMU has no such switch */
    enum domain_switch pmu;
    enum domain_switch vmport;
    enum domain_switch smm;
};

enum domain_cpu_mode {
    DOMAIN_CPU_NONE, /* no <cpu>; not after domain_fill_defaults */
    DOMAIN_CPU_CUSTOM,
    DOMAIN_CPU_HOST_MODEL,
    DOMAIN_CPU_HOST_PASSTHROUGH,
    DOMAIN_CPU_MAXIMUM,
};
enum domain_cpu_match { DOMAIN_CPU_MATCH_DEFAULT, DOMAIN_CPU_MATCH_EXACT };
enum domain_cpu_check {
    DOMAIN_CPU_CHECK_DEFAULT,
    DOMAIN_CPU_CHECK_NONE,
    DOMAIN_CPU_CHECK_PARTIAL,
    DOMAIN_CPU_CHECK_FULL
};
enum domain_cpu_fallback {
    DOMAIN_CPU_FALLBACK_DEFAULT,
    DOMAIN_CPU_FALLBACK_ALLOW,
    DOMAIN_CPU_FALLBACK_FORBID
};
enum domain_cpu_policy {
    DOMAIN_CPU_POLICY_FORCE,
    DOMAIN_CPU_POLICY_REQUIRE,
    DOMAIN_CPU_POLICY_OPTIONAL,
    DOMAIN_CPU_POLICY_DISABLE,
    DOMAIN_CPU_POLICY_FORBID,
};

struct domain_cpu_feature {
    const char *name; /* [a-z0-9._-]+ */
    enum domain_cpu_policy policy;
};

struct domain_cpu {
    enum domain_cpu_mode mode;
    enum domain_cpu_match match;
    enum domain_cpu_check check;
    enum domain_switch migratable;
    const char *model; /* [A-Za-z0-9._-]+ */
    enum domain_cpu_fallback fallback;
    const char *vendor;                     /* <vendor>: kept for the document, QEMU is not told */
    const char *vendor_id;                  /* <model vendor_id=>: 12 characters */
    unsigned sockets, dies, cores, threads; /* all 0: no topology */
    struct domain_cpu_feature *features;
    size_t feature_count;
};

enum domain_clock_offset {
    DOMAIN_CLOCK_UTC,
    DOMAIN_CLOCK_LOCALTIME,
    DOMAIN_CLOCK_VARIABLE,
    DOMAIN_CLOCK_TIMEZONE,
    DOMAIN_CLOCK_ABSOLUTE,
};
enum domain_clock_basis { DOMAIN_BASIS_UTC, DOMAIN_BASIS_LOCALTIME };
#define DOMAIN_SECONDS_MAX INT64_C(253402300799) /* since 1970, to the end of the year 9999 */

enum domain_timer_name {
    DOMAIN_TIMER_RTC,
    DOMAIN_TIMER_PIT,
    DOMAIN_TIMER_HPET,
    DOMAIN_TIMER_KVMCLOCK,
    DOMAIN_TIMER_TSC
};
enum domain_timer_track { DOMAIN_TRACK_ABSENT, DOMAIN_TRACK_GUEST, DOMAIN_TRACK_WALL };
enum domain_timer_policy {
    DOMAIN_TICK_ABSENT,
    DOMAIN_TICK_DELAY,
    DOMAIN_TICK_CATCHUP,
    DOMAIN_TICK_DISCARD,
};

struct domain_timer {
    enum domain_timer_name name;
    enum domain_switch present;
    enum domain_timer_policy tickpolicy; /* rtc: delay, catchup; pit: delay, discard */
    enum domain_timer_track track;       /* rtc */
    uint64_t frequency;                  /* tsc, Hz; 0: none */
};

struct domain_clock {
    enum domain_clock_offset offset;
    bool reset;                    /* utc, localtime: adjustment='reset' */
    enum domain_clock_basis basis; /* variable; live: utc */
    int64_t adjustment;            /* variable: seconds; live: follows what the guest does */
    int64_t adjustment_at_start;   /* live: what QEMU was started with */
    const char *timezone;          /* timezone: "Europe/Berlin" */
    uint64_t start;                /* absolute: seconds since 1970 */
    struct domain_timer *timers;
    size_t timer_count;
};

struct domain_env {
    const char *name;
    const char *value; /* NULL: set to nothing */
};

struct domain {
    struct arena arena;

    int id; /* -1: not running */
    enum domain_virt virt;
    const char *name; /* never NULL, 1..DOMAIN_NAME_MAX bytes, no '/', no control character */
    bool has_uuid;    /* always after domain_fill_defaults */
    struct uuid uuid;
    const char *title;
    const char *description;
    const char *metadata; /* the whole <metadata> element as it came */

    uint64_t memory_kib;         /* what the guest is made with */
    uint64_t current_memory_kib; /* the balloon's target; <= memory_kib */
    enum domain_switch dump_core;
    unsigned vcpus;
    const char *resource; /* the whole <resource> element as it came */

    struct domain_os os;
    struct domain_features features;
    struct domain_cpu cpu;
    struct domain_clock clock;
    enum domain_action on_poweroff, on_reboot, on_crash;
    enum domain_switch pm_suspend_to_mem, pm_suspend_to_disk;
    unsigned labels; /* <seclabel type='none' model=>: a bit for each enum domain_label */

    const char *emulator;      /* always after domain_fill_defaults */
    struct domain_disk *disks; /* in libvirt's order: by target name */
    size_t disk_count;
    struct domain_controller *controllers; /* in libvirt's order: by type as they came, index */
    size_t controller_count;
    struct domain_interface *interfaces;
    size_t interface_count;
    struct domain_serial *serials;
    size_t serial_count;
    struct domain_console *consoles;
    size_t console_count;
    struct domain_channel *channels;
    size_t channel_count;
    struct domain_input *inputs;
    size_t input_count;
    bool audio_none; /* <audio id='1' type='none'/> */
    struct domain_balloon balloon;
    struct domain_rng *rngs;
    size_t rng_count;

    const char **qemu_args; /* <qemu:commandline>, passed on at the end */
    size_t qemu_arg_count;
    struct domain_env *qemu_env;
    size_t qemu_env_count;
};

/* ---- life ---- */

enum {
    /* The document describes a running guest and is ours (a journal, a cookie): keep id, aliases,
     * pty paths, generated names. Without it these are dropped, as libvirt does at define. */
    DOMAIN_PARSE_LIVE = 1,
};

/* 0 and a domain for domain_free, or -1 with `f` set: VIR_ERR_XML_ERROR for what is malformed,
 * VIR_ERR_CONFIG_UNSUPPORTED for what is well formed and not supported, each naming it. */
int domain_parse(const char *xml, size_t size, unsigned flags, struct domain **ret_domain,
                 struct fail *f);
void domain_free(struct domain *d);
int domain_copy(const struct domain *d, struct domain **ret_domain, struct fail *f);

static inline void cleanup_domain(struct domain **d)
{
    domain_free(*d);
}
#define auto_domain cleanup(cleanup_domain)

/* A copy of `text` in the domain's arena (NULL for NULL, or at the arena's limit). */
const char *domain_string(struct domain *d, const char *text);
/* Refuses what is no name: VIR_ERR_XML_ERROR. */
int domain_set_name(struct domain *d, const char *name, struct fail *f);

/* Which machine a machine's name stands for, as the emulator says (QMP query-machines). */
struct domain_machine {
    const char *name;      /* "pc", "q35", "pc-q35-7.2" */
    const char *canonical; /* "pc-i440fx-7.2"; NULL when `name` is canonical itself */
};

struct domain_defaults {
    const char *emulator; /* used when the document names none */
    const char *machine;  /* used when the document names none: the emulator's default */
    const struct domain_machine *machines;
    size_t machine_count; /* 0: names are taken as they are */
};

/* Complete a parsed domain in place, as libvirt does at define. Idempotent. -1: VIR_ERR_XML_ERROR,
 * VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_INTERNAL_ERROR (no room on a bus). */
int domain_fill_defaults(struct domain *d, const struct domain_defaults *defaults, struct fail *f);

/* What is accepted must be readable again, by a copy or after a restart, with what a start adds to
 * it: so a complete document may take up half of what the parser takes. domain_fill_defaults checks
 * it; so must who changes a domain's words later. -1: VIR_ERR_XML_ERROR. */
int domain_check_readable(const struct domain *d, struct fail *f);

/* Name all devices and number the block nodes, as libvirt does at start. Users' "ua-..." stay. */
int domain_assign_aliases(struct domain *d, struct fail *f);

/* What a start settles, as libvirt does it: the aliases, the numbers of the block nodes (the last
 * disk has 1), <backingStore/> for raw images without, no
 * cache for disks that are shared with other guests and written. Unlike libvirt, memory is not
 * rounded up to whole MiB: the guest gets what its document says. A qcow2 image's chain is said to
 * end only where that was seen: a false <backingStore/> hides what is below. */
int domain_prepare_start(struct domain *d, struct fail *f);

/* At a start or an arrival: a clock that is variable is kept against utc while the guest runs.
 * `local_offset`: seconds that the host's local time is ahead of it. */
void domain_settle_clock(struct domain *d, int64_t local_offset);

/* Where a chain is to be followed further: the last image that is known, when that is a qcow2 one and
 * nothing is known of what is below; else NULL. */
const char *domain_chain_open_at(const struct domain_disk *disk);
/* One more at its end, copied. -1: VIR_ERR_INTERNAL_ERROR, too many, or the arena is full. */
int domain_add_layer(struct domain *d, struct domain_disk *disk, const struct domain_layer *layer,
                     struct fail *f);

/* ---- text ---- */

/* Append the document. `flags` are virDomainXMLFlags: SECURE 1, INACTIVE 2, UPDATE_CPU 4,
 * MIGRATABLE 8. Without INACTIVE what is live is written if the domain is live (id != -1). */
int domain_format(const struct domain *d, unsigned flags, struct buffer *out, struct fail *f);

/* ---- questions ---- */

bool domain_is_q35(const struct domain *d);
const struct domain_disk *domain_find_disk(const struct domain *d, const char *target);
/* By index within its type; NULL without. */
const struct domain_controller *
domain_find_controller(const struct domain *d, enum domain_controller_type type, unsigned index);

/* May `to` take over a guest that runs as `from`? 0, or -1 with VIR_ERR_CONFIG_UNSUPPORTED and a
 * sentence that names the first thing that differs. Host-side details (paths, taps) may differ. */
int domain_check_abi(const struct domain *from, const struct domain *to, struct fail *f);

/* Would two hosts see the same bytes through this disk's cache? Cache modes none and directsync
 * bypass the host's page cache; a read-only disk never changes. Whether the storage is shared and
 * coherent is the caller's question. */
bool domain_disk_is_coherent(const struct domain_disk *disk);

/* ---- live facts; -1 when the arena is full ---- */

int domain_set_chardev_path(struct domain *d, struct domain_chardev *source, const char *path);
/* The pty of the chardev "charserial0", "charconsole1", "charchannel0", as query-chardev names it.
 * 1 when set, 0 when there is no such device with a pty. serials[0]'s goes to consoles[0] too. */
int domain_set_pty(struct domain *d, const char *chardev_id, const char *path);

/* ---- names of enum values as the document writes them ---- */

const char *domain_boot_name(enum domain_boot value);
const char *domain_cache_name(enum domain_disk_cache value); /* NULL for the default, as below */
const char *domain_io_name(enum domain_disk_io value);
const char *domain_discard_name(enum domain_disk_discard value);
const char *domain_detect_zeroes_name(enum domain_disk_detect_zeroes value);
const char *domain_disk_error_name(enum domain_disk_error value);
const char *domain_format_name(enum domain_disk_format value);
const char *domain_nic_name(enum domain_interface_model value);
const char *domain_controller_type_name(enum domain_controller_type value);
/* QEMU's device for a pci controller, the <model name=>; NULL for the roots and what is not pci. */
const char *domain_pci_device(enum domain_controller_model value);
const char *domain_controller_model_name(enum domain_controller_model value);
const char *domain_cpu_policy_name(enum domain_cpu_policy value);
const char *domain_action_name(enum domain_action value);
