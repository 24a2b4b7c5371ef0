/* client.c - the client that drives the migration, and connections that can be cut.
 *
 * Client-managed: Begin, Prepare, Perform, Finish, Confirm, as the library does it: a Perform that
 * failed is followed by Finish cancelled and no Confirm; a Finish that failed, or whose answer was
 * lost, by Confirm cancelled. p2p: one call, Perform, and the source's daemon does the rest.
 */
#include "world.h"

enum host link_serves(enum link l)
{
    return l == TO_SOURCE ? SOURCE : DESTINATION;
}

void link_open(struct connection *c)
{
    *c = (struct connection){.near_end = 1, .far_end = 1, .stale = c->far_end | c->stale};
}

/* Whatever is on its way is lost; each end finds out later. */
void link_cut(struct connection *c)
{
    c->cut = 1;
    c->request = c->argument = c->reply = c->answers = 0;
}

/* A connection that is over is like any other. */
static void forget(struct connection *c)
{
    if (!c->near_end && !c->far_end)
        *c = (struct connection){.stale = c->stale};
}

/* By the caller. What it sent still arrives. */
void link_close(struct connection *c)
{
    c->near_end = 0;
    c->reply = c->answers = 0;
    forget(c);
}

void link_served(struct connection *c)
{
    c->far_end = c->waits = 0;
    forget(c);
}

static enum link link_of(enum client_step step)
{
    switch (step) {
    case CLIENT_PREPARE:
    case CLIENT_FINISH:
    case CLIENT_FINISH_CANCELLED:
        return TO_DESTINATION;
    case CLIENT_BEGIN:
    case CLIENT_PERFORM:
    case CLIENT_CONFIRM:
    case CLIENT_CONFIRM_CANCELLED:
    case CLIENT_DONE:
        return TO_SOURCE;
    }
    return TO_SOURCE;
}

static uint8_t begin(const struct world *w, const struct scenario *s)
{
    if (w->client.resumes)
        return BEGIN_RESUME;
    return (uint8_t)((s->postcopy ? BEGIN_POSTCOPY : 0) | (s->pause_before ? BEGIN_PAUSE_BEFORE : 0) |
                     (s->own_stop ? BEGIN_OWN_STOP : 0));
}

static uint8_t prepare(const struct world *w, const struct scenario *s)
{
    if (w->client.resumes)
        return BEGIN_RESUME;
    return (uint8_t)(host_prepare_flags(s) | (s->paused_before ? BEGIN_STAY_PAUSED : 0));
}

static struct core_event call_of(const struct world *w, const struct scenario *s)
{
    switch ((enum client_step)w->client.step) {
    case CLIENT_BEGIN:
        return (struct core_event){EV_BEGIN, begin(w, s), 0};
    case CLIENT_PREPARE:
        return (struct core_event){EV_PREPARE, prepare(w, s), 0};
    case CLIENT_PERFORM:
        return s->p2p ? (struct core_event){EV_PERFORM_P2P, begin(w, s), 0}
                      : (struct core_event){EV_PERFORM, s->stock ? PEER_STOCK : PEER_CHANNEL, 0};
    case CLIENT_FINISH:
        return (struct core_event){EV_FINISH, w->daemons[SOURCE].finish, 0};
    case CLIENT_FINISH_CANCELLED:
        return (struct core_event){EV_FINISH_CANCELLED, 0, 0};
    case CLIENT_CONFIRM:
        return (struct core_event){EV_CONFIRM, 0, 0};
    case CLIENT_CONFIRM_CANCELLED:
        return (struct core_event){EV_CONFIRM_CANCELLED, 0, 0};
    case CLIENT_DONE:
        break;
    }
    return (struct core_event){0};
}

static void end(struct world *w, const struct scenario *s)
{
    w->client.step = CLIENT_DONE;
    w->client.called = 0;
    link_close(&w->links[TO_SOURCE]);
    if (!s->p2p)
        link_close(&w->links[TO_DESTINATION]);
}

/* What the client does after a call that succeeded or failed. */
static void go_on(struct world *w, const struct scenario *s, bool ok)
{
    struct client_model *c = &w->client;
    c->called = 0;
    if (!ok)
        c->failed = 1;
    switch ((enum client_step)c->step) {
    case CLIENT_BEGIN:
        c->step = CLIENT_PREPARE;
        if (!ok)
            end(w, s);
        return;
    case CLIENT_PREPARE:
        c->step = ok ? CLIENT_PERFORM : CLIENT_CONFIRM_CANCELLED;
        return;
    case CLIENT_PERFORM:
        if (s->p2p)
            end(w, s);
        else
            c->step = ok ? CLIENT_FINISH : CLIENT_FINISH_CANCELLED;
        return;
    case CLIENT_FINISH:
        c->step = ok ? CLIENT_CONFIRM : CLIENT_CONFIRM_CANCELLED;
        return;
    case CLIENT_FINISH_CANCELLED:
    case CLIENT_CONFIRM:
    case CLIENT_CONFIRM_CANCELLED:
        end(w, s);
        return;
    case CLIENT_DONE:
        return;
    }
}

