/* test_rpc_tables.c - every structure of every procedure, filled by its own table: there and back,
 * cut short at every byte, too long, and the tables themselves. */
#include "wire_test.h"
#include "util/uuid.h"
#include "wire/params.h"
#include "wire/peer_program.h"
#include "wire/remote.h"
#include "wire/rpc_table.h"

static struct fail fail;

/* ---- a value of any structure: each number another one, each optional thing there, three elements
 * in each array (fewer where the limit says so) ---- */

struct filler {
    struct arena arena;
    uint64_t next;
};

static void fill_struct(struct filler *l, const struct rpc_struct *s, uint8_t *value);

static uint64_t number(struct filler *l)
{
    l->next += 0x0101010101010107;
    return l->next;
}

static char *text(struct filler *l)
{
    return arena_printf(&l->arena, "text %u", (unsigned)(number(l) % 100000));
}

static void fill_param(struct filler *l, struct rpc_param_value *v)
{
    v->type = (enum param_type)(PARAM_INT + number(l) % 7);
    if (v->type == PARAM_STRING)
        v->s = text(l);
    else if (v->type == PARAM_BOOLEAN)
        v->b = number(l) % 2;
    else if (v->type == PARAM_INT || v->type == PARAM_UINT)
        v->u = (uint32_t)number(l);
    else
        v->ul = number(l);
}

static void fill_array(struct filler *l, const struct rpc_field *field, uint8_t *at)
{
    struct rpc_array array = {.count = field->limit < 3 ? field->limit : 3};
    size_t size = rpc_element_size(field);
    assert_true(size > 0);
    array.items = arena_array(&l->arena, array.count, size);
    for (uint32_t i = 0; i < array.count; i++) {
        uint8_t *item = (uint8_t *)array.items + i * size;
        if (field->element == RPC_STRUCT)
            fill_struct(l, field->of, item);
        else if (field->element == RPC_STRING)
            *(char **)item = text(l);
        else if (field->element == RPC_U64)
            *(uint64_t *)item = number(l);
        else
            *(uint32_t *)item = (uint32_t)number(l);
    }
    memcpy(at, &array, sizeof(array));
}

static void fill_field(struct filler *l, const struct rpc_field *field, uint8_t *at)
{
    uint64_t n = number(l);
    switch (field->type) {
    case RPC_I32:
    case RPC_U32:
        memcpy(at, &n, 4);
        return;
    case RPC_I64:
    case RPC_U64:
    case RPC_DOUBLE:
        memcpy(at, &n, 8);
        return;
    case RPC_U8:
        memcpy(at, &n, 1);
        return;
    case RPC_U16:
        memcpy(at, &n, 2);
        return;
    case RPC_STRING:
    case RPC_OPTIONAL_STRING:
    case RPC_CHARS:
        *(char **)at = text(l);
        return;
    case RPC_UUID:
        for (unsigned i = 0; i < 16; i++)
            at[i] = (uint8_t)(n + i);
        return;
    case RPC_OPAQUE:
        *(struct rpc_bytes *)at = (struct rpc_bytes){(uint8_t *)text(l), 7};
        return;
    case RPC_FIXED_CHARS:
        snprintf((char *)at, field->limit, "cpu");
        return;
    case RPC_STRUCT:
        fill_struct(l, field->of, at);
        return;
    case RPC_OPTIONAL_STRUCT:
        *(uint8_t **)at = arena_alloc(&l->arena, field->of->size);
        fill_struct(l, field->of, *(uint8_t **)at);
        return;
    case RPC_ARRAY:
        fill_array(l, field, at);
        return;
    case RPC_PARAM_VALUE:
        fill_param(l, (struct rpc_param_value *)at);
        return;
    }
}

static void fill_struct(struct filler *l, const struct rpc_struct *s, uint8_t *value)
{
    for (unsigned i = 0; i < s->count; i++)
        fill_field(l, &s->fields[i], value + s->fields[i].offset);
}

/* ---- what must hold for each of them ---- */

static int decode(const struct rpc_struct *s, const uint8_t *bytes, size_t size)
{
    auto_arena arena = {.limit = 1 << 20};
    auto_free void *value = calloc(1, s->size);
    fail = (struct fail){0};
    return rpc_decode(s, bytes, size, &arena, value, &fail);
}

static void check_struct(const struct rpc_struct *s)
{
    struct filler l = {.next = s->size};
    auto_buffer first = {0}, second = {0};
    auto_arena arena = {.limit = 1 << 20};
    auto_free void *value = calloc(1, s->size), *back = calloc(1, s->size);

    arena_init(&l.arena, 1 << 20);
    fill_struct(&l, s, value);
    if (rpc_encode(s, value, &first, &fail) < 0 ||
        rpc_decode(s, buffer_bytes(&first), buffer_size(&first), &arena, back, &fail) < 0 ||
        rpc_encode(s, back, &second, &fail) < 0)
        fail_msg("%s: %s", s->name, fail.text);
    arena_free(&l.arena);
    assert_int_equal(buffer_size(&first), buffer_size(&second));
    assert_memory_equal(buffer_bytes(&first), buffer_bytes(&second), buffer_size(&first));

    for (size_t size = 0; size < buffer_size(&first); size++) {
        assert_int_equal(decode(s, buffer_bytes(&first), size), -1);
        assert_int_equal(fail.code, VIR_ERR_RPC);
        assert_true(fail.text[0]);
    }
    assert_int_equal(buffer_append(&first, "\0\0\0\0", 4), 0);
    assert_int_equal(decode(s, buffer_bytes(&first), buffer_size(&first)), -1);
    assert_says(&fail, "4 bytes left over");
}

