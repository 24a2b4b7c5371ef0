/* An operator decides what nobody can prove: only here, only with the words for it, and recorded.
 */
#include "fake_qemu.h"
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include "daemon/migrate.h"
#include "io/file.h"
#include "wire/peer_program.h"

static uint32_t settle(struct caller *p, const char *guest, bool run, const char *accepted)
{
    struct peer_settle args = {guest, run, accepted};
    return peer_call_program(p, PROGRAM_PEER, PEER_SETTLE, &args);
}

/* What STATE_DIR/settled says; empty when it is not there. */
static const char *record(struct host *h)
{
    static char text[4096];
    char path[256];
    struct buffer bytes = {.limit = 1 << 20};
    snprintf(path, sizeof(path), "%s/settled", h->daemon.config.state_dir);
    int r = file_read(path, sizeof(text) - 1, &bytes, NULL);
    snprintf(text, sizeof(text), "%.*s", r == 0 ? (int)buffer_size(&bytes) : 0,
             (const char *)buffer_bytes(&bytes));
    buffer_free(&bytes);
    return text;
}

static void wait_record(struct host *h, const char *words)
{
    while (!strstr(record(h), words))
        host_turn(h);
}

static void a_word_is_wanted(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, "virtqemud-sock"), reader = peer_open(h, "virtqemud-sock-ro");
    peer_expect_error(&p, settle(&p, "nobody", true, ""), VIR_ERR_NO_DOMAIN, "nobody");
    peer_expect_error(&p, settle(&p, "web", true, PEER_ACCEPT_RUN), VIR_ERR_OPERATION_INVALID,
                      "nothing to settle");
    g->migration = migration_new(true, 0, NULL);
    g->core.out.state = OUT_DOUBT;
    peer_expect_error(&p, settle(&p, "web", true, ""), VIR_ERR_OPERATION_DENIED,
                      "--accept " PEER_ACCEPT_RUN);
    peer_expect_error(&p, settle(&p, "web", true, PEER_ACCEPT_END), VIR_ERR_OPERATION_DENIED,
                      "two writers");
    peer_expect_error(&p, settle(&p, "web", false, PEER_ACCEPT_RUN), VIR_ERR_OPERATION_DENIED,
                      "--accept " PEER_ACCEPT_END);
    peer_expect_error(&reader, settle(&reader, "web", true, PEER_ACCEPT_RUN),
                      VIR_ERR_OPERATION_DENIED, "");
    assert_string_equal(record(h), "");
    g->core.out.state = OUT_IDLE;
    migrate_release(g);
    peer_close(&p);
    peer_close(&reader);
    fake_end(&q);
}

/* What the machine refuses is recorded, too: it was decided. */
static void a_decision_is_on_the_disk_before_it_is_carried_out(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, "virtqemud-sock");
    char uuid[UUID_TEXT], by_uuid[128];
    g->migration = migration_new(true, 0, NULL);
    g->core.out.state = OUT_PRECOPY;
    uuid_format(&g->uuid, uuid);
    uint32_t serial = settle(&p, uuid, true, PEER_ACCEPT_RUN);
    struct frame answer = peer_receive(&p);
    assert_int_equal(answer.serial, serial);
    assert_int_equal(answer.status, FRAME_ERROR);
    snprintf(by_uuid, sizeof(by_uuid), "uuid=%s token=none decision=run uid=0", uuid);
    if (!strstr(record(h), by_uuid))
        fail_msg("'%s' is not in: %s", by_uuid, record(h));
    assert_non_null(strstr(record(h), "reads=RUNNING/BOOTED out=PRECOPY in=IDLE name=web\n"));
    wait_record(h, "outcome: ");
    g->core.out.state = OUT_IDLE;
    migrate_release(g);
    peer_close(&p);
    fake_end(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(a_word_is_wanted),
        host_test(a_decision_is_on_the_disk_before_it_is_carried_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
