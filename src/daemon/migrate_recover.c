/* migrate_recover.c - resuming a broken post-copy: what the machine orders QEMU on either end.
 *
 * The destination's QEMU is made to listen again (migrate-recover), the source's is given a stream
 * to it (migrate with resume). That stream is connected here, address by address, and handed to
 * QEMU as a descriptor, because
 *
 * - a QEMU before 9.1 that can't connect says nothing: it stays in postcopy-paused;
 * - nothing ends a QEMU's attempt to connect, over minutes on a dead network, and when it ends
 * after another one succeeded, QEMU 7.2 aborts;
 * - QEMU 7.2's destination dies of a stream that ends before the resuming is done (measured:
 * SIGSEGV), so it gets one only when it is certain that there will be one.
 *
 * Between the connection and the two orders that go with it nothing is waited for. A daemon that is
 * killed between the two leaves a QEMU that has its stream: the next one orders the second first. With
 * postcopy-preempt, which is for QEMU 8 and later, QEMU has to connect by itself, twice; then the
 * addresses are given to it one in each attempt, first that of the network over which the daemons
 * have just talked.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "core/quirks.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "domain/emulator.h"
#include "io/connect.h"
#include "util/log.h"

#define LATER_FIRST     (250 * TIMER_MSEC)
#define LATER_MAX       (500 * TIMER_MSEC)
#define CONNECT_FIRST   (1 * TIMER_SECOND) /* where the daemons have just talked to each other */
#define CONNECT_BY_HAND (5 * TIMER_SECOND)
#define SILENCE         (10 * TIMER_SECOND)
#define NOTICE          (200 * TIMER_MSEC)
#define OWN_PORT_PAUSE  (50 * TIMER_MSEC)
enum { OWN_PORT_TRIES = 40 };

#define STREAM_NAME "baton-resume"

void migrate_drop_attempt(struct migration *m)
{
    connect_cancel(m->recovery.connector);
    m->recovery.connector = NULL;
}

void migrate_recovery_drop(struct migration *m)
{
    migrate_drop_attempt(m);
    timer_cancel(&m->recovery.silence);
    timer_cancel(&m->recovery.notice);
    timer_cancel(&m->recovery.later);
    peer_drop_waiting(m);
}

/* QEMU's no, in its words. */
static void note(struct guest *g, const struct monitor_reply *reply, const char *command)
{
    if (reply->outcome == MONITOR_TIMEOUT)
        guest_note_silence(g, command);
    else
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "QEMU refused %s: %s", command,
                 reply->error);
}

/* ---- either end: the stream is broken, says whoever asks for this --------------------------- */

static void paused(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (reply->outcome == MONITOR_RETURN || reply->outcome == MONITOR_CLOSED)
        return;
    note(g, reply, "migrate-pause");
    guest_event(g, EV_PAUSE_REFUSED, 0, 0);
}

static void order_pause(struct guest *g)
{
    if (!guest_command_oob(g, "migrate-pause", NULL, paused, g))
        guest_event(g, EV_PAUSE_REFUSED, 0, 0);
}

static void pause_now(void *userdata)
{
    struct guest *g = userdata;
    if (!g->core.in.broken) /* or else it has noticed by itself */
        order_pause(g);
}

/* It is awake. */
static void awake(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (reply->outcome == MONITOR_CLOSED || !g->migration || g->core.in.broken)
        return;
    if (reply->outcome == MONITOR_TIMEOUT)
        paused(reply, g);
    else if (timer_arm(&g->migration->recovery.notice, daemon_event(g->daemon), NOTICE, pause_now, g) < 0)
        order_pause(g);
}

/* QEMU 10 dies at the destination of a pause that comes as it notices the end of its stream, as when it wakes up to both
 * after a while in which its host did not run it: so one that answers has a moment to notice first. */
void migrate_pause_stream(struct guest *g)
{
    migrate_ordered(g);
    if (g->migration->outgoing || !guest_command_oob(g, "query-yank", NULL, awake, g))
        order_pause(g);
}

/* ---- the destination ------------------------------------------------------------------------ */

static void listening(const struct monitor_reply *reply, void *userdata);

