/* command_internal.h - what the parts of the command line share; not for other folders.
 *
 * The parts append arguments to a builder. Running out of memory is remembered there and reported
 * once at the end, so only what a document can get wrong is an error on the way.
 */
#pragma once
#include "domain/command.h"
#include <json-c/json.h>

enum { COMMAND_ARGS_MAX = 16384 };

struct command_builder {
    const struct domain *domain;
    const struct command_options *options;
    struct arena arena;
    const char **argv; /* on the heap until the end, `room` entries */
    size_t argc;
    size_t room;
    bool no_memory;
    bool no_alias; /* a device without one: the domain is not prepared */
    struct fail *fail;
};

/* Texts given to these must live until command_build ends. */
void command_add(struct command_builder *b, const char *argument);
void command_add_pair(struct command_builder *b, const char *option, const char *value);
void command_addf(struct command_builder *b, const char *option, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes the object; NULL is a lack of memory. */
void command_add_json(struct command_builder *b, const char *option, struct json_object *json);
/* In the builder's arena, never NULL ("" when there is no memory left). */
const char *command_text(struct command_builder *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* For a value within "key=value,key=value": each comma is doubled. */
const char *command_escape(struct command_builder *b, const char *value);

/* One object under construction. Values that are NULL are left out by command_json_string. */
void command_json_string(struct json_object *json, const char *key, const char *value);
void command_json_int(struct json_object *json, const char *key, int64_t value);
void command_json_bool(struct json_object *json, const char *key, bool value);
/* {"driver": DRIVER, "id": the device's alias}, to which the address goes last. */
struct json_object *command_device_json(struct command_builder *b, const struct domain_device *dev,
                                        const char *driver);
/* "bus" and "addr" of a PCI device. -1: it has none, or its controller is not there. */
int command_add_pci_address(struct command_builder *b, struct json_object *json,
                            const struct domain_device *dev);

/* The parts, in the order of the command line. */
int command_add_machine(struct command_builder *b);
void command_add_cpu(struct command_builder *b);
void command_add_memory(struct command_builder *b);
void command_add_smp(struct command_builder *b);
int command_add_clock(struct command_builder *b);
void command_add_boot(struct command_builder *b);
void command_add_preempt_kind(struct command_builder *b);
int command_add_controllers(struct command_builder *b);
int command_add_disks(struct command_builder *b);
int command_add_interfaces(struct command_builder *b);
int command_add_chardevs(struct command_builder *b);
int command_add_balloon(struct command_builder *b);
int command_add_rngs(struct command_builder *b);

/* A part of command_prepare. */
int command_prepare_cpu(struct domain *d, const struct emulator *e, struct fail *f);

/* The position of a class of devices in <os><boot dev='...'/>, from 1; 0: not there. */
unsigned command_boot_position(const struct domain *d, enum domain_boot boot);

/* QEMU's name of a cpu feature that a document calls `name`. */
const char *command_cpu_feature(struct command_builder *b, const char *name);
