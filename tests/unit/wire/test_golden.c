/* test_golden.c - what stock clients and libvirtd 9.0 really said to each other (tests/golden/rpc):
 * every frame is decoded by our tables and must come out of them again with the same bytes. */
#include "wire_test.h"
#include <dirent.h>
#include <stdlib.h>
#include "wire/cookie.h"
#include "wire/params.h"
#include "wire/peer_program.h"
#include "wire/remote.h"

static struct fail fail;

enum { LINE_MAX_SIZE = 1 << 20 };

static unsigned seen[500][3]; /* of the remote program: calls, replies, messages */
static unsigned seen_errors, seen_streams, seen_keepalives, seen_qemu, seen_cookies;

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The bytes of a line "A> 0123..."; the direction is lost, the frame says what it is. */
static size_t unhex(const char *line, uint8_t *ret_bytes)
{
    size_t n = 0;
    for (const char *p = line + 3; p[0] > ' ' && p[1] > ' '; p += 2)
        ret_bytes[n++] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
    return n;
}

/* Cookies go through our own reader and writer, and what was in them must still be there. */
static void check_cookie(const struct rpc_bytes *bytes)
{
    auto_arena arena = {.limit = 1 << 20};
    auto_buffer out = {0};
    struct cookie first, second;
    if (bytes->size == 0)
        return;
    seen_cookies++;
    if (cookie_parse(bytes->data, bytes->size, &arena, &first, &fail) < 0 ||
        cookie_write(&first, &out, &fail) < 0 ||
        cookie_parse(buffer_bytes(&out), buffer_size(&out), &arena, &second, &fail) < 0)
        fail_msg("%s", fail.text);
    assert_string_equal(first.name, "golden");
    assert_string_equal(first.name, second.name);
    assert_memory_equal(&first.uuid, &second.uuid, sizeof(struct uuid));
    assert_memory_equal(&first.statistics, &second.statistics, sizeof(first.statistics));
    assert_int_equal(first.capability_count, second.capability_count);
    assert_int_equal(first.domain != NULL, second.domain != NULL);
    assert_false(first.has_baton);
}

static void check_cookies(int32_t procedure, enum frame_type type, const void *value)
{
    if (type == FRAME_CALL && procedure == REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS)
        check_cookie(&((const struct remote_prepare_args *)value)->cookie_in);
    else if (type == FRAME_CALL && procedure == REMOTE_DOMAIN_MIGRATE_PERFORM3_PARAMS)
        check_cookie(&((const struct remote_perform_args *)value)->cookie_in);
    else if (type == FRAME_CALL && procedure == REMOTE_DOMAIN_MIGRATE_FINISH3_PARAMS)
        check_cookie(&((const struct remote_finish_args *)value)->cookie_in);
    else if (type == FRAME_CALL && procedure == REMOTE_DOMAIN_MIGRATE_CONFIRM3_PARAMS)
        check_cookie(&((const struct remote_confirm_args *)value)->cookie_in);
}

static void rebuild_typed(const struct frame *frame, struct arena *arena, struct buffer *out)
{
    const struct rpc_proc *proc = rpc_find(frame->program, frame->procedure);
    if (!proc)
        fail_msg("no table for %s", rpc_procedure_name(frame->program, frame->procedure));
    const struct rpc_struct *s = frame->type == FRAME_REPLY ? proc->ret : proc->args;
    void *value = arena_alloc(arena, s ? s->size : 1);
    if (rpc_decode(s, frame->payload, frame->payload_size, arena, value, &fail) < 0)
        fail_msg("%s: %s", proc->name, fail.text);
    if (frame->program == PROGRAM_REMOTE)
        check_cookies(frame->procedure, frame->type, value);
    if (frame->program == PROGRAM_QEMU)
        seen_qemu++;
    else if (frame->program == PROGRAM_REMOTE)
        seen[frame->procedure][frame->type]++;
    int r = -1;
    if (frame->type == FRAME_CALL)
        r = rpc_write_call(out, proc, frame->serial, value, &fail);
    else if (frame->type == FRAME_REPLY)
        r = rpc_write_reply(out, proc, frame->serial, value, &fail);
    else if (frame->type == FRAME_MESSAGE && proc->flags & RPC_EVENT)
        r = rpc_write_event(out, proc, value, &fail);
    assert_int_equal(r, 0);
}

/* An error built by us from code and sentence has the same bytes as libvirt's. */
static void rebuild_error(const struct frame *frame, struct arena *arena, struct buffer *out)
{
    struct rpc_error error;
    struct fail why;
    seen_errors++;
    assert_int_equal(
        rpc_decode(&rpc_error_struct, frame->payload, frame->payload_size, arena, &error, &fail),
        0);
    assert_int_equal(rpc_read_error(frame, &why), -1);
    assert_int_equal(why.code, error.code);
    assert_int_equal(rpc_write_error(out, frame, error.domain, &why, &fail), 0);
}

