#include "io/monitor_command.h"
#include <stdlib.h>
#include <unistd.h>

void monitor_list_add(struct monitor_list *l, struct monitor_pending *p)
{
    struct monitor_pending **at = &l->first;
    while (*at)
        at = &(*at)->next;
    *at = p;
    l->count++;
    l->waiting_bytes += buffer_size(&p->bytes);
}

static struct monitor_pending *take_at(struct monitor_list *l, struct monitor_pending **at)
{
    struct monitor_pending *p = *at;
    *at = p->next;
    p->next = NULL;
    l->count--;
    if (p->sent && !p->oob)
        l->ordinary_sent--;
    if (!p->sent)
        l->waiting_bytes -= buffer_size(&p->bytes);
    return p;
}

struct monitor_pending *monitor_list_take(struct monitor_list *l, uint64_t id)
{
    for (struct monitor_pending **at = &l->first; *at; at = &(*at)->next)
        if ((*at)->id == id)
            return take_at(l, at);
    return NULL;
}

struct monitor_pending *monitor_list_take_first(struct monitor_list *l)
{
    return l->first ? take_at(l, &l->first) : NULL;
}

struct monitor_pending *monitor_list_next_waiting(struct monitor_list *l)
{
    struct monitor_pending *p = l->first;
    while (p && p->sent)
        p = p->next;
    return p;
}

void monitor_list_mark_sent(struct monitor_list *l, struct monitor_pending *p)
{
    p->sent = true;
    p->sent_at = timer_now();
    l->waiting_bytes -= buffer_size(&p->bytes);
    if (!p->oob)
        l->ordinary_sent++;
}

void monitor_pending_free(struct monitor_pending *p)
{
    if (!p)
        return;
    timer_cancel(&p->deadline);
    buffer_free(&p->bytes);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

void monitor_pending_answer(struct monitor_pending *p, const struct monitor_reply *reply)
{
    monitor_reply_fn *fn = p->timed_out ? NULL : p->reply;
    void *userdata = p->userdata;
    monitor_pending_free(p);
    if (fn)
        fn(reply, userdata);
}
