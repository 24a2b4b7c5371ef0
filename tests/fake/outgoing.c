/* outgoing.c - the source's side of a migration, in the orders of QEMU 7.2 and of 10.0.
 *
 *   SETUP -> PASSES -> [PAUSING] -> DEVICE -> OVER
 *                            '----> POSTCOPY -> LAST_PAGE_SENT -> OVER
 *                                    |    ^
 *                                    v    '--------------.
 *                       BREAKING -> BROKEN -> RECOVERING -> AGAIN
 *
 * Each is left as QEMU leaves it when the stream ends in it: see stream_broken().
 */
#include "fake.h"
#include <stdio.h>
#include <string.h>

enum { CONVERGED_MS = 300, NOTICE_MS = 80 /* the destination notices at once */ };

static enum phase {
    NONE,
    SETUP,
    PASSES,
    PAUSING, /* pre-switchover: migrate-continue is awaited */
    DEVICE,  /* pre-copy: all is sent, the destination has not said that it has it */
    POSTCOPY,
    LAST_PAGE_SENT, /* post-copy: nothing is left but the destination's word */
    BREAKING,       /* the stream is gone, QEMU has not noticed */
    BROKEN,
    RECOVERING, /* the connection is being made */
    AGAIN,      /* the destination says what it has */
    CANCELLING,
    OVER,
} phase;

static bool stopped_by_us; /* the guest ran until the switchover */
static bool postcopy_asked, postcopy;
static unsigned pass, cursor;
static uint64_t owed; /* bytes that may be sent now */
static uint64_t started, setup_done, stopped_at, ended, sent_bytes, requests;
static char uri[256];

static const struct stream_ops operations;

/* ---- figures -------------------------------------------------------------------------------- */

static unsigned count_dirty(void)
{
    unsigned dirty = 0;
    for (unsigned i = 0; i < PAGES; i++)
        dirty += pages[i].dirty;
    return dirty;
}

static void add(struct json_object *o, const char *key, uint64_t value)
{
    json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *ram(void)
{
    struct json_object *o = json_object_new_object();
    add(o, "total", (uint64_t)PAGES * PAGE_BYTES);
    add(o, "remaining", (uint64_t)count_dirty() * PAGE_BYTES);
    add(o, "transferred", sent_bytes);
    add(o, "normal", sent_bytes / PAGE_BYTES);
    add(o, "normal-bytes", sent_bytes);
    add(o, "duplicate", 0);
    add(o, "page-size", 4096);
    add(o, "dirty-sync-count", pass);
    add(o, "dirty-pages-rate", 0);
    add(o, "postcopy-requests", requests);
    json_object_object_add(o, "mbps", json_object_new_double(100));
    return o;
}

struct json_object *outgoing_query(void)
{
    if (phase == NONE)
        return NULL;
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "status", json_object_new_string(migration_status));
    if (migration_error[0])
        json_object_object_add(o, "error-desc", json_object_new_string(migration_error));
    if (strcmp(migration_status, "failed") == 0 || strcmp(migration_status, "cancelled") == 0)
        return o; /* as QEMU: only the error is left */
    uint64_t end_time = ended ? ended : now_ms();
    add(o, "total-time", end_time - started);
    add(o, "setup-time", setup_done ? setup_done - started : 0);
    if (ended)
        add(o, "downtime", stopped_at ? ended - stopped_at : 0);
    else
        add(o, "expected-downtime", 300);
    json_object_object_add(o, "ram", ram());
    return o;
}

/* ---- its ends ------------------------------------------------------------------------------- */

static void go_back(void)
{
    if (run_state != RUN_FINISH_MIGRATE)
        return;
    if (stopped_by_us)
        guest_resume();
    else
        run_state = RUN_PAUSED;
}

static void fail(const char *why)
{
    snprintf(migration_error, sizeof(migration_error), "%s", why);
    phase = OVER;
    stream_close();
    migration_say("failed");
    go_back();
}

