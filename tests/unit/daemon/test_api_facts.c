/* What QEMU, the kernel and an image's header say, picked out for one guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "daemon/disk_facts.h"
#include "daemon/proc_facts.h"
#include "daemon/qemu_facts.h"

/* ---- QEMU ----------------------------------------------------------------------------------- */

static const char blockstats[] =
    "[{\"device\": \"\", \"qdev\": \"/machine/peripheral/virtio-disk0/virtio-backend\","
    "  \"stats\": {\"rd_operations\": 3, \"rd_bytes\": 18446744073709551615, \"wr_bytes\": 4,"
    "              \"flush_total_time_ns\": 9},"
    "  \"parent\": {\"stats\": {\"wr_highest_offset\": 512}}},"
    " {\"device\": \"\", \"qdev\": \"/machine/peripheral/virtio-disk01\","
    "  \"stats\": {\"rd_operations\": 7}},"
    " {\"device\": \"drive\"}, 5, null]";

static void a_disk_is_found_by_its_alias(void **state)
{
    (void)state;
    struct json_object *reply = json_tokener_parse(blockstats);
    struct block_counters c;
    assert_true(qemu_read_block_counters(reply, "virtio-disk0", &c));
    assert_int_equal(c.rd_requests, 3);
    assert_true(c.rd_bytes == UINT64_MAX);
    assert_int_equal(c.wr_bytes, 4);
    assert_int_equal(c.fl_ns, 9);
    assert_int_equal(c.highest, 512);
    assert_true(qemu_read_block_counters(reply, "virtio-disk01", &c));
    assert_int_equal(c.rd_requests, 7);
    assert_int_equal(c.highest, 0);
    json_object_put(reply);
}

static void what_is_no_answer_gives_no_figures(void **state)
{
    (void)state;
    static const char *const junk[] = {"{}",
                                       "[]",
                                       "5",
                                       "[[]]",
                                       "\"x\"",
                                       "[{\"qdev\": 3}]",
                                       "[{\"qdev\": \"virtio-disk0\", \"stats\": []}]"};
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
        struct json_object *reply = json_tokener_parse(junk[i]);
        struct block_counters c = {0};
        struct block_sizes sizes;
        pid_t threads[2];
        uint64_t kib = 42;
        if (qemu_read_block_counters(reply, "virtio-disk0", &c))
            assert_int_equal(c.rd_requests, 0);
        assert_false(qemu_read_block_sizes(reply, "virtio-disk0", &sizes));
        assert_int_equal(qemu_read_vcpu_threads(reply, threads, 2), 0);
        assert_false(qemu_read_balloon(reply, &kib));
        assert_int_equal(kib, 42);
        json_object_put(reply);
    }
    struct block_counters c;
    assert_false(qemu_read_block_counters(NULL, "virtio-disk0", &c));
}

static void vcpus_have_threads_unless_they_share_one(void **state)
{
    (void)state;
    pid_t threads[3];
    struct json_object *own = json_tokener_parse(
        "[{\"cpu-index\": 1, \"thread-id\": 12}, {\"cpu-index\": 0, \"thread-id\": 11},"
        " {\"cpu-index\": 99, \"thread-id\": 13}, {\"cpu-index\": 1, \"thread-id\": 14}]");
    assert_int_equal(qemu_read_vcpu_threads(own, threads, 3), 2);
    assert_int_equal(threads[0], 11);
    assert_int_equal(threads[1], 12);
    assert_int_equal(threads[2], 0);
    struct json_object *shared = json_tokener_parse(
        "[{\"cpu-index\": 0, \"thread-id\": 11}, {\"cpu-index\": 1, \"thread-id\": 11}]");
    assert_int_equal(qemu_read_vcpu_threads(shared, threads, 3), 0);
    assert_int_equal(threads[0], 0);
    json_object_put(own);
    json_object_put(shared);
}

static void what_the_guest_did_not_tell_is_left_out(void **state)
{
    (void)state;
    struct memory_stats s = {0};
    struct json_object *reply = json_tokener_parse(
        "{\"last-update\": 77, \"stats\": {\"stat-swap-in\": 18446744073709551615,"
        " \"stat-swap-out\": -1, \"stat-free-memory\": 2048, \"stat-minor-faults\": 5}}");
    qemu_read_guest_stats(reply, &s);
    assert_int_equal(s.has, 1 << MEMORY_UNUSED | 1 << MEMORY_MINOR_FAULT | 1 << MEMORY_LAST_UPDATE);
    assert_int_equal(s.value[MEMORY_UNUSED], 2);
    assert_int_equal(s.value[MEMORY_MINOR_FAULT], 5);
    assert_int_equal(s.value[MEMORY_LAST_UPDATE], 77);
    json_object_put(reply);
}

