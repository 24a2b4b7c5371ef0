#include "io/loop.h"
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "util/log.h"

static const int SIGNALS[] = {SIGTERM, SIGINT, SIGHUP};
enum { SIGNAL_COUNT = sizeof(SIGNALS) / sizeof(SIGNALS[0]) };

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct loop *l = userdata;
    (void)source;
    l->on_signal((int)info->ssi_signo, l->userdata);
    return 0;
}

/* sd-event takes only signals that are blocked. Threads inherit the mask, so that none of them ends
 * the process. */
static int take_signals(struct loop *l)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(&set, SIGNALS[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        int r = sd_event_add_signal(l->event, NULL, SIGNALS[i], on_signal, l);
        if (r < 0)
            return r;
    }
    return 0;
}

int loop_init(struct loop *l, loop_signal_fn *signal_fn, void *userdata, struct fail *f)
{
    *l = (struct loop){.on_signal = signal_fn, .userdata = userdata};
    signal(SIGPIPE, SIG_IGN);
    int r = sd_event_new(&l->event);
    if (r >= 0 && signal_fn)
        r = take_signals(l);
    if (r >= 0)
        r = sd_event_set_watchdog(l->event, true);
    if (r >= 0)
        return 0;
    loop_free(l);
    return fail_set(f, VIR_ERR_SYSTEM_ERROR, "make the event loop: %s", strerror(-r));
}

void loop_free(struct loop *l)
{
    l->event = sd_event_unref(l->event);
}

int loop_run(struct loop *l, struct fail *f)
{
    int r = sd_event_loop(l->event);
    if (r < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "run the event loop: %s", strerror(-r));
    return r;
}

void loop_exit(sd_event *event, int code)
{
    (void)sd_event_exit(event, code); /* fails only where the loop has ended already */
}

static void notify(const char *state)
{
    int r = sd_notify(0, state);
    if (r < 0)
        log_warning("tell systemd %s: %s", state, strerror(-r));
}

void loop_notify_ready(void)
{
    notify("READY=1");
}

void loop_notify_stopping(void)
{
    notify("STOPPING=1");
}

static int on_later(sd_event_source *source, void *userdata)
{
    struct loop_later *later = userdata;
    (void)source;
    later->source = sd_event_source_disable_unref(later->source);
    later->run(later->userdata);
    return 0;
}

int loop_later_schedule(struct loop_later *later, sd_event *event, loop_later_fn *run,
                        void *userdata)
{
    if (later->source)
        return 0;
    later->run = run;
    later->userdata = userdata;
    return sd_event_add_defer(event, &later->source, on_later, later);
}

void loop_later_cancel(struct loop_later *later)
{
    later->source = sd_event_source_disable_unref(later->source);
}