static void complete(void)
{
    phase = OVER;
    ended = now_ms();
    stream_close();
    run_state = RUN_POSTMIGRATE;
    migration_say("completed");
}

static void pause_migration(void)
{
    if (phase != BREAKING)
        return;
    phase = BROKEN;
    migration_say("postcopy-paused");
}

static void stream_broken(const char *why)
{
    switch (phase) {
    case SETUP:
    case PASSES:
    case DEVICE:
        fail(why);
        return;
    case LAST_PAGE_SENT:
        if (!is_7_2) /* the trap: it restarts the guest. 7.2 waits for ever */
            fail(why);
        return;
    case POSTCOPY:
        if (!migration_error[0])
            snprintf(migration_error, sizeof(migration_error), "%s", is_7_2 ? "" : why);
        phase = BREAKING;
        timer_set(pause_migration, NOTICE_MS);
        return;
    case AGAIN:
        if (is_7_2) /* it waits for the destination's word for ever, and can't be resumed any more
                     */
            return;
        if (!migration_error[0])
            snprintf(migration_error, sizeof(migration_error), "%s", why);
        phase = BROKEN;
        migration_say("postcopy-paused");
        return;
    case PAUSING: /* it looks when it goes on */
    case NONE:
    case BREAKING:
    case BROKEN:
    case RECOVERING:
    case CANCELLING:
    case OVER:
        return;
    }
}

/* ---- post-copy ------------------------------------------------------------------------------ */

static void send_page(unsigned page)
{
    pages[page].dirty = false;
    sent_bytes += PAGE_BYTES;
    stream_send(MSG_PAGE, page, pages[page].tick);
}

/* A millisecond's worth of pages; true when none is left. */
static bool send_some(uint64_t bandwidth)
{
    uint64_t per_ms =
        bandwidth && bandwidth < UINT64_C(1) << 40 ? bandwidth / 1000 : 64 * PAGE_BYTES;
    for (owed += per_ms; owed >= PAGE_BYTES && cursor < PAGES && stream_has_room(); cursor++)
        if (pages[cursor].dirty) {
            owed -= PAGE_BYTES;
            send_page(cursor);
        }
    return cursor == PAGES;
}

static void push_pages(void)
{
    if (phase != POSTCOPY)
        return;
    if (!send_some(parameter("max-postcopy-bandwidth", 0))) {
        timer_set(push_pages, 1);
        return;
    }
    phase = LAST_PAGE_SENT;
    stream_send(MSG_END, 0, 0);
}

static void begin_pushing(void)
{
    phase = POSTCOPY;
    cursor = 0;
    owed = 0;
    timer_set(push_pages, 1);
}

/* ---- the switchover ------------------------------------------------------------------------- */

static void say_pass(void)
{
    struct json_object *data = json_object_new_object();
    pass++;
    if (!capability("events")) {
        json_object_put(data);
        return;
    }
    json_object_object_add(data, "pass", json_object_new_int64(pass));
    monitor_event("MIGRATION_PASS", data);
}

static void hand_over_postcopy(void)
{
    say_pass();
    if (!is_7_2 || capability("pause-before-switchover"))
        migration_say("postcopy-active");
    phase = POSTCOPY;
    for (unsigned i = 0; i < PAGES; i++)
        if (pages[i].dirty)
            stream_send(MSG_GONE, i, 0);
    stream_send(MSG_PACKAGE, 0, ticks);
    begin_pushing();
}

static void hand_over_precopy(void)
{
    say_pass();
    for (unsigned i = 0; i < PAGES; i++)
        if (pages[i].dirty)
            send_page(i);
    phase = DEVICE;
    stream_send(MSG_STATE, 0, ticks);
}

