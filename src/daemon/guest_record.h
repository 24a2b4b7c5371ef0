/* guest_record.h - a guest's state as a journal record, and back. Pure.
 *
 * Every value has a tag of its own; tags are never reused. A record of a later version is refused:
 * then no automatic action is taken for that guest.
 */
#pragma once
#include "daemon/guest.h"
#include "journal/record.h"

enum { GUEST_RECORD_STATE = 1 /* the journal's record type */, GUEST_RECORD_VERSION = 1 };

/* When a record was written: the accounts' times are of that boot's clock. */
struct guest_moment {
    struct uuid boot;
    uint64_t clock; /* guest_clock(); 0: not known (records before there was this) */
};

int guest_record_write(const struct guest *g, const struct guest_moment *now, struct buffer *out);
/* Fills core, accounts, completed, id, identity and limits; what is not in the record stays as it is.
 * -1: not a record that we understand: a number that means nothing here is no state. */
int guest_record_read(struct guest *g, const uint8_t *payload, size_t size,
                      struct guest_moment *ret_moment, struct fail *f);
/* The host was booted since: what is still being counted goes on at `now`, without the time between. The clock
 * began with the boot, so what was longer ago counts as from there. */
void guest_record_move_times(struct accounts *a, uint64_t from, uint64_t now);
