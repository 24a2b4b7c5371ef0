/* monitor_command.h - the commands of one monitor that have no answer yet. Only for monitor.c. */
#pragma once
#include "io/monitor.h"
#include "io/timer.h"
#include "util/buffer.h"

struct monitor_pending {
    struct monitor_pending *next;
    struct monitor *monitor;
    uint64_t id;
    bool oob;         /* sent past the pipeline */
    bool sent;        /* QEMU may have seen it */
    uint64_t sent_at; /* timer_now */
    bool timed_out;   /* its caller was answered; the late reply is dropped */
    struct timer deadline;
    monitor_reply_fn *reply;
    void *userdata;
    struct buffer bytes; /* as they will be sent; empty once they were */
    int fd;              /* that goes with them, ours; -1: none, or sent */
};

/* In the order of monitor_send. */
struct monitor_list {
    struct monitor_pending *first;
    size_t count;
    size_t waiting_bytes;   /* not sent yet */
    unsigned ordinary_sent; /* with QEMU, not out of band */
};

void monitor_list_add(struct monitor_list *l, struct monitor_pending *p);
/* Takes it out; NULL when there is none with this id. */
struct monitor_pending *monitor_list_take(struct monitor_list *l, uint64_t id);
struct monitor_pending *monitor_list_take_first(struct monitor_list *l);
/* The first that waits for its turn. */
struct monitor_pending *monitor_list_next_waiting(struct monitor_list *l);
/* It goes to QEMU now: the caller sends p->bytes and frees them. */
void monitor_list_mark_sent(struct monitor_list *l, struct monitor_pending *p);

void monitor_pending_free(struct monitor_pending *p);
/* Calls its callback unless it was called already, and frees it. */
void monitor_pending_answer(struct monitor_pending *p, const struct monitor_reply *reply);
