/* Resuming a broken post-copy: what QEMU on either end is told, and what the other daemon is
 * answered. The machine is left out: its orders are given by the test. */
#include "fake_qemu.h"
#include <arpa/inet.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/migrate.h"
#include "domain/emulator.h"
#include "io/timer.h"
#include "util/cleanup.h"
#include "wire/peer_program.h"

#define SOCKET "virtqemud-sock"

static const uint8_t token[PEER_TOKEN_SIZE] = {1, 2, 3};

struct scene {
    struct host *host;
    struct guest *guest;
    struct fake qemu;
};

/* A post-copy that broke, as it lies in the daemon's hands. */
static struct scene broken(struct host *h, bool outgoing)
{
    struct scene s = {.host = h, .guest = fake_define(h, "web")};
    s.qemu = fake_start(h, s.guest);
    struct migration *m = migration_new(outgoing, VIR_MIGRATE_LIVE | VIR_MIGRATE_POSTCOPY, NULL);
    assert_non_null(m);
    m->token.known = true;
    memcpy(m->token.byte, token, sizeof(token));
    s.guest->migration = m;
    if (outgoing)
        s.guest->core.out.state = OUT_BROKEN;
    else
        s.guest->core.in.state = IN_BROKEN;
    return s;
}

static void end(struct scene *s)
{
    s->guest->core.out.state = OUT_IDLE;
    s->guest->core.in.state = IN_IDLE;
    migrate_release_address(&s->host->daemon, s->guest->migration);
    migrate_release(s->guest);
    fake_end(&s->qemu);
}

static void networks(struct host *h, const char *addresses)
{
    struct fail f;
    if (config_set_migration_address(&h->daemon.config, addresses, &f) < 0)
        fail_msg("%s", f.text);
}

