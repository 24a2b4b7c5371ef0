#include "io/timer.h"
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * TIMER_SECOND + (uint64_t)t.tv_nsec / 1000;
}

uint64_t timer_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t timer_wall_clock(void)
{
    return read_clock(CLOCK_REALTIME);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct timer *t = userdata;
    (void)source;
    (void)usec;
    t->source = sd_event_source_disable_unref(t->source);
    t->fired(t->userdata);
    return 0;
}

int timer_arm(struct timer *t, sd_event *event, uint64_t usec, timer_fn *fired, void *userdata)
{
    uint64_t when;
    if (__builtin_add_overflow(timer_now(), usec, &when))
        when = UINT64_MAX - 1; /* UINT64_MAX itself would mean "never" */
    timer_cancel(t);
    t->fired = fired;
    t->userdata = userdata;
    return sd_event_add_time(event, &t->source, CLOCK_MONOTONIC, when, TIMER_MSEC, on_time, t);
}

void timer_cancel(struct timer *t)
{
    t->source = sd_event_source_disable_unref(t->source);
}

bool timer_is_armed(const struct timer *t)
{
    return t->source != NULL;
}