static bool listen_again(struct guest *g)
{
    char listen[MIGRATE_URI_MAX];
    if (migrate_choose_recovery(g->daemon, g->migration, listen, &g->trouble) < 0)
        return false;
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "uri", json_object_new_string(listen));
    return guest_command_oob(g, "migrate-recover", arguments, listening, g);
}

static void listen_now(void *userdata)
{
    struct guest *g = userdata;
    if (!listen_again(g))
        guest_event(g, EV_LISTEN_FAILED, 0, 0);
}

/* Another program took the port after we had looked: the range may have more. Else it may be QEMU's own, from
 * before: it lets go of it because of this very order, but a moment later. */
static bool try_again(struct guest *g, const struct monitor_reply *reply)
{
    struct recovery *r = &g->migration->recovery;
    if (reply->outcome != MONITOR_ERROR || !strstr(reply->error, "in use"))
        return false;
    return r->laters++ < OWN_PORT_TRIES &&
           timer_arm(&r->later, daemon_event(g->daemon), OWN_PORT_PAUSE, listen_now, g) == 0;
}

static void listening(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (reply->outcome == MONITOR_CLOSED || !g->migration)
        return;
    if (reply->outcome == MONITOR_RETURN) {
        guest_event(g, EV_LISTENING, 0, 0);
        return;
    }
    note(g, reply, "migrate-recover");
    if (!try_again(g, reply))
        guest_event(g, EV_LISTEN_FAILED, 0, 0);
}

void migrate_recover_listen(struct guest *g)
{
    g->migration->recovery.laters = 0;
    timer_cancel(&g->migration->recovery.notice);
    listen_now(g);
}

/* ---- the source: where to ------------------------------------------------------------------- */

bool migrate_take_uris(struct migration *m, const char *const *uris, unsigned count)
{
    struct recovery *r = &m->recovery;
    struct fail f;
    r->uris.count = 0;
    for (unsigned i = 0; i < count && r->uris.count < STREAM_URIS_MAX; i++) {
        if (migrate_uri_for_qemu(uris[i], r->uris.items[r->uris.count], MIGRATE_URI_MAX, &f) == 0)
            r->uris.count++;
        else
            log_warning("the destination's offer: %s", f.text);
    }
    return r->uris.count > 0;
}

/* The daemons talk to each other over that host's network now. */
void migrate_prefer_host(struct migration *m, const char *host)
{
    struct stream_uris *u = &m->recovery.uris;
    char first[MIGRATE_URI_MAX];
    struct migrate_uri uri;
    for (unsigned i = 1; i < u->count; i++) {
        if (migrate_uri_parse(u->items[i], &uri, NULL) < 0 || uri.is_unix ||
            strcmp(uri.host, host) != 0)
            continue;
        memcpy(first, u->items[i], sizeof(first));
        memmove(u->items[1], u->items[0], i * sizeof(u->items[0]));
        memcpy(u->items[0], first, sizeof(first));
        return;
    }
}

/* ---- the source: QEMU's answer -------------------------------------------------------------- */

static void look(void *userdata);

static void watch_silence(struct guest *g)
{
    (void)timer_arm(&g->migration->recovery.silence, daemon_event(g->daemon), SILENCE, look, g);
}

/* Whatever has become of its attempt is not told as an event by each QEMU. */
static void look(void *userdata)
{
    struct guest *g = userdata;
    if (g->core.out.state != OUT_RECOVERING)
        return;
    watch_silence(g);
    migrate_ask(g);
}

/* What QEMU was given and did not take it keeps, and the destination's QEMU waits at the other end: one that does not
 * die of its end (and is of the same kind, as a rule) waits for the next one then. */
static void take_stream_back(struct guest *g)
{
    if (g->migration->preempt || !g->emulator || quirk_applies(QUIRK_RESUME_DIES_OF_STREAM, g->emulator->version))
        return;
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "fdname", json_object_new_string(STREAM_NAME));
    (void)guest_command(g, "closefd", arguments, NULL);
}