static void hand_over(void)
{
    if (phase == CANCELLING)
        return;
    if (!is_7_2 || (capability("pause-before-switchover") && !postcopy))
        migration_say("device");
    if (!stream_is_open())
        fail("Channel error: Input/output error");
    else if (postcopy)
        hand_over_postcopy();
    else
        hand_over_precopy();
}

static void say_pausing(void)
{
    if (phase == PAUSING)
        migration_say("pre-switchover");
}

static void switch_over(void)
{
    bool pauses = capability("pause-before-switchover");
    postcopy = postcopy_asked;
    if (postcopy && is_7_2 && !pauses)
        migration_say("postcopy-active");
    stopped_by_us = guest_runs();
    stopped_at = now_ms();
    phase = pauses ? PAUSING : DEVICE;
    guest_stop(RUN_FINISH_MIGRATE);
    if (pauses)
        timer_set(say_pausing, 1);
    else
        hand_over();
}

struct json_object *migrate_continue(struct json_object *arguments, char error[256])
{
    (void)arguments;
    if (phase != PAUSING) {
        snprintf(error, 256, "Migration not in expected state: %s",
                 migration_status ? migration_status : "none");
        return NULL;
    }
    phase = DEVICE;
    timer_set(hand_over, 0);
    return json_object_new_object();
}

/* ---- pre-copy ------------------------------------------------------------------------------- */

static bool converged(void)
{
    uint64_t bandwidth = parameter("max-bandwidth", 0);
    if (bandwidth == 0 || bandwidth >= UINT64_C(1) << 40)
        return true;
    return (uint64_t)count_dirty() * PAGE_BYTES * 1000 / bandwidth < CONVERGED_MS;
}

static void run_pass(void)
{
    if (phase != PASSES)
        return;
    if (postcopy_asked) {
        switch_over();
        return;
    }
    if (send_some(parameter("max-bandwidth", 0))) {
        cursor = 0;
        say_pass();
        if (converged()) {
            switch_over();
            return;
        }
    }
    timer_set(run_pass, 1);
}

static void become_active(void)
{
    if (phase != SETUP)
        return;
    phase = PASSES;
    setup_done = now_ms();
    say_pass();
    migration_say("active");
    timer_set(run_pass, 1);
}

static void connect_now(void)
{
    char error[256] = "";
    if (phase != SETUP)
        return;
    if (stream_connect(uri, &operations, error) < 0) {
        fail(error);
        return;
    }
    stream_send(MSG_HELLO, 0, capability("postcopy-ram"));
    timer_set(become_active, 1);
}

/* ---- recovery ------------------------------------------------------------------------------- */

static void connect_again(void)
{
    char error[256] = "";
    if (phase != RECOVERING)
        return;
    if (stream_connect(uri, &operations, error) < 0) {
        phase = BROKEN;
        if (is_7_2) /* it has said nothing, and says nothing */
            return;
        snprintf(migration_error, sizeof(migration_error), "%s", error);
        migration_say("postcopy-paused");
        return;
    }
    phase = AGAIN;
    migration_say("postcopy-recover");
    for (unsigned i = 0; i < PAGES; i++)
        pages[i].dirty = true;
    stream_send(MSG_AGAIN, 0, 0);
}

static struct json_object *resume_migration(char error[256])
{
    if (phase != BROKEN) {
        snprintf(error, 256, "Cannot resume if there is no paused migration");
        return NULL;
    }
    phase = RECOVERING;
    migration_error[0] = '\0';
    if (!is_7_2)
        migration_say("postcopy-recover-setup");
    timer_set(connect_again, 0);
    return json_object_new_object();
}

static void go_on(void)
{
    migration_say("postcopy-active");
    begin_pushing();
}

/* ---- what the destination says -------------------------------------------------------------- */

