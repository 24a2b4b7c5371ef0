/* timer.h - one deadline, armed and cancelled.
 *
 * Times are microseconds of CLOCK_MONOTONIC: the same clock in every process of this boot, so a
 * time that was written down is still good after a restart of the daemon (not of the host), and it
 * stands still while the host is suspended, so that a suspend lets no deadline pass.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define TIMER_SECOND UINT64_C(1000000)
#define TIMER_MSEC   UINT64_C(1000)

typedef void timer_fn(void *userdata);

/* Embed it, zeroed. */
struct timer {
    sd_event_source *source;
    timer_fn *fired;
    void *userdata;
};

/* The time now, read fresh (sd_event_now gives the time at which the loop woke up). */
uint64_t timer_now(void);
/* The wall clock, microseconds since 1970: for what people read, never for measuring. */
uint64_t timer_wall_clock(void);
/* Fire once, `usec` from now; an armed timer is moved. 0, or negative errno (no memory). */
int timer_arm(struct timer *t, sd_event *event, uint64_t usec, timer_fn *fired, void *userdata);
/* After it the timer does not fire, and `t` may be freed. Harmless on an unarmed timer. */
void timer_cancel(struct timer *t);
bool timer_is_armed(const struct timer *t);