/* All procedures that there are, by asking for every number. */
static const struct rpc_proc *procs[400];
static unsigned proc_count;

static int find_all(void **state)
{
    (void)state;
    static const uint32_t programs[] = {PROGRAM_REMOTE, PROGRAM_QEMU, PROGRAM_PEER};
    for (unsigned p = 0; p < 3; p++)
        for (int32_t n = -1; n < 1000; n++)
            if (rpc_find(programs[p], n))
                procs[proc_count++] = rpc_find(programs[p], n);
    return 0;
}

static void every_structure_survives_and_is_checked(void **state)
{
    (void)state;
    assert_int_equal(proc_count, 117);
    for (unsigned i = 0; i < proc_count; i++) {
        if (procs[i]->args)
            check_struct(procs[i]->args);
        if (procs[i]->ret)
            check_struct(procs[i]->ret);
    }
    check_struct(&rpc_error_struct);
}

static void every_procedure_has_its_name_and_place(void **state)
{
    (void)state;
    for (unsigned i = 0; i < proc_count; i++) {
        const char *name = rpc_procedure_name(procs[i]->program, procs[i]->number);
        assert_string_equal(procs[i]->name, name);
        /* The tables are searched by halves: every entry must be found again. */
        assert_ptr_equal(rpc_find(procs[i]->program, procs[i]->number), procs[i]);
        if (procs[i]->flags & RPC_EVENT) {
            assert_null(procs[i]->ret);
            assert_true(strstr(name, "EVENT") != NULL);
        }
    }
    assert_string_equal(rpc_procedure_name(PROGRAM_REMOTE, 55), "DOMAIN_SAVE");
    assert_null(rpc_find(PROGRAM_REMOTE, 55));
    assert_string_equal(rpc_procedure_name(PROGRAM_REMOTE, 453), "DOMAIN_EVENT_NIC_MAC_CHANGE");
    assert_null(rpc_procedure_name(PROGRAM_REMOTE, 454));
    assert_null(rpc_procedure_name(PROGRAM_REMOTE, 0));
    assert_null(rpc_procedure_name(PROGRAM_REMOTE, INT32_MIN));
    assert_null(rpc_procedure_name(PROGRAM_KEEPALIVE, 1));
    assert_null(rpc_find(0x20008088, 1));
}

static unsigned flags_of(int32_t number)
{
    return rpc_find(PROGRAM_REMOTE, number)->flags;
}

static void who_may_call_what(void **state)
{
    unsigned before_open = 0;
    (void)state;
    for (unsigned i = 0; i < proc_count; i++)
        before_open += (procs[i]->flags & RPC_BEFORE_OPEN) != 0;
    assert_int_equal(before_open, 6);
    assert_true(flags_of(REMOTE_AUTH_LIST) & RPC_BEFORE_OPEN);
    assert_true(flags_of(REMOTE_DOMAIN_GET_STATE) & RPC_READ_ONLY_OK);
    assert_true(flags_of(REMOTE_EVENT_REGISTER) & RPC_READ_ONLY_OK);
    static const int32_t changing[] = {
        REMOTE_DOMAIN_CREATE,
        REMOTE_DOMAIN_DEFINE_XML,
        REMOTE_DOMAIN_DESTROY,
        REMOTE_DOMAIN_SUSPEND,
        REMOTE_DOMAIN_RESUME,
        REMOTE_DOMAIN_SET_AUTOSTART,
        REMOTE_DOMAIN_OPEN_CONSOLE,
        REMOTE_DOMAIN_SET_METADATA,
        REMOTE_DOMAIN_ABORT_JOB,
        REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_PERFORM3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_FINISH3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_CONFIRM3_PARAMS,
        REMOTE_CONNECT_GET_DOMAIN_CAPABILITIES,
    };
    for (unsigned i = 0; i < COUNT_OF(changing); i++)
        assert_false(flags_of(changing[i]) & RPC_READ_ONLY_OK);
    for (int32_t n = 1; n < 10; n++)
        if (rpc_find(PROGRAM_QEMU, n))
            assert_false(rpc_find(PROGRAM_QEMU, n)->flags & RPC_READ_ONLY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_structure_survives_and_is_checked),
        cmocka_unit_test(every_procedure_has_its_name_and_place),
        cmocka_unit_test(who_may_call_what),
    };
    return cmocka_run_group_tests(tests, find_all, NULL);
}