static bool call(struct world *w, const struct scenario *s)
{
    struct client_model *c = &w->client;
    if (c->called || c->step >= CLIENT_DONE)
        return false;
    struct connection *l = &w->links[link_of((enum client_step)c->step)];
    if (!l->near_end) { /* it knows already that nothing passes there */
        go_on(w, s, false);
        return true;
    }
    c->called = 1;
    if (!l->cut) {
        struct core_event e = call_of(w, s);
        l->request = (uint8_t)(1 + e.type);
        l->argument = e.arg;
    }
    return true;
}

/* That nothing passes any more the client notices when it waits for an answer. */
bool client_waits_on(const struct world *w, enum link l)
{
    return w->client.called && link_of((enum client_step)w->client.step) == l;
}

bool client_take_reply(struct world *w, const struct scenario *s, enum link l)
{
    struct connection *c = &w->links[l];
    if (!c->reply || !c->near_end)
        return false;
    bool ok = c->reply == 1 + RESULT_OK;
    c->reply = c->answers = 0;
    go_on(w, s, ok);
    return true;
}

bool client_notice(struct world *w, const struct scenario *s, enum link l)
{
    link_close(&w->links[l]);
    go_on(w, s, false);
    return true;
}

/* What it hears it could hear later only to the effect that its next call arrives later, or that the daemons notice
 * later that it has gone: both can be late by themselves. But where something can still be cut or die it makes a
 * difference whether that meets the answer or the call after it. */
static bool hear(struct world *w, const struct scenario *s)
{
    for (int l = TO_SOURCE; l <= (s->p2p ? TO_SOURCE : TO_DESTINATION); l++) {
        if (client_take_reply(w, s, (enum link)l))
            return true;
    }
    return false;
}

/* That nothing will come it could notice later, to the same effect: who waits there for nothing does nothing else. It may
 * die before it has noticed; that is as if it died with the call that it makes then not sent, which is a move of its own. */
static bool notice(struct world *w, const struct scenario *s)
{
    for (int l = TO_SOURCE; l <= (s->p2p ? TO_SOURCE : TO_DESTINATION); l++) {
        bool may_return = l == TO_SOURCE && !s->p2p && w->client.step == CLIENT_PERFORM;
        if (w->links[l].cut && w->links[l].near_end && client_waits_on(w, (enum link)l) && !may_return)
            return client_notice(w, s, (enum link)l);
    }
    return false;
}

/* After this call it goes, whatever it hears, or if it hears nothing; the daemons notice that when they do. */
static bool calls_last(const struct world *w, const struct scenario *s)
{
    return s->p2p || w->client.step >= CLIENT_FINISH_CANCELLED;
}

/* It calls at once: its call is then on its way for as long as it may take. What could have happened to the client or to
 * a connection before it called can happen while the answer before is on its way, or this call, and comes to the same. */
void client_go_on(struct world *w, const struct scenario *s)
{
    bool safe = !w->cuts && !w->crashes;
    while (call(w, s) || notice(w, s) || ((safe || calls_last(w, s)) && hear(w, s)))
        ;
}

/* The source's daemon was away, and is there again. */
bool client_return(struct world *w, const struct scenario *s)
{
    struct client_model *c = &w->client;
    struct connection *l = &w->links[TO_SOURCE];
    if (s->p2p || c->step != CLIENT_PERFORM || !c->called || !l->cut || !l->near_end || l->far_end ||
        !w->daemons[SOURCE].up)
        return false;
    link_open(l);
    c->called = 0;
    return true;
}

/* After the first client is through with it, another one. */
bool client_resume(struct world *w, const struct scenario *s)
{
    struct client_model *c = &w->client;
    if (c->step < CLIENT_DONE || !w->daemons[SOURCE].up || !w->daemons[DESTINATION].up)
        return false;
    *c = (struct client_model){.step = s->p2p ? CLIENT_PERFORM : CLIENT_BEGIN, .resumes = 1, .failed = c->failed};
    link_open(&w->links[TO_SOURCE]);
    if (!s->p2p)
        link_open(&w->links[TO_DESTINATION]);
    return true;
}

/* Its last call has gone out, or not. */
bool client_die(struct world *w, const struct scenario *s, bool unsent)
{
    struct connection *c = &w->links[link_of((enum client_step)w->client.step)];
    if (unsent && !(w->client.called && c->request))
        return false;
    if (unsent)
        c->request = c->argument = 0;
    w->client.step = CLIENT_DONE;
    w->client.called = 0;
    link_close(&w->links[TO_SOURCE]);
    if (!s->p2p)
        link_close(&w->links[TO_DESTINATION]);
    return true;
}
