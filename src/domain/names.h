/* names.h - how the document spells the values of domain.h's enums. Private to src/domain. */
#pragma once
#include <stddef.h>

/* Indexed by the enum; NULL: that value has no spelling (it is the absence of the attribute). */
struct domain_names {
    const char *const *name;
    size_t count;
};

extern const struct domain_names names_on_off;
extern const struct domain_names names_yes_no;
extern const struct domain_names names_virt;
extern const struct domain_names names_boot;
extern const struct domain_names names_action;
extern const struct domain_names names_label;
extern const struct domain_names names_disk_type;
extern const struct domain_names names_disk_format;
extern const struct domain_names names_disk_cache;
extern const struct domain_names names_disk_io;
extern const struct domain_names names_disk_discard;
extern const struct domain_names names_disk_detect_zeroes;
extern const struct domain_names names_disk_error;
extern const struct domain_names names_controller_type;
extern const struct domain_names names_controller_model;
extern const struct domain_names names_interface_type;
extern const struct domain_names names_nic;
extern const struct domain_names names_chardev_type;
extern const struct domain_names names_console_target;
extern const struct domain_names names_channel_state;
extern const struct domain_names names_input_type;
extern const struct domain_names names_rng_backend;
extern const struct domain_names names_balloon;
extern const struct domain_names names_cpu_mode;
extern const struct domain_names names_cpu_match;
extern const struct domain_names names_cpu_check;
extern const struct domain_names names_cpu_fallback;
extern const struct domain_names names_cpu_policy;
extern const struct domain_names names_clock_offset;
extern const struct domain_names names_clock_basis;
extern const struct domain_names names_track;
extern const struct domain_names names_timer;
extern const struct domain_names names_tick;

/* The value's spelling; NULL without. */
const char *names_get(const struct domain_names *names, unsigned value);
/* The value of a spelling; -1 for none of them. */
int names_find(const struct domain_names *names, const char *text);
