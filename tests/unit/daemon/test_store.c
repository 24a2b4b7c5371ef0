/* What a guest's folder holds when the daemon comes back: cut off in the middle, or whole. */
#include "host.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/guest_record.h"
#include "daemon/registry.h"
#include "io/journal_file.h"
#include "journal/journal.h"

static struct domain *document(const char *name)
{
    static const char format[] = "<domain type='qemu'><name>%s</name>"
                                 "<memory>65536</memory><os><type arch='x86_64' "
                                 "machine='pc-q35-7.2'>hvm</type></os></domain>";
    struct domain_defaults defaults = {.emulator = "/nonexistent/qemu", .machine = "pc-q35-7.2"};
    struct domain *d;
    struct fail f;
    char xml[1024];
    int n = snprintf(xml, sizeof(xml), format, name);
    if (domain_parse(xml, (size_t)n, 0, &d, &f) < 0 || domain_fill_defaults(d, &defaults, &f) < 0)
        fail_msg("%s", f.text);
    return d;
}

static struct guest *define(struct host *h, const char *name)
{
    return host_define(h, document(name));
}

static struct guest *find(struct host *h, const char *name)
{
    return registry_find_name(h->daemon.registry, name);
}

static unsigned count_folders(struct host *h)
{
    char path[128];
    unsigned count = 0;
    snprintf(path, sizeof(path), "%s/guests", h->daemon.config.state_dir);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return count;
}

/* The step is in the journal before the live document is on the disk. */
static void a_start_cut_off_leaves_the_guest_shut_off(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "cut");
    g->core.life.phase = LIFE_STARTING;
    guest_journal_append(g);
    host_restart(h);
    g = find(h, "cut");
    assert_non_null(g);
    assert_non_null(g->defined);
    assert_null(g->live);
    assert_false(guest_is_active(g));
    host_restart(h);
    assert_non_null(find(h, "cut"));
}

/* The document is removed for good; the journal's last record is not synced. */
static void an_end_that_the_journal_lost_leaves_the_guest_shut_off(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "lost");
    g->id = 7;
    g->core.life =
        (struct life){.phase = LIFE_UP, .state = CORE_RUNNING, .reason = RUNNING_BOOTED, .vcpus = 1};
    guest_journal_append(g);
    host_restart(h);
    g = find(h, "lost");
    assert_non_null(g);
    assert_false(guest_is_active(g));
    assert_int_equal(g->core.life.state, CORE_SHUTOFF);
    assert_int_equal(g->id, -1);
}

static struct guest *transient(struct host *h, const char *name)
{
    struct guest *g;
    struct fail f;
    assert_int_equal(registry_add_live(h->daemon.registry, document(name), &g, &f), 0);
    return g;
}

static void a_transient_guest_that_is_over_leaves_nothing(void **state)
{
    struct host *h = *state;
    struct guest *starting = transient(h, "starting"), *over = transient(h, "over");
    starting->core.life.phase = LIFE_STARTING;
    guest_journal_append(starting);
    guest_journal_append(over);
    assert_int_equal(count_folders(h), 2);
    host_restart(h);
    assert_null(find(h, "starting"));
    assert_null(find(h, "over"));
    assert_int_equal(count_folders(h), 0);
}

/* Its QEMU may live, and nobody knows what it is: it is for an operator to decide. */
static void what_may_run_without_a_document_is_left_alone(void **state)
{
    struct host *h = *state;
    struct guest *g = transient(h, "alive");
    struct fail f;
    assert_int_equal(process_identify(getpid(), &g->identity, &f), 0);
    g->core.life = (struct life){.phase = LIFE_UP, .state = CORE_RUNNING, .vcpus = 1};
    guest_journal_append(g);
    host_restart(h);
    assert_null(find(h, "alive"));
    assert_int_equal(count_folders(h), 1);
}

static void refused(struct guest_waiter *w, struct guest *g, enum core_result result,
                    const struct fail *why)
{
    (void)w;
    assert_int_equal(result, RESULT_NOT_DURABLE);
    assert_non_null(strstr(why->text, "is damaged"));
    assert_null(g->live);
}

/* Its first record has rotted, with good ones behind it: a QEMU may run that nobody knows of. */
static void a_damaged_journal_starts_nothing(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "rotten");
    struct guest_waiter w = {.answered = refused};
    struct fail f;
    char path[256];
    guest_journal_append(g);
    guest_journal_append(g);
    snprintf(path, sizeof(path), "%s/journal", g->folder);
    FILE *journal = fopen(path, "r+");
    assert_non_null(journal);
    assert_int_equal(fseek(journal, JOURNAL_HEADER + 1, SEEK_SET), 0);
    assert_int_equal(fputc(0xff, journal), 0xff);
    fclose(journal);
    host_restart(h);
    g = find(h, "rotten");
    assert_non_null(g);
    assert_true(g->damaged);
    assert_int_equal(domain_copy(g->defined, &g->live, &f), 0);
    guest_ask(g, EV_START, 0, &w);
    assert_false(guest_is_active(g));
}

