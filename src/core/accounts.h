/* accounts.h - the times of one migration, on this host's clock only.
 *
 * All times are microseconds of CLOCK_BOOTTIME, which outlives the daemon but not the host: an
 * account kept in the journal goes on after a restart. The two hosts never compare clocks: what one
 * needs of the other's travels as a duration in the cookie.
 *
 * The downtime on the source: from STOP to the moment when Confirm (p2p: Finish's answer) came in,
 * less the destination's time from RESUME to Finish answered. It includes the messages' travel, so
 * it is an upper bound of the guest's blackout. On the destination: the source's time from STOP to
 * Perform answered, and from Finish received to RESUME; without the travel between the two.
 * QEMU's own figure ends when the source has sent its state and leaves the destination's part out.
 */
#pragma once
#include "core/core.h"

struct accounts {
    uint8_t outgoing;
    uint8_t postcopied;
    uint8_t ended;
    uint8_t result;         /* enum core_result, once ended */
    uint64_t began;         /* Begin; on the destination Prepare */
    uint64_t stopped;       /* the vCPUs stopped; 0 = not */
    uint64_t performed;     /* source: Perform answered, or p2p: Finish sent */
    uint64_t finish;        /* destination: Finish came in */
    uint64_t resumed;       /* destination: the vCPUs run */
    uint64_t over;          /* the end */
    uint64_t peer_part;     /* the other host's duration that the downtime needs */
    uint8_t peer_part_known;
};

void accounts_begin(struct accounts *a, bool outgoing, uint64_t now);
/* What happened, before the machine takes it. */
void accounts_event(struct accounts *a, enum core_event_type type, uint64_t now);
/* What the machine ordered. */
void accounts_action(struct accounts *a, const struct core_action *action, uint64_t now);
/* The other host's duration, from its cookie. */
void accounts_peer_part(struct accounts *a, uint64_t microseconds);

uint64_t accounts_elapsed(const struct accounts *a, uint64_t now);
/* False if there was none, or it can't be known: the guest was not running, or not stopped yet. */
bool accounts_downtime(const struct accounts *a, uint64_t *ret_microseconds);
/* This host's part for the other's downtime, as of now; 0 if there is none. */
uint64_t accounts_own_part(const struct accounts *a, uint64_t now);