/* A socket at a port of its own; NULL as `ret_uri` of one that nobody listens at. */
static int listen_somewhere(char *ret_uri, bool listening)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    if (listening)
        assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    sprintf(ret_uri, "tcp:127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

static void offered(struct scene *s, const char *const *uris, unsigned count)
{
    assert_true(migrate_take_uris(s->guest->migration, uris, count));
}

/* ---- the source ---- */

static void a_stream_to_the_first_that_answers_is_handed_to_qemu(void **state)
{
    struct scene s = broken(*state, true);
    char dead[64], alive[64];
    const char *uris[] = {dead, alive};
    auto_close int nobody = listen_somewhere(dead, false), there = listen_somewhere(alive, true);
    (void)nobody;
    offered(&s, uris, 2);
    migrate_recover(s.guest, false);
    fake_expect(&s.qemu, "\"execute\":\"getfd\"");
    assert_true(s.qemu.got >= 0);
    int stream = take_fd(&s.qemu.got);
    fake_return(&s.qemu, "{}");
    fake_expect(&s.qemu, "\"uri\":\"fd:baton-resume\",\"resume\":true");
    fake_return(&s.qemu, "{}");

    auto_close int far = accept(there, NULL, NULL);
    char byte = 0;
    assert_int_equal(write(stream, "x", 1), 1);
    assert_int_equal(read(far, &byte, 1), 1);
    close(stream); /* QEMU's was the only one: the daemon has let go of its own */
    assert_int_equal(read(far, &byte, 1), 0);
    end(&s);
}

/* Not where the destination's QEMU may die of that. */
static void a_stream_that_qemu_does_not_take_is_taken_back(void **state)
{
    struct scene s = broken(*state, true);
    const struct emulator old = {.version = 7002022}, new = {.version = 10000002};
    char uri[64];
    const char *uris[] = {uri};
    auto_close int there = listen_somewhere(uri, true);
    (void)there;
    offered(&s, uris, 1);
    s.guest->emulator = &new;
    migrate_recover(s.guest, false);
    fake_expect(&s.qemu, "\"execute\":\"getfd\"");
    fake_return(&s.qemu, "{}");
    fake_expect(&s.qemu, "\"resume\":true");
    fake_refuse(&s.qemu);
    fake_expect(&s.qemu, "\"execute\":\"closefd\"");

    s.guest->emulator = &old;
    s.guest->core.out.state = OUT_RECOVERING;
    migrate_recover(s.guest, true);
    fake_expect(&s.qemu, "\"resume\":true");
    fake_refuse(&s.qemu);
    migrate_recover(s.guest, true);
    fake_expect(&s.qemu, "\"resume\":true"); /* and nothing before it */
    s.guest->emulator = NULL;
    end(&s);
}

static void an_attempt_that_is_over_connects_no_more(void **state)
{
    struct scene s = broken(*state, true);
    char uri[64];
    const char *uris[] = {uri};
    auto_close int there = listen_somewhere(uri, true);
    (void)there;
    offered(&s, uris, 1);
    s.guest->core.out.state = OUT_RECOVERING;
    s.guest->core.out.recovery = RECOVERY_ORDERED;
    migrate_recover(s.guest, false);
    assert_non_null(s.guest->migration->recovery.connector);
    guest_event(s.guest, EV_MIG_FAILED, 0, 0);
    assert_int_equal(s.guest->core.out.state, OUT_BROKEN);
    assert_null(s.guest->migration->recovery.connector);
    end(&s);
}

static void without_an_answer_anywhere_qemu_is_told_nothing(void **state)
{
    struct scene s = broken(*state, true);
    char dead[64];
    const char *uris[] = {dead};
    auto_close int nobody = listen_somewhere(dead, false);
    (void)nobody;
    offered(&s, uris, 1);
    migrate_recover(s.guest, false);
    while (!strstr(s.guest->trouble.text, "resume the migration"))
        host_turn(s.host);
    assert_int_equal(recv(s.qemu.fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    end(&s);
}

/* QEMU opens the preempt channel itself: it has to know where to. */
static void with_preempt_each_attempt_has_another_address(void **state)
{
    struct scene s = broken(*state, true);
    const char *uris[] = {"tcp:192.0.2.1:5", "tcp://[2001:db8::1]:5"};
    s.guest->migration->preempt = true;
    offered(&s, uris, 2);
    migrate_prefer_host(s.guest->migration, "2001:db8::1");
    assert_string_equal(s.guest->migration->recovery.uris.items[1], uris[0]);
    migrate_prefer_host(s.guest->migration, "192.0.2.1");
    static const char *const expected[] = {"\"tcp:192.0.2.1:5\",\"resume\":true",
                                           "\"tcp:[2001:db8::1]:5\",\"resume\":true",
                                           "\"tcp:192.0.2.1:5\",\"resume\":true"};
    for (int i = 0; i < 3; i++) {
        migrate_recover(s.guest, false);
        fake_expect(&s.qemu, expected[i]);
        fake_refuse(&s.qemu);
        while (!strstr(s.guest->trouble.text, "no, never"))
            host_turn(s.host);
        s.guest->trouble.text[0] = '\0';
    }
    end(&s);
}

static void an_offer_that_makes_no_sense_is_none(void **state)
{
    struct scene s = broken(*state, true);
    static const char *const bad[] = {"", "tcp:host", "rdma:host:5", "tcp:a b:5", "exec:sh"};
    static const char *const mixed[] = {"exec:sh", "tcp:host:5"};
    assert_false(migrate_take_uris(s.guest->migration, bad, 5));
    assert_true(migrate_take_uris(s.guest->migration, mixed, 2));
    assert_int_equal(s.guest->migration->recovery.uris.count, 1);
    assert_string_equal(s.guest->migration->recovery.uris.items[0], "tcp:host:5");
    end(&s);
}

static void asking_again_comes_soon(void **state)
{
    struct scene s = broken(*state, true);
    uint64_t before = timer_now();
    for (int i = 0; i < 3; i++) {
        migrate_ask_later(s.guest);
        while (timer_is_armed(&s.guest->migration->recovery.later))
            host_turn(s.host);
    }
    assert_in_range(timer_now() - before, 1250000, 3000000);
    end(&s);
}

/* ---- the destination ---- */

static void in_use(struct fake *q)
{
    char line[256];
    snprintf(
        line, sizeof(line),
        "{\"id\": %llu, \"error\": {\"class\": \"GenericError\", \"desc\": \"Address already in "
        "use\"}}\r\n",
        q->id);
    fake_say(q, line);
}

static void a_stream_is_waited_for_on_every_network(void **state)
{
    struct scene s = broken(*state, false);
    const struct stream_uris *u = &s.guest->migration->recovery.uris;
    char expected[128];
    networks(s.host, "127.0.0.2, 127.0.0.3");
    migrate_recover_listen(s.guest);
    unsigned port = s.guest->migration->port;
    snprintf(expected, sizeof(expected), "\"uri\":\"tcp:0.0.0.0:%u\"", port);
    fake_expect(&s.qemu, expected);
    fake_return(&s.qemu, "{}");
    assert_int_equal(u->count, 2);
    snprintf(expected, sizeof(expected), "tcp:127.0.0.3:%u", port);
    assert_string_equal(u->items[1], expected);

    /* The next attempt gets another port; one that another program took meanwhile is left. */
    migrate_recover_listen(s.guest);
    fake_expect(&s.qemu, "migrate-recover");
    unsigned taken = s.guest->migration->port;
    assert_int_not_equal(taken, port);
    in_use(&s.qemu);
    fake_expect(&s.qemu, "migrate-recover");
    assert_int_not_equal(s.guest->migration->port, taken);
    fake_return(&s.qemu, "{}");
    end(&s);
}

static void a_uri_that_was_given_is_kept_to(void **state)
{
    struct scene s = broken(*state, false);
    const struct stream_uris *u = &s.guest->migration->recovery.uris;
    char listen[MIGRATE_URI_MAX], unix_uri[128];
    struct fail f;
    networks(s.host, "127.0.0.2,127.0.0.3");
    s.guest->migration->uri = "tcp://127.0.0.3:49000";
    migrate_recover_listen(s.guest);
    fake_expect(&s.qemu, "\"uri\":\"tcp:127.0.0.3:49000\"");
    in_use(&s.qemu); /* by the QEMU itself, for another moment */
    fake_expect(&s.qemu, "\"uri\":\"tcp:127.0.0.3:49000\"");
    fake_return(&s.qemu, "{}");
    assert_int_equal(u->count, 1);
    assert_string_equal(u->items[0], "tcp://127.0.0.3:49000");

    snprintf(unix_uri, sizeof(unix_uri), "unix:%s/stream", s.host->folder);
    s.guest->migration->uri = unix_uri;
    assert_int_equal(migrate_choose_recovery(&s.host->daemon, s.guest->migration, listen, &f), 0);
    assert_string_equal(listen, unix_uri);
    assert_string_equal(u->items[0], unix_uri);
    end(&s);
}

static struct caller attached(struct scene *s)
{
    struct caller p = peer_open(s->host, SOCKET);
    struct peer_hello hello = {
        .token = {token, sizeof(token)}, .guest = s->guest->uuid, .program = "0.1.0"};
    struct peer_hello_ret ret;
    uint32_t serial = peer_call_program(&p, PROGRAM_PEER, PEER_HELLO, &hello);
    struct frame frame = peer_receive(&p);
    struct fail f;
    assert_int_equal(frame.serial, serial);
    assert_int_equal(frame.status, FRAME_OK);
    assert_int_equal(rpc_decode(rpc_find(PROGRAM_PEER, PEER_HELLO)->ret, frame.payload,
                                frame.payload_size, &p.arena, &ret, &f),
                     0);
    assert_int_equal(ret.live, 1);
    return p;
}

/* The machine of a guest whose stream is not broken says nothing: the call waits for its word. */
static void who_asks_for_recovery_gets_the_machines_answer(void **state)
{
    struct scene s = broken(*state, false);
    struct caller p = attached(&s);
    struct peer_recover_ret ret;
    struct fail f;
    s.guest->core.in.state = IN_RECOVERING;
    s.guest->core.in.broken = s.guest->core.in.listening = 1; /* the machine waits for QEMU's answer */
    uint32_t serial = peer_call_program(&p, PROGRAM_PEER, PEER_RECOVER, NULL);
    while (!s.guest->migration->recovery.waiting)
        host_turn(s.host);
    s.guest->migration->recovery.uris =
        (struct stream_uris){.items = {"tcp:h:1", "tcp:h:2"}, .count = 2};
    peer_recoverable(s.guest, true);
    struct frame frame = peer_receive(&p);
    assert_int_equal(frame.serial, serial);
    assert_int_equal(frame.status, FRAME_OK);
    assert_int_equal(rpc_decode(rpc_find(PROGRAM_PEER, PEER_RECOVER)->ret, frame.payload,
                                frame.payload_size, &p.arena, &ret, &f),
                     0);
    assert_int_equal(ret.uris.count, 2);
    assert_string_equal(ret.uris.items[1], "tcp:h:2");

    serial = peer_call_program(&p, PROGRAM_PEER, PEER_RECOVER, NULL);
    while (!s.guest->migration->recovery.waiting)
        host_turn(s.host);
    end(&s);
    peer_expect_error(&p, serial, VIR_ERR_OPERATION_INVALID, "is over");
    peer_close(&p);
}

/* A source asks over one connection after the other while QEMU says nothing: only those that are there are kept. */
static void who_is_gone_waits_for_no_answer(void **state)
{
    struct scene s = broken(*state, false);
    const struct recovery *r = &s.guest->migration->recovery;
    s.guest->core.in.state = IN_RECOVERING;
    s.guest->core.in.broken = s.guest->core.in.listening = 1;
    for (int i = 0; i < 3; i++) {
        const void *before = r->waiting;
        struct caller p = attached(&s);
        peer_call_program(&p, PROGRAM_PEER, PEER_RECOVER, NULL);
        while (!r->waiting || r->waiting == before)
            host_turn(s.host);
        peer_close(&p);
        host_settle(s.host);
    }
    struct caller p = attached(&s);
    uint32_t serial = peer_call_program(&p, PROGRAM_PEER, PEER_RECOVER, NULL);
    host_settle(s.host);
    assert_non_null(r->waiting);
    assert_null(r->waiting->next);
    peer_recoverable(s.guest, false);
    peer_expect_error(&p, serial, VIR_ERR_OPERATION_INVALID, "can't be resumed here now");
    peer_close(&p);
    end(&s);
}

/* ---- does it go on? ---- */

/* Post-copy at the source, nobody to ping: QEMU's figures are all there is. */
static struct scene in_post_copy(struct host *h)
{
    struct scene s = broken(h, true);
    s.guest->core.out.state = OUT_POSTCOPY;
    s.guest->core.out.client = 1;
    h->daemon.config.postcopy_stall_timeout = 1;
    migrate_watch(s.guest);
    return s;
}

/* The next question for figures, answered. */
static void figures(struct fake *q, unsigned transferred)
{
    char value[256];
    fake_expect(q, "query-migrate");
    snprintf(value, sizeof(value),
             "{\"status\": \"postcopy-active\", \"ram\": {\"transferred\": %u, \"remaining\": 4096, \"total\": 9}}",
             transferred);
    fake_return(q, value);
}

static void a_stream_that_stands_still_is_broken(void **state)
{
    struct scene s = in_post_copy(*state);
    uint64_t before = timer_now();
    for (unsigned i = 1; i <= 8; i++) /* it goes on: two stall time-outs of it */
        figures(&s.qemu, i);
    char *line = fake_receive(&s.qemu);
    while (strstr(line, "query-migrate")) /* one without an answer is no sign of life */
        line = fake_receive(&s.qemu);
    assert_non_null(strstr(line, "migrate-pause"));
    assert_in_range(timer_now() - before, 2500000, 10000000);
    end(&s);
}

/* Where QEMU was ordered to resume, the other daemon's word is no sign that it does. */
static void an_attempt_that_stands_still_is_given_up(void **state)
{
    struct scene s = in_post_copy(*state);
    s.guest->core.out.state = OUT_RECOVERING;
    s.guest->core.out.recovery = RECOVERY_ORDERED;
    figures(&s.qemu, 1);
    char *line;
    while (strstr(line = fake_receive(&s.qemu), "query-migrate"))
        migrate_heard(s.guest);
    assert_non_null(strstr(line, "migrate-pause"));
    end(&s);
}

static void who_was_stopped_himself_accuses_nobody(void **state)
{
    struct scene s = in_post_copy(*state);
    figures(&s.qemu, 1);
    host_settle(s.host);
    struct watch *w = &s.guest->migration->watch;
    w->alive -= 60 * TIMER_SECOND; /* as if this daemon had not run for a minute */
    w->ticked -= 60 * TIMER_SECOND;
    figures(&s.qemu, 1);
    figures(&s.qemu, 1);
    assert_int_equal(recv(s.qemu.fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(a_stream_to_the_first_that_answers_is_handed_to_qemu),
        host_test(a_stream_that_qemu_does_not_take_is_taken_back),
        host_test(an_attempt_that_is_over_connects_no_more),
        host_test(without_an_answer_anywhere_qemu_is_told_nothing),
        host_test(with_preempt_each_attempt_has_another_address),
        host_test(an_offer_that_makes_no_sense_is_none),
        host_test(asking_again_comes_soon),
        host_test(a_stream_is_waited_for_on_every_network),
        host_test(a_uri_that_was_given_is_kept_to),
        host_test(who_asks_for_recovery_gets_the_machines_answer),
        host_test(who_is_gone_waits_for_no_answer),
        host_test(a_stream_that_stands_still_is_broken),
        host_test(an_attempt_that_stands_still_is_given_up),
        host_test(who_was_stopped_himself_accuses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