static void change_end(const struct guest *g, off_t cut, off_t flip)
{
    char path[256], c;
    struct stat st;
    snprintf(path, sizeof(path), "%s/journal", g->folder);
    assert_int_equal(stat(path, &st), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    if (flip) {
        assert_int_equal(pread(fd, &c, 1, st.st_size - flip), 1);
        c ^= 4;
        assert_int_equal(pwrite(fd, &c, 1, st.st_size - flip), 1);
    }
    assert_int_equal(ftruncate(fd, st.st_size - cut), 0);
    close(fd);
}

/* A daemon that was killed over a write leaves the bytes of a record that end too early, nothing else. */
static void a_last_record_that_rotted_is_no_torn_one(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "end");
    guest_journal_append(g);
    g->max_bandwidth_mib = 7;
    guest_journal_append(g);
    change_end(g, 5, 0);
    host_restart(h);
    g = find(h, "end");
    assert_false(g->damaged);
    assert_int_equal(g->max_bandwidth_mib, GUEST_BANDWIDTH_UNSET);
    g->max_bandwidth_mib = 8;
    guest_journal_append(g);
    change_end(g, 0, 5);
    for (int i = 0; i < 2; i++) { /* it stays so: nothing is cut off */
        host_restart(h);
        g = find(h, "end");
        assert_true(g->damaged);
        assert_int_equal(g->max_bandwidth_mib, GUEST_BANDWIDTH_UNSET);
    }
}

/* After a crash of the host it may be either, and the QEMU is gone with it. */
static void after_a_boot_of_the_host_it_is(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "boot");
    h->daemon.boot_id.byte[0] ^= 1;
    guest_journal_append(g);
    guest_journal_append(g);
    change_end(g, 0, 5);
    host_restart(h);
    assert_false(find(h, "boot")->damaged);
}

static void a_record_of_an_unknown_kind_is_not_passed_by(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "kind");
    struct fail f;
    guest_journal_append(g);
    assert_int_equal(journal_file_append(g->journal, GUEST_RECORD_STATE + 1, "x", 1, &f), 0);
    host_restart(h);
    assert_true(find(h, "kind")->damaged);
}

/* A full disk costs what is not written down meanwhile; when there is room again the journal catches up. */
static void a_journal_that_failed_is_whole_again(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "full");
    struct rlimit limit, low;
    signal(SIGXFSZ, SIG_IGN);
    struct fail f;
    assert_int_equal(guest_journal_write(g, &f), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    low = limit;
    low.rlim_cur = 2000; /* one record, not two */
    g->max_bandwidth_mib = 9;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int r = guest_journal_write(g, &f);
    while (journal_file_is_busy(g->journal))
        host_turn(h);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(r, -1);
    assert_non_null(strstr(f.text, "File too large"));
    assert_false(g->journal_is_behind); /* the rewrite that it led to had room enough */
    host_restart(h);
    assert_false(find(h, "full")->damaged);
    assert_int_equal(find(h, "full")->max_bandwidth_mib, 9);
}

static void a_limit_survives_from_its_answer_on(void **state)
{
    struct host *h = *state;
    struct guest *g = define(h, "slow");
    struct caller p = peer_open(h, "virtqemud-sock");
    struct remote_domain_u64_flags args = {.dom = {.name = g->name, .uuid = g->uuid}, .value = 7};
    int32_t procedure = REMOTE_DOMAIN_MIGRATE_SET_MAX_SPEED;
    peer_expect_reply(&p, procedure, peer_call(&p, procedure, &args), NULL);
    peer_close(&p);
    host_restart(h);
    assert_int_equal(find(h, "slow")->max_bandwidth_mib, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(a_start_cut_off_leaves_the_guest_shut_off),
        host_test(an_end_that_the_journal_lost_leaves_the_guest_shut_off),
        host_test(a_transient_guest_that_is_over_leaves_nothing),
        host_test(what_may_run_without_a_document_is_left_alone),
        host_test(a_damaged_journal_starts_nothing),
        host_test(a_last_record_that_rotted_is_no_torn_one),
        host_test(after_a_boot_of_the_host_it_is),
        host_test(a_record_of_an_unknown_kind_is_not_passed_by),
        host_test(a_journal_that_failed_is_whole_again),
        host_test(a_limit_survives_from_its_answer_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
