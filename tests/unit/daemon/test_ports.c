/* The ports of incoming migrations: never given twice, looked at where QEMU will listen. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "daemon/ports.h"
#include "util/cleanup.h"

static struct fail why;

static struct ports *range(uint16_t min, uint16_t max)
{
    struct ports *p;
    assert_int_equal(ports_new(min, max, &p, &why), 0);
    return p;
}

/* A program that listens there, at a port that the kernel chose. */
static int listen_at(const char *address, uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void what_is_no_range_is_refused(void **state)
{
    (void)state;
    struct ports *p;
    assert_int_equal(ports_new(0, 9, &p, &why), -1);
    assert_int_equal(ports_new(9, 8, &p, &why), -1);
    assert_non_null(strstr(why.text, "9 to 8"));
}

static void a_port_is_given_once_until_it_comes_back(void **state)
{
    (void)state;
    uint16_t other, port;
    auto_close int fd = listen_at("127.0.0.9", &other);
    assert_true(fd >= 0);
    struct ports *p = range(other, other);
    assert_int_equal(ports_take(p, "127.0.0.8", &port, &why), 0);
    assert_int_equal(port, other);
    assert_int_equal(ports_take(p, "127.0.0.8", &port, &why), -1);
    ports_release(p, port);
    assert_true(ports_claim(p, port));
    assert_false(ports_claim(p, port));
    ports_release(p, 0);
    assert_int_equal(ports_take(p, "127.0.0.8", &port, &why), -1);
    ports_free(p);
}

static void another_program_is_in_the_way_only_where_it_listens(void **state)
{
    (void)state;
    uint16_t other, port;
    auto_close int fd = listen_at("127.0.0.9", &other);
    assert_true(fd >= 0);
    static const char *const taken[] = {"127.0.0.9", "0.0.0.0", "host.example"};
    struct ports *p = range(other, other);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        assert_int_equal(ports_take(p, taken[i], &port, &why), -1);
        assert_non_null(strstr(why.text, taken[i]));
    }
    assert_int_equal(ports_take(p, "127.0.0.8", &port, &why), 0);
    ports_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_range_is_refused),
        cmocka_unit_test(a_port_is_given_once_until_it_comes_back),
        cmocka_unit_test(another_program_is_in_the_way_only_where_it_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
