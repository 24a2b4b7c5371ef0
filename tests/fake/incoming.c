/* incoming.c - the destination's side of a migration.
 *
 *   WAITING -> LOADING -> DONE
 *                 '-----> POSTCOPY -> DONE
 *                          |    ^
 *                          v    |
 *                         BROKEN -> RECOVERING
 */
#include "fake.h"
#include <stdio.h>
#include <string.h>

static enum { NONE, WAITING, LOADING, POSTCOPY, BROKEN, RECOVERING, DONE } phase;
static bool runs_at_once; /* `cont` came before there was anything to continue */
static unsigned wanted = PAGES;

static const struct stream_ops operations;

struct json_object *incoming_query(void)
{
    struct json_object *o = json_object_new_object();
    bool unsaid = is_7_2 && phase == WAITING; /* 7.2 tells setup by its event only */
    if (phase != NONE && migration_status && !unsaid)
        json_object_object_add(o, "status", json_object_new_string(migration_status));
    return o;
}

bool incoming_is_paused(void)
{
    return phase == BROKEN;
}

void incoming_cont(void)
{
    runs_at_once = true;
}

static void begin_to_run(void)
{
    run_state = RUN_PAUSED;
    if (runs_at_once)
        guest_resume();
}

static void complete(void)
{
    phase = DONE;
    migration_say("completed");
    stream_send(MSG_SHUT, 0, 0);
    stream_close();
}

static void broken(const char *why)
{
    (void)why;
    if (phase == LOADING) {
        migration_say("failed");
        fprintf(stderr, "fake: load of migration failed: Input/output error\n");
        end(1);
    }
    if (phase == RECOVERING &&
        is_7_2) { /* its threads are not at rest yet, and it dies, and the guest with it */
        fprintf(stderr, "fake: broken while it recovered\n");
        abort();
    }
    if (phase == POSTCOPY || phase == RECOVERING) {
        phase = BROKEN;
        migration_say("postcopy-paused");
    }
}

/* ---- post-copy ------------------------------------------------------------------------------ */

void incoming_page_wanted(unsigned page)
{
    wanted = page;
    if (phase == POSTCOPY)
        stream_send(MSG_WANTED, page, 0);
}

static void take_page(const struct message *m)
{
    if (m->page >= PAGES)
        return;
    pages[m->page].tick = m->value;
    pages[m->page].here = true;
    if (wanted == m->page)
        wanted = PAGES;
    guest_page_came(m->page);
}

static void begin_postcopy(uint64_t value)
{
    ticks = value;
    phase = POSTCOPY;
    migration_say("postcopy-active");
    begin_to_run();
}

static void say_what_is_here(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        if (pages[i].here)
            stream_send(MSG_HAVE, i, 0);
    stream_send(MSG_HAVE_ALL, 0, 0);
}

static void go_on(void)
{
    phase = POSTCOPY;
    migration_say("postcopy-active");
    stream_send(MSG_GOING_ON, 0, 0);
    if (wanted < PAGES)
        stream_send(MSG_WANTED, wanted, 0);
}

static void take_message(const struct message *m)
{
    switch ((enum message_type)m->type) {
    case MSG_PAGE:
        take_page(m);
        return;
    case MSG_GONE:
        if (m->page < PAGES)
            pages[m->page].here = false;
        return;
    case MSG_STATE:
        ticks = m->value;
        begin_to_run();
        complete();
        return;
    case MSG_PACKAGE:
        begin_postcopy(m->value);
        return;
    case MSG_END:
        complete();
        return;
    case MSG_AGAIN:
        say_what_is_here();
        return;
    case MSG_GO_ON:
        go_on();
        return;
    case MSG_HELLO:
    case MSG_WANTED:
    case MSG_HAVE:
    case MSG_HAVE_ALL:
    case MSG_GOING_ON:
    case MSG_SHUT:
    case MSG_COUNT:
        return;
    }
}

static const struct stream_ops operations = {.message = take_message, .broken = broken};

/* ---- orders --------------------------------------------------------------------------------- */

static void connection_came(void)
{
    if (phase == WAITING) {
        phase = LOADING;
        migration_say("active");
    } else if (phase == BROKEN) {
        phase = RECOVERING;
        migration_say("postcopy-recover");
    }
}

static int listen_at(struct json_object *arguments, char error[256])
{
    struct json_object *value;
    if (!json_object_object_get_ex(arguments, "uri", &value)) {
        snprintf(error, 256, "Parameter 'uri' is missing");
        return -1;
    }
    return stream_listen(json_object_get_string(value), &operations, connection_came, error);
}

struct json_object *migrate_incoming(struct json_object *arguments, char error[256])
{
    if (run_state != RUN_INMIGRATE || phase != NONE) {
        snprintf(error, 256, "The incoming migration has already been started");
        return NULL;
    }
    if (listen_at(arguments, error) < 0)
        return NULL;
    phase = WAITING;
    migration_say("setup");
    return json_object_new_object();
}

struct json_object *migrate_recover(struct json_object *arguments, char error[256])
{
    if (phase != BROKEN) {
        snprintf(error, 256, "Migrate recover can only be run when postcopy is paused.");
        return NULL;
    }
    if (listen_at(arguments, error) < 0)
        return NULL;
    if (is_7_2) { /* an event only: query-migrate goes on to say postcopy-paused */
        migration_say("setup");
        migration_status = "postcopy-paused";
    }
    return json_object_new_object();
}

bool incoming_pause(void)
{
    if (phase != POSTCOPY && (phase != RECOVERING || is_7_2))
        return false;
    stream_cut();
    return true;
}