static void take_message(const struct message *m)
{
    if (m->type == MSG_WANTED && phase == POSTCOPY && m->page < PAGES) {
        requests++;
        if (pages[m->page].dirty && stream_has_room())
            send_page(m->page);
    } else if (m->type == MSG_HAVE && phase == AGAIN && m->page < PAGES) {
        pages[m->page].dirty = false;
    } else if (m->type == MSG_HAVE_ALL && phase == AGAIN) {
        stream_send(MSG_GO_ON, 0, 0);
    } else if (m->type == MSG_GOING_ON && phase == AGAIN) {
        go_on();
    } else if (m->type == MSG_SHUT && (phase == DEVICE || phase == LAST_PAGE_SENT)) {
        if (m->value == 0)
            complete();
        else
            fail("Sibling indicated error 1");
    }
}

static const struct stream_ops operations = {.message = take_message, .broken = stream_broken};

/* ---- orders --------------------------------------------------------------------------------- */

struct json_object *migrate(struct json_object *arguments, char error[256])
{
    struct json_object *value;
    bool resume =
        json_object_object_get_ex(arguments, "resume", &value) && json_object_get_boolean(value);
    if (json_object_object_get_ex(arguments, "uri", &value))
        snprintf(uri, sizeof(uri), "%s", json_object_get_string(value));
    if (resume)
        return resume_migration(error);
    if ((phase != NONE && phase != OVER) || run_state == RUN_INMIGRATE) {
        snprintf(error, 256, "There's a migration process in progress");
        return NULL;
    }
    if (!is_7_2 && run_state == RUN_POSTMIGRATE) {
        snprintf(error, 256, "Can't migrate the vm that was already migrated");
        return NULL;
    }
    phase = SETUP;
    migration_error[0] = '\0';
    postcopy_asked = postcopy = stopped_by_us = false;
    pass = cursor = 0;
    owed = setup_done = stopped_at = ended = sent_bytes = requests = 0;
    started = now_ms();
    for (unsigned i = 0; i < PAGES; i++)
        pages[i].dirty = true;
    migration_say("setup");
    timer_set(connect_now, 0);
    return json_object_new_object();
}

struct json_object *migrate_start_postcopy(struct json_object *arguments, char error[256])
{
    (void)arguments;
    if (!capability("postcopy-ram")) {
        snprintf(error, 256,
                 "Enable postcopy with migrate_set_capability before the start of migration");
        return NULL;
    }
    if (phase == NONE) {
        snprintf(error, 256, "Postcopy must be started after migration has been started");
        return NULL;
    }
    postcopy_asked = true;
    return json_object_new_object();
}

static void cancelled(void)
{
    phase = OVER;
    stream_close();
    if (is_7_2 && postcopy && run_state == RUN_FINISH_MIGRATE)
        run_state = RUN_POSTMIGRATE; /* the trap: nobody restarts it */
    else
        go_back();
    migration_say("cancelled");
}

struct json_object *migrate_cancel(struct json_object *arguments, char error[256])
{
    bool after = phase == POSTCOPY || phase == LAST_PAGE_SENT || phase == BREAKING ||
                 phase == BROKEN || phase == RECOVERING || phase == AGAIN;
    (void)arguments;
    if (phase == NONE || phase == OVER || phase == CANCELLING)
        return json_object_new_object();
    if (after && !is_7_2) {
        snprintf(error, 256, "Postcopy migration in progress, cannot cancel.");
        return NULL;
    }
    bool for_ever = phase == BREAKING || phase == BROKEN || phase == AGAIN;
    phase = CANCELLING;
    migration_say("cancelling");
    if (!for_ever)
        timer_set(cancelled, 1);
    return json_object_new_object();
}

bool outgoing_pause(void)
{
    bool recovering = phase == AGAIN && !is_7_2;
    if (phase != POSTCOPY && phase != LAST_PAGE_SENT && phase != BREAKING && !recovering)
        return false;
    if (!is_7_2)
        snprintf(migration_error, sizeof(migration_error),
                 "Postcopy migration is paused by the user");
    stream_cut();
    return true;
}
