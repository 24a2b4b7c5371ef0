/* The life of a stream:
 *
 *   open -> (ended: the peer sends no more) -> failed -> `closed` was called -> freed
 *     \-> closing: what is queued is still written, input is thrown away -> failed
 *
 * Whatever ends it goes through stream_fail, which closes the descriptor at once and lets the next
 * turn of the loop call `closed`. The event source for that turn is made with the stream, so that
 * no lack of memory can lose the news.
 *
 * A write that fails because the peer is gone does not end the stream while there may be input: the
 * last words of a peer (QEMU's SHUTDOWN) are read first, up to its end of file.
 */
#include "io/stream.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/stream_fds.h"
#include "io/timer.h"

enum {
    TURN_DEFAULT = 64 * 1024,
    LIMIT_DEFAULT = 1024 * 1024,
    WRITES_IN_A_TURN = 8,
};

struct stream {
    sd_event *event;
    const struct stream_ops *ops;
    void *userdata;
    struct stream_limits limits;
    sd_event_source *io;
    sd_event_source *later; /* `closed`, or `received` after a resume */
    struct timer patience;
    struct buffer in;
    struct buffer out;
    struct stream_fds_in in_fds;
    struct stream_fds_out out_fds;
    struct fail why;
    int fd;        /* -1 once failed */
    unsigned busy; /* callbacks on the stack: the memory must stay */
    bool freed;
    bool failed;
    bool paused;
    bool resumed;    /* what is held is to be handed out before anything is read */
    bool hung_up;    /* seen while input was paused, with keep_input */
    bool ended;      /* the peer sends no more */
    bool end_output; /* half-close after the queue */
    bool output_shut;
    bool output_dead; /* the peer takes no more */
    bool closing;     /* after the queue; s->why is the reason */
};

static void release(struct stream *s)
{
    s->io = sd_event_source_disable_unref(s->io);
    timer_cancel(&s->patience);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    buffer_free(&s->out);
    stream_fds_out_free(&s->out_fds);
}

static void leave(struct stream *s)
{
    if (--s->busy > 0 || !s->freed)
        return;
    buffer_free(&s->in);
    free(s);
}

void stream_free(struct stream *s)
{
    if (!s || s->freed)
        return;
    s->busy++;
    s->freed = true;
    release(s);
    s->later = sd_event_source_disable_unref(s->later);
    stream_fds_in_free(&s->in_fds);
    s->event = sd_event_unref(s->event);
    leave(s);
}

static bool is_over(const struct stream *s)
{
    return s->failed || s->freed;
}

static void call_later(struct stream *s)
{
    (void)sd_event_source_set_enabled(s->later, SD_EVENT_ONESHOT);
}

/* s->why is set. */
static void end(struct stream *s)
{
    s->failed = true;
    release(s);
    call_later(s);
}