static void answered(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (reply->outcome == MONITOR_CLOSED || !g->migration)
        return;
    if (reply->outcome == MONITOR_RETURN) {
        watch_silence(g);
        guest_event(g, EV_RECOVER_ACCEPTED, 0, 0);
        return;
    }
    note(g, reply, "to resume the migration");
    if (reply->outcome == MONITOR_ERROR)
        take_stream_back(g);
    if (reply->outcome == MONITOR_TIMEOUT) /* it may have been carried out */
        guest_distrust_monitor(g);
    else
        guest_event(g, EV_RECOVER_REFUSED, 0, 0);
}

static bool order_resume(struct guest *g, const char *uri)
{
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "uri", json_object_new_string(uri));
    json_object_object_add(arguments, "resume", json_object_new_boolean(true));
    return guest_command(g, "migrate", arguments, answered);
}

/* ---- the source: with a stream of ours ------------------------------------------------------ */

/* If QEMU refuses the first of the two, the second says so. */
static bool hand_over(struct guest *g, int fd)
{
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "fdname", json_object_new_string(STREAM_NAME));
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK); /* as one that QEMU had connected itself */
    return guest_command_fd(g, "getfd", arguments, fd) && order_resume(g, "fd:" STREAM_NAME);
}

static void connect_next(struct guest *g, const struct fail *why);

static void connected(int fd, const struct fail *why, void *userdata)
{
    struct guest *g = userdata;
    struct recovery *r = &g->migration->recovery;
    r->connector = NULL;
    if (fd < 0) {
        log_info("guest %s: %s can't be reached: %s", g->name, r->uris.items[r->at], why->text);
        r->at++;
        connect_next(g, why);
        return;
    }
    bool ordered = hand_over(g, fd);
    close(fd);
    if (!ordered)
        guest_event(g, EV_RECOVER_REFUSED, 0, 0);
}

static int connect_to(struct guest *g, const char *text, struct fail *f)
{
    struct migrate_uri u;
    struct recovery *r = &g->migration->recovery;
    uint64_t patience = g->core.out.resuming ? CONNECT_BY_HAND : CONNECT_FIRST;
    if (migrate_uri_parse(text, &u, f) < 0)
        return -1;
    if (u.is_unix)
        return connect_unix(daemon_event(g->daemon), u.path, patience, connected, g, &r->connector,
                            f);
    return connect_tcp(daemon_event(g->daemon), g->daemon->workers, u.host, u.port, patience,
                       connected, g, &r->connector, f);
}

/* `why`: of the one before. */
static void connect_next(struct guest *g, const struct fail *why)
{
    struct recovery *r = &g->migration->recovery;
    struct fail f = *why;
    for (; r->at < r->uris.count; r->at++)
        if (connect_to(g, r->uris.items[r->at], &f) == 0)
            return;
    g->trouble = f;
    fail_prefix(&g->trouble, "resume the migration");
    guest_event(g, EV_RECOVER_REFUSED, 0, 0);
}

/* ---- the source ----------------------------------------------------------------------------- */

void migrate_recover(struct guest *g, bool given)
{
    struct recovery *r = &g->migration->recovery;
    struct fail none = {.code = VIR_ERR_OPERATION_FAILED, .text = "no address is known"};
    migrate_ordered(g);
    migrate_drop_attempt(g->migration);
    if (given) {
        if (!order_resume(g, "fd:" STREAM_NAME))
            guest_event(g, EV_RECOVER_REFUSED, 0, 0);
    } else if (!g->migration->preempt || r->uris.count == 0) {
        r->at = 0;
        connect_next(g, &none);
    } else if (!order_resume(g, r->uris.items[r->at++ % r->uris.count])) {
        guest_event(g, EV_RECOVER_REFUSED, 0, 0);
    }
}

/* ---- after a while -------------------------------------------------------------------------- */

static void ask_again(void *userdata)
{
    guest_event(userdata, EV_ASK_AGAIN, 0, 0);
}

/* Never long: when the network is back, the guest may be waiting for its pages. */
void migrate_ask_later(struct guest *g)
{
    struct recovery *r = &g->migration->recovery;
    uint64_t wait = r->laters++ ? LATER_MAX : LATER_FIRST;
    (void)timer_arm(&r->later, daemon_event(g->daemon), wait, ask_again, g);
}
