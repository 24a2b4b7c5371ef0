/* test_params.c - typed parameters: found, refused, built. */
#include "wire_test.h"
#include "wire/params.h"

static struct fail fail;

static struct rpc_param items[] = {
    {"migrate_uri", {.type = PARAM_STRING, .s = "tcp://10.0.0.2"}},
    {"bandwidth", {.type = PARAM_ULLONG, .ul = UINT64_MAX}},
    {"migrate_disks", {.type = PARAM_STRING, .s = "vda"}},
    {"migrate_disks", {.type = PARAM_STRING, .s = "vdb"}},
    {"parallel.connections", {.type = PARAM_INT, .i = -4}},
    {"load", {.type = PARAM_DOUBLE, .d = 0.5}},
    {"live", {.type = PARAM_BOOLEAN, .b = 1}},
    {"delta", {.type = PARAM_LLONG, .l = INT64_MIN}},
    {"count", {.type = PARAM_UINT, .u = 4000000000}},
};
static const struct rpc_params params = {items, sizeof(items) / sizeof(items[0])};

static void each_type_is_found(void **state)
{
    const char *s;
    uint64_t ul;
    int32_t i;
    double d;
    bool b;
    int64_t l;
    uint32_t u;
    (void)state;
    assert_int_equal(params_get_string(&params, "migrate_uri", &s, &fail), 1);
    assert_string_equal(s, "tcp://10.0.0.2");
    assert_int_equal(params_get_ullong(&params, "bandwidth", &ul, &fail), 1);
    assert_true(ul == UINT64_MAX);
    assert_int_equal(params_get_int(&params, "parallel.connections", &i, &fail), 1);
    assert_int_equal(i, -4);
    assert_int_equal(params_get_double(&params, "load", &d, &fail), 1);
    assert_true(d == 0.5);
    assert_int_equal(params_get_boolean(&params, "live", &b, &fail), 1);
    assert_true(b);
    assert_int_equal(params_get_llong(&params, "delta", &l, &fail), 1);
    assert_true(l == INT64_MIN);
    assert_int_equal(params_get_uint(&params, "count", &u, &fail), 1);
    assert_true(u == 4000000000);
}

static void what_is_absent_writes_nothing(void **state)
{
    const char *s = "as it was";
    (void)state;
    assert_int_equal(params_get_string(&params, "destination_xml", &s, &fail), 0);
    assert_string_equal(s, "as it was");
    assert_null(params_find(&params, "destination_xml"));
}

static void another_type_or_a_second_one_is_named(void **state)
{
    const char *s;
    uint64_t ul = 5;
    (void)state;
    assert_int_equal(params_get_ullong(&params, "migrate_uri", &ul, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_INVALID_ARG);
    assert_string_equal(fail.text, "parameter 'migrate_uri' is of type string, not ullong");
    assert_true(ul == 5);
    assert_int_equal(params_get_string(&params, "migrate_disks", &s, &fail), -1);
    assert_string_equal(fail.text, "parameter 'migrate_disks' is given more than once");
}

static void repeated_ones_come_in_order(void **state)
{
    uint32_t cursor = 0;
    (void)state;
    assert_string_equal(params_next_string(&params, "migrate_disks", &cursor), "vda");
    assert_string_equal(params_next_string(&params, "migrate_disks", &cursor), "vdb");
    assert_null(params_next_string(&params, "migrate_disks", &cursor));
    assert_null(params_next_string(&params, "migrate_disks", &cursor));
}

static void what_a_call_does_not_know_it_refuses(void **state)
{
    static const struct param_known known[] = {
        {"migrate_uri", PARAM_STRING, false},
        {"bandwidth", PARAM_ULLONG, false},
        {"migrate_disks", PARAM_STRING, true},
    };
    struct rpc_params first = {items, 4};
    struct rpc_param twice[] = {items[0], items[0]};
    struct rpc_params two = {twice, 2}, five = {items, 5}, none = {NULL, 0};
    struct rpc_param wrong = {"bandwidth", {.type = PARAM_UINT}};
    struct rpc_params one = {&wrong, 1};
    (void)state;
    assert_int_equal(params_check(&none, known, 3, &fail), 0);
    assert_int_equal(params_check(&first, known, 3, &fail), 0);
    assert_int_equal(params_check(&five, known, 3, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_ARGUMENT_UNSUPPORTED);
    assert_string_equal(fail.text, "parameter 'parallel.connections' is not supported");
    assert_int_equal(params_check(&two, known, 3, &fail), -1);
    assert_string_equal(fail.text, "parameter 'migrate_uri' is given more than once");
    assert_int_equal(params_check(&one, known, 3, &fail), -1);
    assert_string_equal(fail.text, "parameter 'bandwidth' is of type uint, not ullong");
}

static void a_list_is_built_and_outgrows_its_first_room(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    struct params_builder b = {.arena = &arena};
    uint64_t value;
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        params_add_ullong(&b, params_name(&b, "net.%u.rx.bytes", i), i);
    params_add_string(&b, "absent", NULL);
    params_add_string(&b, "name", "web1");
    params_add_boolean(&b, "on", true);
    params_add_int(&b, "i", -1);
    params_add_uint(&b, "u", 1);
    params_add_llong(&b, "l", -1);
    params_add_double(&b, "d", 1.5);
    params_add(&b, &items[0]);
    assert_false(b.failed);
    assert_int_equal(b.params.count, 107);
    assert_int_equal(params_get_ullong(&b.params, "net.99.rx.bytes", &value, &fail), 1);
    assert_int_equal(value, 99);
    /* It is a copy. */
    const struct rpc_param *uri = params_find(&b.params, "migrate_uri");
    assert_string_equal(uri->value.s, "tcp://10.0.0.2");
    assert_ptr_not_equal(uri->value.s, items[0].value.s);
    /* In its place, not another one. */
    params_set_string(&b, "migrate_uri", "tcp://10.0.0.2:49152");
    params_set_string(&b, "destination_name", "web2");
    assert_int_equal(b.params.count, 108);
    assert_string_equal(params_find(&b.params, "migrate_uri")->value.s, "tcp://10.0.0.2:49152");
}

static void a_builder_that_ran_out_of_memory_says_so(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 1400; limit += 20) {
        auto_arena arena = {.limit = limit};
        struct params_builder b = {.arena = &arena};
        for (unsigned i = 0; i < 3; i++) {
            params_add_ullong(&b, params_name(&b, "a.%u", i), i);
            params_add_string(&b, "s", "text");
            params_set_string(&b, "s", "longer text than that");
        }
        assert_true(b.failed || b.params.count == 6);
        for (uint32_t i = 0; i < b.params.count; i++)
            assert_non_null(b.params.items[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_found),
        cmocka_unit_test(what_is_absent_writes_nothing),
        cmocka_unit_test(another_type_or_a_second_one_is_named),
        cmocka_unit_test(repeated_ones_come_in_order),
        cmocka_unit_test(what_a_call_does_not_know_it_refuses),
        cmocka_unit_test(a_list_is_built_and_outgrows_its_first_room),
        cmocka_unit_test(a_builder_that_ran_out_of_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