void stream_fail(struct stream *s, int code, const char *format, ...)
{
    if (is_over(s))
        return;
    char text[sizeof(s->why.text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!s->closing) /* the first reason stands */
        fail_set(&s->why, code, "%s", text);
    end(s);
}

static void fail_errno(struct stream *s, int error)
{
    stream_fail(s, VIR_ERR_SYSTEM_ERROR, "%s", strerror(error));
}

static bool wants_input(const struct stream *s)
{
    return !s->ended && (!s->paused || s->closing);
}

static void update_events(struct stream *s)
{
    if (is_over(s))
        return;
    uint32_t events = (wants_input(s) ? EPOLLIN : 0) | (buffer_size(&s->out) ? EPOLLOUT : 0);
    int r = sd_event_source_set_io_events(s->io, events);
    if (r >= 0)
        r = sd_event_source_set_enabled(s->io,
                                        s->hung_up && !wants_input(s) ? SD_EVENT_OFF : SD_EVENT_ON);
    if (r < 0)
        fail_errno(s, -r);
}

static void fail_at_end(struct stream *s)
{
    size_t left = buffer_size(&s->in);
    if (left)
        stream_fail(s, VIR_ERR_SYSTEM_ERROR, "end of file in the middle of a message (%zu bytes)",
                    left);
    else
        stream_fail(s, VIR_ERR_SYSTEM_ERROR, "end of file");
}

/* What to do once the queue is empty. */
static void after_queue(struct stream *s)
{
    if (buffer_size(&s->out) || is_over(s))
        return;
    if ((s->end_output || s->closing) && !s->output_shut) {
        s->output_shut = true;
        (void)shutdown(s->fd, SHUT_WR); /* fails only when the peer is gone: we'll hear of that */
    }
    if (s->output_shut && s->ended)
        fail_at_end(s);
}

static void peer_takes_no_more(struct stream *s, int error)
{
    s->output_dead = true;
    buffer_free(&s->out);
    stream_fds_out_free(&s->out_fds);
    if (!wants_input(s) || (error != EPIPE && error != ECONNRESET))
        fail_errno(s, error);
}

/* False when the socket takes no more now. */
static bool write_some(struct stream *s)
{
    ssize_t n =
        stream_fds_out_send(&s->out_fds, s->fd, buffer_bytes(&s->out), buffer_size(&s->out));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) {
        peer_takes_no_more(s, errno);
        return false;
    }
    buffer_take(&s->out, (size_t)n);
    return true;
}

static void write_queue(struct stream *s)
{
    for (int i = 0; i < WRITES_IN_A_TURN && !is_over(s) && buffer_size(&s->out); i++)
        if (!write_some(s))
            break;
    after_queue(s);
}

static void hand_out(struct stream *s)
{
    if (!buffer_size(&s->in) || is_over(s) || s->closing)
        return;
    s->ops->received(s, &s->in, s->userdata);
    if (!is_over(s) && !s->paused && buffer_size(&s->in) >= s->limits.input)
        stream_fail(s, VIR_ERR_RPC, "a message is larger than the %zu bytes allowed",
                    s->limits.input);
}

static void input_ended(struct stream *s)
{
    s->ended = true;
    if (s->closing && !s->output_shut)
        return; /* it may still read what is queued for it */
    if (!s->ops->ended || s->output_dead || s->output_shut) {
        fail_at_end(s);
        return;
    }
    s->ops->ended(s, s->userdata);
}

/* One read a turn, to be fair to the others. */
static void read_input(struct stream *s)
{
    if (s->closing)
        buffer_take(&s->in, buffer_size(&s->in));
    size_t size = s->limits.input - buffer_size(&s->in);
    if (size > s->limits.turn)
        size = s->limits.turn;
    uint8_t *room = buffer_reserve(&s->in, size);
    if (!room) {
        fail_errno(s, errno);
        return;
    }
    ssize_t n = stream_fds_in_receive(&s->in_fds, s->fd, room, size);
    if (n < 0 && errno == ETOOMANYREFS)
        stream_fail(s, VIR_ERR_RPC, "the peer sent more than %d descriptors", STREAM_FDS_MAX);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        fail_errno(s, errno);
    else if (n == 0)
        input_ended(s);
    if (n <= 0)
        return;
    buffer_commit(&s->in, (size_t)n);
    hand_out(s);
}

/* The peer is gone and we read nothing now. */
static void on_hang_up(struct stream *s)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (s->limits.keep_input && s->paused && !s->ended) {
        s->hung_up = true;
        return;
    }
    (void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fail_errno(s, error);
    else
        stream_fail(s, VIR_ERR_SYSTEM_ERROR, "end of file");
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct stream *s = userdata;
    (void)source;
    (void)fd;
    s->busy++;
    if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        if (wants_input(s) && !s->resumed)
            read_input(s);
        else if ((revents & (EPOLLHUP | EPOLLERR)) && !s->resumed)
            on_hang_up(s);
    }
    if ((revents & EPOLLOUT) && !is_over(s) && buffer_size(&s->out)) {
        write_queue(s);
        if (!is_over(s) && !buffer_size(&s->out) && s->ops->drained && !s->output_dead)
            s->ops->drained(s, s->userdata);
    }
    update_events(s);
    leave(s);
    return 0;
}

