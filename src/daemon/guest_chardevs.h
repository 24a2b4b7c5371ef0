/* guest_chardevs.h - what QEMU says of a guest's character devices: its ptys, who has a channel
 * open. */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include "daemon/guest.h"

struct qmp_event;

/* query-chardev's answer, of a QEMU that was just started. */
void guest_note_chardevs(struct guest *g, struct json_object *chardevs);
/* A QEMU ran while nobody listened: ask it who has a channel open now. */
void guest_ask_channels(struct guest *g);
/* VSERPORT_CHANGE: a guest opened or closed its end of a channel. */
void guest_note_vserport(struct guest *g, const struct qmp_event *e);
