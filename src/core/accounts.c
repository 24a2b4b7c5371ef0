#include "core/accounts.h"

void accounts_begin(struct accounts *a, bool outgoing, uint64_t now)
{
    *a = (struct accounts){.outgoing = outgoing, .began = now};
}

void accounts_event(struct accounts *a, enum core_event_type type, uint64_t now)
{
    if (a->ended)
        return;
    if (type == EV_QEMU_STOPPED && a->outgoing && !a->stopped)
        a->stopped = now;
    else if (type == EV_QEMU_RESUMED && a->outgoing && !a->performed)
        a->stopped = 0; /* it runs here again: no blackout yet */
    else if (type == EV_QEMU_RESUMED && !a->outgoing && !a->resumed)
        a->resumed = now;
    else if (type == EV_FINISH && !a->finish)
        a->finish = now;
    else if (type == EV_MIG_POSTCOPY_ACTIVE)
        a->postcopied = 1;
    else if ((type == EV_CONFIRM || type == EV_PEER_FINISHED) && !a->over)
        a->over = now;
}

void accounts_action(struct accounts *a, const struct core_action *action, uint64_t now)
{
    bool handed_over = (action->type == ACT_ANSWER && action->a == CALL_PERFORM) ||
                       (action->type == ACT_PEER_FINISH && !action->a);
    if (handed_over && a->outgoing && !a->performed)
        a->performed = now;
    if (action->type == ACT_JOB_END && !a->ended) {
        a->ended = 1;
        a->result = action->a;
        if (!a->over)
            a->over = now;
    }
}

void accounts_peer_part(struct accounts *a, uint64_t microseconds)
{
    a->peer_part = microseconds;
    a->peer_part_known = 1;
}

uint64_t accounts_elapsed(const struct accounts *a, uint64_t now)
{
    uint64_t end = a->ended ? a->over : now;
    return end > a->began ? end - a->began : 0;
}

bool accounts_downtime(const struct accounts *a, uint64_t *ret_microseconds)
{
    if (!a->peer_part_known)
        return false;
    if (a->outgoing) {
        if (!a->stopped || a->over < a->stopped || a->over - a->stopped < a->peer_part)
            return false;
        *ret_microseconds = a->over - a->stopped - a->peer_part;
        return true;
    }
    if (!a->resumed || a->peer_part == 0)
        return false;
    uint64_t since = a->finish && a->finish < a->resumed ? a->finish : a->resumed;
    *ret_microseconds = a->peer_part + (a->resumed - since);
    return true;
}

uint64_t accounts_own_part(const struct accounts *a, uint64_t now)
{
    uint64_t from = a->outgoing ? a->stopped : a->resumed;
    return from && now > from ? now - from : 0;
}
