/* A guest's state goes into the journal and comes back; what is not understood is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "daemon/guest_record.h"
#include "daemon/migrate.h"

static const struct guest_moment then = {.boot.byte = {1, 2, 3}, .clock = 77};
static struct guest_moment moment;

/* No tag is two fields': two builds that were made side by side may have taken the same one. */
static void expect_own_tags(const struct buffer *record)
{
    struct record_reader r;
    struct record_field field;
    struct fail f;
    bool seen[UINT16_MAX + 1] = {false};
    assert_int_equal(record_read(&r, buffer_bytes(record), buffer_size(record), &f), 0);
    while (record_next(&r, &field)) {
        assert_false(seen[field.tag]);
        seen[field.tag] = true;
    }
}

static void a_state_comes_back_whole(void **state)
{
    (void)state;
    struct guest before = {.id = 7, .max_downtime_ms = 250}, after = {0};
    core_init(&before.core);
    core_init(&after.core);
    before.core.life.phase = LIFE_UP;
    before.core.life.state = CORE_PAUSED;
    before.core.life.reason = PAUSED_POSTCOPY;
    before.core.out.state = OUT_POSTCOPY;
    before.core.out.not_live = 1;
    before.accounts.began = UINT64_MAX - 5;
    before.identity.pid = 4242;
    before.identity.start_time = 99;
    before.identity.boot_id.byte[15] = 0xab;
    before.completed.type = JOB_FAILED;
    before.completed.ram_total = 1 << 30;
    strcpy(before.completed.error, "it broke");
    struct migration m = {.outgoing = true, .flags = 0x8001, .port = 49153, .stats_final = true,
                          .stats = {.has_ram = true, .ram_remaining = 4096},
                          .bandwidth = UINT64_MAX - 1, .bandwidth_postcopy = 2, .bandwidth_switchover = 3,
                          .connections = 4, .throttle_initial = 5, .throttle_increment = 6, .definition_lost = true};
    before.migration = &m;
    struct buffer record = {0};
    struct fail f = {0};
    assert_int_equal(guest_record_write(&before, &then, &record), 0);
    assert_int_equal(guest_record_read(&after, buffer_bytes(&record), buffer_size(&record), &moment, &f), 0);
    assert_memory_equal(&after.core, &before.core, sizeof(after.core));
    assert_memory_equal(&moment, &then, sizeof(then));
    assert_memory_equal(&after.accounts, &before.accounts, sizeof(after.accounts));
    assert_int_equal(after.id, 7);
    assert_int_equal(after.identity.pid, 4242);
    assert_int_equal(after.identity.start_time, 99);
    assert_true(uuid_equal(&after.identity.boot_id, &before.identity.boot_id));
    assert_string_equal(after.completed.error, "it broke");
    assert_int_equal(after.completed.ram_total, 1 << 30);
    assert_int_equal(after.migration->flags, 0x8001);
    assert_int_equal(after.migration->port, 49153);
    assert_true(after.migration->outgoing);
    assert_true(after.migration->stats_final);
    assert_memory_equal(&after.migration->stats, &m.stats, sizeof(m.stats));
    assert_true(after.migration->bandwidth == m.bandwidth);
    assert_int_equal(after.migration->bandwidth_postcopy, 2);
    assert_int_equal(after.migration->bandwidth_switchover, 3);
    assert_int_equal(after.migration->connections, 4);
    assert_int_equal(after.migration->throttle_initial, 5);
    assert_int_equal(after.migration->throttle_increment, 6);
    assert_true(after.migration->definition_lost);
    expect_own_tags(&record);
    migration_free(after.migration);
    buffer_free(&record);
}

static void callers_die_with_the_daemon(void **state)
{
    (void)state;
    struct guest before = {0}, after = {0};
    core_init(&before.core);
    core_init(&after.core);
    before.core.waiting[0] = 0xff;
    struct buffer record = {0};
    struct fail f = {0};
    assert_int_equal(guest_record_write(&before, &then, &record), 0);
    assert_int_equal(guest_record_read(&after, buffer_bytes(&record), buffer_size(&record), &moment, &f), 0);
    assert_int_equal(after.core.waiting[0], 0);
    buffer_free(&record);
}

static void a_newer_version_is_not_guessed_at(void **state)
{
    (void)state;
    struct guest g = {0};
    struct record_writer w;
    struct buffer record = {0};
    struct fail f = {0};
    record_begin(&w, &record, GUEST_RECORD_VERSION + 1);
    assert_int_equal(record_finish(&w), 0);
    assert_int_equal(guest_record_read(&g, buffer_bytes(&record), buffer_size(&record), &moment, &f), -1);
    assert_non_null(strstr(f.text, "newer"));
    buffer_free(&record);
}