/* ---- the kernel ----------------------------------------------------------------------------- */

static void a_process_has_times_and_memory(void **state)
{
    (void)state;
    struct proc_times before, now;
    uint64_t kib;
    assert_true(proc_read_times(getpid(), 0, &before));
    assert_true(before.cpu >= 0);
    while (clock() < CLOCKS_PER_SEC / 20) /* until this process has used 50 ms */
        ;
    assert_true(proc_read_times(getpid(), getpid(), &now));
    assert_true(now.user_ns + now.system_ns >= 20 * 1000 * 1000);
    assert_true(proc_read_rss_kib(getpid(), &kib));
    assert_true(kib > 100);
}

static void a_process_that_is_gone_has_none(void **state)
{
    (void)state;
    struct proc_times t;
    struct proc_delays d;
    uint64_t kib;
    pid_t nobody = 1 << 22; /* above the largest pid there can be */
    assert_false(proc_read_times(nobody, 0, &t));
    assert_false(proc_read_times(getpid(), nobody, &t));
    assert_false(proc_read_rss_kib(nobody, &kib));
    assert_false(proc_read_delays(nobody, nobody, &d));
}

static void a_tap_is_a_name_and_no_path(void **state)
{
    (void)state;
    struct net_counters c;
    assert_true(proc_read_tap("lo", &c));
    assert_int_equal(c.rx_bytes, c.tx_bytes);
    assert_false(proc_read_tap("../net/lo", &c));
    assert_false(proc_read_tap("..", &c));
    assert_false(proc_read_tap("no-such-tap", &c));
}

/* ---- images --------------------------------------------------------------------------------- */

static void make_file(char *path, const void *bytes, size_t size, off_t length)
{
    strcpy(path, "/tmp/baton-facts-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(ftruncate(fd, length), 0);
    close(fd);
}

static void a_raw_image_is_as_long_as_its_file(void **state)
{
    (void)state;
    char path[32];
    struct disk_facts facts;
    make_file(path, "x", 1, 1 << 20);
    disk_facts_read(path, DOMAIN_DISK_RAW, &facts);
    unlink(path);
    assert_true(facts.known);
    assert_false(facts.is_block);
    assert_int_equal(facts.capacity, 1 << 20);
    assert_int_equal(facts.physical, 1 << 20);
    assert_true(facts.allocated < 1 << 20);
}

static void a_qcow2_image_says_its_size(void **state)
{
    (void)state;
    static const uint8_t header[32] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, [26] = 1, [31] = 2};
    char path[32];
    struct disk_facts facts;
    make_file(path, header, sizeof(header), 4096);
    disk_facts_read(path, DOMAIN_DISK_QCOW2, &facts);
    unlink(path);
    assert_true(facts.known);
    assert_true(facts.capacity == (UINT64_C(1) << 40) + 2);
    assert_int_equal(facts.physical, 4096);
}

static void what_is_no_image_is_named(void **state)
{
    (void)state;
    char path[32];
    struct disk_facts facts;
    make_file(path, "QFI", 3, 3);
    disk_facts_read(path, DOMAIN_DISK_QCOW2, &facts);
    assert_false(facts.known);
    assert_non_null(strstr(facts.why.text, "is not a qcow2 image"));
    unlink(path);
    disk_facts_read(path, DOMAIN_DISK_RAW, &facts);
    assert_false(facts.known);
    assert_int_equal(facts.why.code, VIR_ERR_SYSTEM_ERROR);
    assert_non_null(strstr(facts.why.text, path));
    assert_int_equal(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
    disk_facts_read(path, DOMAIN_DISK_RAW, &facts);
    assert_false(facts.known);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_is_found_by_its_alias),
        cmocka_unit_test(what_is_no_answer_gives_no_figures),
        cmocka_unit_test(vcpus_have_threads_unless_they_share_one),
        cmocka_unit_test(what_the_guest_did_not_tell_is_left_out),
        cmocka_unit_test(a_process_has_times_and_memory),
        cmocka_unit_test(a_process_that_is_gone_has_none),
        cmocka_unit_test(a_tap_is_a_name_and_no_path),
        cmocka_unit_test(a_raw_image_is_as_long_as_its_file),
        cmocka_unit_test(a_qcow2_image_says_its_size),
        cmocka_unit_test(what_is_no_image_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