static int on_later(sd_event_source *source, void *userdata)
{
    struct stream *s = userdata;
    (void)source;
    s->busy++;
    s->resumed = false;
    if (s->failed) {
        struct fail why = s->why;
        s->ops->closed(s, &why, s->userdata);
    } else if (!s->paused) {
        hand_out(s);
        update_events(s);
    }
    leave(s);
    return 0;
}

static int add_sources(struct stream *s)
{
    int r = sd_event_add_io(s->event, &s->io, s->fd, EPOLLIN, on_io, s);
    if (r >= 0)
        r = sd_event_add_defer(s->event, &s->later, on_later, s);
    if (r >= 0)
        r = sd_event_source_set_enabled(s->later, SD_EVENT_OFF);
    int flags = fcntl(s->fd, F_GETFL);
    if (r >= 0 && (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) < 0))
        r = -errno;
    return r;
}

int stream_new(sd_event *event, int fd, const struct stream_ops *ops, void *userdata,
               const struct stream_limits *limits, struct stream **ret_stream, struct fail *f)
{
    struct stream *s = calloc(1, sizeof(*s));
    if (!s) {
        close(fd);
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    s->event = sd_event_ref(event);
    s->fd = fd;
    s->ops = ops;
    s->userdata = userdata;
    if (limits)
        s->limits = *limits;
    if (!s->limits.turn)
        s->limits.turn = TURN_DEFAULT;
    if (!s->limits.input)
        s->limits.input = LIMIT_DEFAULT;
    if (!s->limits.output)
        s->limits.output = LIMIT_DEFAULT;
    int r = add_sources(s);
    if (r < 0) {
        stream_free(s);
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "watch a connection: %s", strerror(-r));
    }
    *ret_stream = s;
    return 0;
}

int stream_send_fds(struct stream *s, const void *bytes, size_t size, const int *fds, size_t count)
{
    if (is_over(s) || s->closing || s->end_output || s->output_dead)
        return -1;
    size_t queued = buffer_size(&s->out);
    if (size > s->limits.output - queued) {
        stream_fail(s, VIR_ERR_RPC, "the peer does not read: %zu bytes are waiting for it", queued);
        return -1;
    }
    int r = count ? stream_fds_out_add(&s->out_fds, queued, fds, count) : 0;
    if (r == 0)
        r = buffer_append(&s->out, bytes, size);
    if (r < 0) {
        fail_errno(s, -r);
        return -1;
    }
    if (queued == 0)
        write_queue(s);
    update_events(s);
    return is_over(s) ? -1 : 0;
}

int stream_send(struct stream *s, const void *bytes, size_t size)
{
    return stream_send_fds(s, bytes, size, NULL, 0);
}

size_t stream_queued(const struct stream *s)
{
    return buffer_size(&s->out);
}

int stream_take_fd(struct stream *s)
{
    return stream_fds_in_take(&s->in_fds);
}

size_t stream_fd_count(const struct stream *s)
{
    return s->in_fds.count;
}

void stream_pause_input(struct stream *s)
{
    s->paused = true;
    update_events(s);
}

void stream_resume_input(struct stream *s)
{
    if (is_over(s) || !s->paused)
        return;
    s->paused = false;
    s->resumed = true;
    s->hung_up = false;
    call_later(s);
    update_events(s);
}

void stream_end_output(struct stream *s)
{
    if (is_over(s))
        return;
    s->end_output = true;
    after_queue(s);
}

static void on_out_of_patience(void *userdata)
{
    struct stream *s = userdata;
    stream_fail(s, s->why.code, "%s", s->why.text);
}

void stream_close_when_sent(struct stream *s, uint64_t patience, int code, const char *why)
{
    if (is_over(s) || s->closing)
        return;
    fail_set(&s->why, code, "%s", why);
    s->closing = true;
    if (timer_arm(&s->patience, s->event, patience, on_out_of_patience, s) < 0) {
        end(s);
        return;
    }
    after_queue(s);
    update_events(s);
}