static void rebuild_stream(const struct frame *frame, struct buffer *out)
{
    struct frame_stream stream = {frame->program, frame->procedure, frame->serial};
    int r = -1;
    seen_streams++;
    switch (frame->status) {
    case FRAME_OK:
        r = frame_write_stream_finish(out, &stream, &fail);
        break;
    case FRAME_CONTINUE:
        r = frame_write_stream_data(out, &stream, frame->payload, frame->payload_size, &fail);
        break;
    case FRAME_ERROR:
        r = frame_write_stream_abort(out, &stream, &fail);
        break;
    }
    assert_int_equal(r, 0);
}

static void check_frame(const uint8_t *bytes, size_t size)
{
    auto_arena arena = {.limit = 1 << 22};
    auto_buffer out = {0};
    struct frame frame;
    assert_int_equal(frame_parse(bytes, size, FRAME_SIZE_MAX, &frame, NULL, &fail), 1);
    assert_int_equal(frame.size, size);
    if (frame.program == PROGRAM_KEEPALIVE) {
        seen_keepalives++;
        assert_int_equal(frame_write_keepalive(&out, frame.procedure, &fail), 0);
    } else if (frame.type == FRAME_STREAM) {
        rebuild_stream(&frame, &out);
    } else if (frame.status == FRAME_ERROR) {
        rebuild_error(&frame, &arena, &out);
    } else {
        rebuild_typed(&frame, &arena, &out);
    }
    if (buffer_size(&out) != size || memcmp(buffer_bytes(&out), bytes, size) != 0)
        fail_msg("%s, serial %u: other bytes than recorded (%zu for %zu)",
                 rpc_procedure_name(frame.program, frame.procedure), frame.serial,
                 buffer_size(&out), size);
}

static void check_file(const char *path)
{
    auto_free char *line = malloc(LINE_MAX_SIZE);
    auto_free uint8_t *bytes = malloc(LINE_MAX_SIZE / 2);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    print_message("%s\n", path);
    while (fgets(line, LINE_MAX_SIZE, file))
        if (line[0] != '#')
            check_frame(bytes, unhex(line, bytes));
    fclose(file);
}

static void recorded_frames_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct dirent **names;
    int n = scandir(GOLDEN "/rpc", &names, NULL, alphasort);
    assert_true(n > 2);
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/rpc/%s", GOLDEN, names[i]->d_name);
        if (strstr(path, ".hex"))
            check_file(path);
        free(names[i]);
    }
    free(names);
}

/* The recording must hold what the tables are trusted for; a thinner one would pass unseen. */
static void the_recording_has_what_matters(void **state)
{
    static const int both[] = {
        REMOTE_CONNECT_OPEN,
        REMOTE_CONNECT_LIST_ALL_DOMAINS,
        REMOTE_DOMAIN_DEFINE_XML,
        REMOTE_DOMAIN_CREATE,
        REMOTE_DOMAIN_GET_XML_DESC,
        REMOTE_DOMAIN_GET_JOB_STATS,
        REMOTE_CONNECT_GET_ALL_DOMAIN_STATS,
        REMOTE_EVENT_REGISTER,
        REMOTE_DOMAIN_OPEN_CONSOLE,
        REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_PERFORM3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_FINISH3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_CONFIRM3_PARAMS,
        REMOTE_DOMAIN_MIGRATE_START_POST_COPY,
    };
    static const int messages[] = {
        REMOTE_EVENT_LIFECYCLE,
        REMOTE_EVENT_MIGRATION_ITERATION,
        REMOTE_EVENT_JOB_COMPLETED,
        REMOTE_EVENT_METADATA_CHANGE,
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(both) / sizeof(both[0]); i++)
        if (!seen[both[i]][FRAME_CALL] || !seen[both[i]][FRAME_REPLY])
            fail_msg("no %s in it", rpc_procedure_name(PROGRAM_REMOTE, both[i]));
    for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
        if (!seen[messages[i]][FRAME_MESSAGE])
            fail_msg("no %s in it", rpc_procedure_name(PROGRAM_REMOTE, messages[i]));
    assert_true(seen_errors >= 4);
    assert_true(seen_streams >= 6);
    assert_true(seen_keepalives >= 2);
    assert_true(seen_qemu >= 4);
    assert_true(seen_cookies >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_frames_come_out_as_they_went_in),
        cmocka_unit_test(the_recording_has_what_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
