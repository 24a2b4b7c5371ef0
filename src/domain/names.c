/* names.c - one table a spelled enum, sized by its last value so that a new one can't be forgotten.
 */
#include "domain/names.h"
#include "domain/domain.h"
#include <string.h>

#define TABLE(table, last, ...)                                                                    \
    static const char *const table##_text[] = {__VA_ARGS__};                                       \
    _Static_assert(sizeof(table##_text) / sizeof(table##_text[0]) == (last) + 1, #table);          \
    const struct domain_names table = {table##_text, (last) + 1}

TABLE(names_on_off, DOMAIN_SWITCH_OFF, [DOMAIN_SWITCH_ON] = "on", [DOMAIN_SWITCH_OFF] = "off");
TABLE(names_yes_no, DOMAIN_SWITCH_OFF, [DOMAIN_SWITCH_ON] = "yes", [DOMAIN_SWITCH_OFF] = "no");
TABLE(names_virt, DOMAIN_VIRT_KVM, [DOMAIN_VIRT_QEMU] = "qemu", [DOMAIN_VIRT_KVM] = "kvm");
TABLE(names_boot, DOMAIN_BOOT_FD, [DOMAIN_BOOT_HD] = "hd", [DOMAIN_BOOT_CDROM] = "cdrom",
      [DOMAIN_BOOT_NETWORK] = "network", [DOMAIN_BOOT_FD] = "fd");
TABLE(names_action, DOMAIN_ACTION_COREDUMP_RESTART, [DOMAIN_ACTION_DESTROY] = "destroy",
      [DOMAIN_ACTION_RESTART] = "restart", [DOMAIN_ACTION_PRESERVE] = "preserve",
      [DOMAIN_ACTION_COREDUMP_DESTROY] = "coredump-destroy",
      [DOMAIN_ACTION_COREDUMP_RESTART] = "coredump-restart");
TABLE(names_label, DOMAIN_LABEL_APPARMOR, [DOMAIN_LABEL_NONE] = "none", [DOMAIN_LABEL_DAC] = "dac",
      [DOMAIN_LABEL_SELINUX] = "selinux", [DOMAIN_LABEL_APPARMOR] = "apparmor");
TABLE(names_disk_type,
      DOMAIN_DISK_BLOCK, [DOMAIN_DISK_FILE] = "file", [DOMAIN_DISK_BLOCK] = "block");
TABLE(names_disk_format,
      DOMAIN_DISK_QCOW2, [DOMAIN_DISK_RAW] = "raw", [DOMAIN_DISK_QCOW2] = "qcow2");
TABLE(names_disk_cache, DOMAIN_CACHE_UNSAFE, [DOMAIN_CACHE_NONE] = "none",
      [DOMAIN_CACHE_WRITETHROUGH] = "writethrough", [DOMAIN_CACHE_WRITEBACK] = "writeback",
      [DOMAIN_CACHE_DIRECTSYNC] = "directsync", [DOMAIN_CACHE_UNSAFE] = "unsafe");
TABLE(names_disk_io, DOMAIN_IO_URING, [DOMAIN_IO_NATIVE] = "native",
      [DOMAIN_IO_THREADS] = "threads", [DOMAIN_IO_URING] = "io_uring");
TABLE(names_disk_discard,
      DOMAIN_DISCARD_IGNORE, [DOMAIN_DISCARD_UNMAP] = "unmap", [DOMAIN_DISCARD_IGNORE] = "ignore");
TABLE(names_disk_detect_zeroes, DOMAIN_DETECT_ZEROES_UNMAP, [DOMAIN_DETECT_ZEROES_OFF] = "off",
      [DOMAIN_DETECT_ZEROES_ON] = "on", [DOMAIN_DETECT_ZEROES_UNMAP] = "unmap");
TABLE(names_disk_error, DOMAIN_DISK_ERROR_ENOSPACE, [DOMAIN_DISK_ERROR_STOP] = "stop",
      [DOMAIN_DISK_ERROR_REPORT] = "report", [DOMAIN_DISK_ERROR_IGNORE] = "ignore",
      [DOMAIN_DISK_ERROR_ENOSPACE] = "enospace");
TABLE(names_controller_type, DOMAIN_CONTROLLER_VIRTIO_SERIAL, [DOMAIN_CONTROLLER_PCI] = "pci",
      [DOMAIN_CONTROLLER_USB] = "usb", [DOMAIN_CONTROLLER_IDE] = "ide",
      [DOMAIN_CONTROLLER_SATA] = "sata", [DOMAIN_CONTROLLER_VIRTIO_SERIAL] = "virtio-serial");
TABLE(names_controller_model, DOMAIN_MODEL_USB_QEMU_XHCI, [DOMAIN_MODEL_PCI_ROOT] = "pci-root",
      [DOMAIN_MODEL_PCIE_ROOT] = "pcie-root", [DOMAIN_MODEL_PCI_BRIDGE] = "pci-bridge",
      [DOMAIN_MODEL_PCIE_ROOT_PORT] = "pcie-root-port",
      [DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE] = "pcie-to-pci-bridge", [DOMAIN_MODEL_USB_NONE] = "none",
      [DOMAIN_MODEL_USB_PIIX3_UHCI] = "piix3-uhci", [DOMAIN_MODEL_USB_QEMU_XHCI] = "qemu-xhci");
TABLE(names_interface_type, DOMAIN_INTERFACE_ETHERNET, [DOMAIN_INTERFACE_USER] = "user",
      [DOMAIN_INTERFACE_ETHERNET] = "ethernet");
TABLE(names_nic, DOMAIN_NIC_RTL8139, [DOMAIN_NIC_VIRTIO] = "virtio", [DOMAIN_NIC_E1000] = "e1000",
      [DOMAIN_NIC_E1000E] = "e1000e", [DOMAIN_NIC_RTL8139] = "rtl8139");
TABLE(names_chardev_type,
      DOMAIN_CHARDEV_NULL, [DOMAIN_CHARDEV_PTY] = "pty", [DOMAIN_CHARDEV_UNIX] = "unix",
      [DOMAIN_CHARDEV_FILE] = "file", [DOMAIN_CHARDEV_TCP] = "tcp", [DOMAIN_CHARDEV_NULL] = "null");
TABLE(
    names_console_target,
    DOMAIN_CONSOLE_VIRTIO, [DOMAIN_CONSOLE_SERIAL] = "serial", [DOMAIN_CONSOLE_VIRTIO] = "virtio");
TABLE(names_channel_state, DOMAIN_CHANNEL_DISCONNECTED, [DOMAIN_CHANNEL_CONNECTED] = "connected",
      [DOMAIN_CHANNEL_DISCONNECTED] = "disconnected");
TABLE(names_input_type,
      DOMAIN_INPUT_KEYBOARD, [DOMAIN_INPUT_MOUSE] = "mouse", [DOMAIN_INPUT_KEYBOARD] = "keyboard");
TABLE(names_rng_backend,
      DOMAIN_RNG_BUILTIN, [DOMAIN_RNG_RANDOM] = "random", [DOMAIN_RNG_BUILTIN] = "builtin");
TABLE(names_balloon,
      DOMAIN_BALLOON_VIRTIO, [DOMAIN_BALLOON_NONE] = "none", [DOMAIN_BALLOON_VIRTIO] = "virtio");
TABLE(names_cpu_mode,
      DOMAIN_CPU_MAXIMUM, [DOMAIN_CPU_CUSTOM] = "custom", [DOMAIN_CPU_HOST_MODEL] = "host-model",
      [DOMAIN_CPU_HOST_PASSTHROUGH] = "host-passthrough", [DOMAIN_CPU_MAXIMUM] = "maximum");
TABLE(names_cpu_match, DOMAIN_CPU_MATCH_EXACT, [DOMAIN_CPU_MATCH_EXACT] = "exact");
TABLE(names_cpu_check, DOMAIN_CPU_CHECK_FULL, [DOMAIN_CPU_CHECK_NONE] = "none",
      [DOMAIN_CPU_CHECK_PARTIAL] = "partial", [DOMAIN_CPU_CHECK_FULL] = "full");
TABLE(names_cpu_fallback, DOMAIN_CPU_FALLBACK_FORBID, [DOMAIN_CPU_FALLBACK_ALLOW] = "allow",
      [DOMAIN_CPU_FALLBACK_FORBID] = "forbid");
TABLE(names_cpu_policy, DOMAIN_CPU_POLICY_FORBID, [DOMAIN_CPU_POLICY_FORCE] = "force",
      [DOMAIN_CPU_POLICY_REQUIRE] = "require", [DOMAIN_CPU_POLICY_OPTIONAL] = "optional",
      [DOMAIN_CPU_POLICY_DISABLE] = "disable", [DOMAIN_CPU_POLICY_FORBID] = "forbid");
TABLE(names_clock_offset,
      DOMAIN_CLOCK_ABSOLUTE, [DOMAIN_CLOCK_UTC] = "utc", [DOMAIN_CLOCK_LOCALTIME] = "localtime",
      [DOMAIN_CLOCK_VARIABLE] = "variable", [DOMAIN_CLOCK_TIMEZONE] = "timezone",
      [DOMAIN_CLOCK_ABSOLUTE] = "absolute");
TABLE(names_clock_basis, DOMAIN_BASIS_LOCALTIME, [DOMAIN_BASIS_UTC] = "utc",
      [DOMAIN_BASIS_LOCALTIME] = "localtime");
TABLE(names_track, DOMAIN_TRACK_WALL, [DOMAIN_TRACK_GUEST] = "guest", [DOMAIN_TRACK_WALL] = "wall");
TABLE(
    names_timer, DOMAIN_TIMER_TSC, [DOMAIN_TIMER_RTC] = "rtc", [DOMAIN_TIMER_PIT] = "pit",
    [DOMAIN_TIMER_HPET] = "hpet", [DOMAIN_TIMER_KVMCLOCK] = "kvmclock", [DOMAIN_TIMER_TSC] = "tsc");
TABLE(names_tick, DOMAIN_TICK_DISCARD, [DOMAIN_TICK_DELAY] = "delay",
      [DOMAIN_TICK_CATCHUP] = "catchup", [DOMAIN_TICK_DISCARD] = "discard");

const char *names_get(const struct domain_names *names, unsigned value)
{
    return value < names->count ? names->name[value] : NULL;
}

int names_find(const struct domain_names *names, const char *text)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->name[i] && strcmp(names->name[i], text) == 0)
            return (int)i;
    return -1;
}

const char *domain_boot_name(enum domain_boot value)
{
    return names_get(&names_boot, value);
}

const char *domain_cache_name(enum domain_disk_cache value)
{
    return names_get(&names_disk_cache, value);
}

const char *domain_io_name(enum domain_disk_io value)
{
    return names_get(&names_disk_io, value);
}

const char *domain_discard_name(enum domain_disk_discard value)
{
    return names_get(&names_disk_discard, value);
}

const char *domain_detect_zeroes_name(enum domain_disk_detect_zeroes value)
{
    return names_get(&names_disk_detect_zeroes, value);
}

const char *domain_disk_error_name(enum domain_disk_error value)
{
    return names_get(&names_disk_error, value);
}

const char *domain_format_name(enum domain_disk_format value)
{
    return names_get(&names_disk_format, value);
}

const char *domain_nic_name(enum domain_interface_model value)
{
    return names_get(&names_nic, value);
}

const char *domain_controller_type_name(enum domain_controller_type value)
{
    return names_get(&names_controller_type, value);
}

const char *domain_controller_model_name(enum domain_controller_model value)
{
    return names_get(&names_controller_model, value);
}

const char *domain_cpu_policy_name(enum domain_cpu_policy value)
{
    return names_get(&names_cpu_policy, value);
}

const char *domain_action_name(enum domain_action value)
{
    return names_get(&names_action, value);
}