static void a_state_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    struct guest g = {0};
    struct record_writer w;
    struct buffer record = {0};
    struct fail f = {0};
    record_begin(&w, &record, GUEST_RECORD_VERSION);
    record_put_u8(&w, 120, 200);
    assert_int_equal(record_finish(&w), 0);
    assert_int_equal(guest_record_read(&g, buffer_bytes(&record), buffer_size(&record), &moment, &f), -1);
    assert_int_equal(g.core.out.state, OUT_IDLE);
    buffer_free(&record);
}

/* A record with one field (after what makes it sane), written by w. */
static int read_one(void (*write)(struct record_writer *w, uint16_t tag, uint64_t value), uint16_t tag,
                    uint64_t value, struct guest *ret_guest)
{
    struct record_writer w;
    struct buffer record = {0};
    struct fail f = {0};
    *ret_guest = (struct guest){0};
    core_init(&ret_guest->core);
    record_begin(&w, &record, GUEST_RECORD_VERSION);
    write(&w, tag, value);
    assert_int_equal(record_finish(&w), 0);
    int r = guest_record_read(ret_guest, buffer_bytes(&record), buffer_size(&record), &moment, &f);
    assert_true(r == 0 || f.text[0]);
    buffer_free(&record);
    return r;
}

static void u8(struct record_writer *w, uint16_t tag, uint64_t value)
{
    record_put_u8(w, tag, (uint8_t)value);
}

static void u64(struct record_writer *w, uint16_t tag, uint64_t value)
{
    record_put_u64(w, tag, value);
}

static void text(struct record_writer *w, uint16_t tag, uint64_t value)
{
    (void)value;
    record_put_string(w, tag, "1");
}

/* A newer program may have more states, and wider fields. */
static void a_number_is_not_cut_down(void **state)
{
    (void)state;
    struct guest g;
    for (uint16_t tag = 100; tag < 170; tag++) {
        int known = read_one(u64, tag, 256 + 1, &g);
        assert_int_equal(g.core.out.state + g.core.in.state + g.core.life.phase, 0);
        assert_int_equal(read_one(text, tag, 0, &g), known);
    }
    assert_int_equal(read_one(u64, 120, 256 + OUT_POSTCOPY, &g), -1);
    assert_int_equal(read_one(u64, 120, OUT_POSTCOPY, &g), 0); /* wider, and the same */
    assert_int_equal(g.core.out.state, OUT_POSTCOPY);
    migration_free(g.migration);
    assert_int_equal(read_one(u8, 200, 2, &g), 0);
    assert_int_equal(read_one(u8, 8, 2, &g), -1); /* a bool */
}

/* Whatever one byte says: it is refused, or the machines take anything that may happen then. */
static void no_value_breaks_the_machines(void **state)
{
    (void)state;
    struct guest g;
    for (uint16_t tag = 100; tag < 170; tag++) {
        for (unsigned value = 0; value < 256; value++) {
            if (read_one(u8, tag, value, &g) < 0)
                continue;
            migration_free(g.migration);
            for (unsigned event = 0; event < EV_COUNT; event++) {
                struct core c = g.core;
                struct core_actions actions;
                core_step(&c, (struct core_event){.type = (uint8_t)event, .arg2 = EV_MIG_NONE}, &actions);
                assert_true(c.life.phase < LIFE_COUNT && c.out.state < OUT_COUNT && c.in.state < IN_COUNT);
            }
        }
    }
}

static void times_go_on_after_a_boot_of_the_host(void **state)
{
    (void)state;
    struct accounts a = {.outgoing = 1, .began = 5000000, .stopped = 7000000};
    guest_record_move_times(&a, 8000000, 30000000);
    assert_int_equal(accounts_elapsed(&a, 30500000), 3500000);
    assert_int_equal(a.performed, 0);
    guest_record_move_times(&a, 30500000, 1000000);
    assert_int_equal(accounts_elapsed(&a, 1000000), 999999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_not_cut_down),
        cmocka_unit_test(no_value_breaks_the_machines),
        cmocka_unit_test(times_go_on_after_a_boot_of_the_host),
        cmocka_unit_test(a_state_comes_back_whole),
        cmocka_unit_test(callers_die_with_the_daemon),
        cmocka_unit_test(a_newer_version_is_not_guessed_at),
        cmocka_unit_test(a_state_that_does_not_exist_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
