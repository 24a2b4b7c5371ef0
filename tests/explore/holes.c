#include "holes.h"
#include <string.h>

static const struct {
    const char *name, *reason;
} holes[HOLES] = {
    [HOLE_LATE_STREAM] = {"late-stream",
                          "the destination lost its client before any stream had come, and ends its "
                          "QEMU on QEMU's word that none has; one comes in between that gets as far "
                          "as post-copy, or brings all of a guest whose source then dies. Needs a "
                          "listening socket that the daemon can close first."},
    [HOLE_STOCK_PEER] = {"stock-peer",
                         "the other daemon has no channel for proof, so the word of the client, or "
                         "of the peer, is taken, as stock libvirt does: a lost answer to Finish lets "
                         "both run, and a source in post-copy with nobody left may never hear of "
                         "its end. So is every migration of a daemon without the channel."},
};

const char *hole_name(enum hole h)
{
    return holes[h].name;
}

const char *hole_reason(enum hole h)
{
    return holes[h].reason;
}

static bool is(const struct verdict *v, const char *what)
{
    return strcmp(v->what, what) == 0;
}

enum hole hole_of(const struct verdict *v, const struct world *before, const struct scenario *s,
                  struct move m)
{
    const struct incoming *in = &before->daemons[DESTINATION].core.in;
    bool only_copy = is(v, "the destination's QEMU is ended although it is the only copy");
    bool no_stream_yet = in->state == IN_PREPARED || in->state == IN_STARTING ||
                         in->state == IN_UNDOING; /* where the order to end it was lost */
    if (only_copy && m.kind == MOVE_REPORT && no_stream_yet)
        return HOLE_LATE_STREAM;
    bool resuming = before->daemons[SOURCE].core.out.state == OUT_RECOVERING;
    if (s->stock && v->rule[1] != '4' && v->rule[1] != '5' && !resuming) /* these need no peer's word */
        return HOLE_STOCK_PEER;
    return HOLES;
}
