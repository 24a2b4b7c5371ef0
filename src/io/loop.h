/* loop.h - the one event loop of the program: sd-event, with the few settings that we want.
 *
 * Everything of the daemon happens in a callback of this loop, one after another, on one thread.
 * No callback may block: what does goes to io/worker.h. sd_event and its sources are used openly.
 */
#pragma once
#include <systemd/sd-event.h>
#include "util/fail.h"

/* SIGTERM, SIGINT or SIGHUP came; called from the loop, not from a signal handler. */
typedef void loop_signal_fn(int signal, void *userdata);

struct loop {
    sd_event *event;
    loop_signal_fn *on_signal;
    void *userdata;
};

/* Makes the loop, ignores SIGPIPE and feeds systemd's watchdog where one is asked for. With
 * `on_signal`, SIGTERM, SIGINT and SIGHUP are blocked and arrive there: call it before any thread
 * is started. `l` must stay where it is until loop_free. */
int loop_init(struct loop *l, loop_signal_fn *on_signal, void *userdata, struct fail *f);
void loop_free(struct loop *l);

/* Runs until loop_exit; gives its exit code, or -1 with `f` when the loop itself broke. */
int loop_run(struct loop *l, struct fail *f);
/* `code` is 0..255. The callback that calls it is finished, then loop_run returns. */
void loop_exit(sd_event *event, int code);

/* Tell systemd, where it started us with Type=notify. */
void loop_notify_ready(void);
void loop_notify_stopping(void);

/* Work for the next turn of the loop: what can't be done inside the present callback. Embed it,
 * zeroed. Scheduling twice before it ran runs it once. It may free itself when it runs. */
typedef void loop_later_fn(void *userdata);
struct loop_later {
    sd_event_source *source;
    loop_later_fn *run;
    void *userdata;
};
/* 0, or negative errno (no memory). */
int loop_later_schedule(struct loop_later *later, sd_event *event, loop_later_fn *run,
                        void *userdata);
void loop_later_cancel(struct loop_later *later);
