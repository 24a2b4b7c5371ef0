/* name_move.c - what happens, in words: for whoever reads the way to a broken rule. */
#include "world.h"
#include <stdio.h>

static const char *name_what(const struct world *w, struct move m)
{
    static const char *const commands[] = {
        "nothing", "cont", "stop", "system_powerdown", "system_reset", "configure", "migrate",
        "migrate-start-postcopy", "migrate-continue", "migrate_cancel", "query statistics",
        "query-migrate", "listen", "survey", "migrate-pause", "getfd", "migrate with resume", "migrate-recover", "yank",
        "cont, the hard way"};
    static const char *const oddities[] = {
        "says an unknown status", "refuses to be configured", "refuses migrate",
        "refuses migrate-start-postcopy", "refuses migrate-continue", "refuses migrate_cancel",
        "refuses cont", "refuses stop", "refuses to listen", "does not start",
        "stops for an I/O error", "sync fails", "is powered off by its guest",
        "is thought to have stalled", "hangs where post-copy should begin",
        "fails as post-copy begins", "says it in another order", "takes what is urgent first", "says an unknown status",
        "refuses to resume", "and all of its host lose their power", "and its host do, and the journal's tail is lost"};
    const struct qemu *q = &w->qemus[m.on];
    switch ((enum move_kind)m.kind) {
    case MOVE_COMMAND:
        return commands[q->commands[0]];
    case MOVE_REPORT:
        return core_event_name(q->reports[0] - 1);
    case MOVE_REQUEST:
        return core_event_name(w->links[m.on].request - 1);
    case MOVE_REPLY:
        return core_result_name(w->links[m.on].reply - 1);
    case MOVE_PEER:
        return core_event_name(w->daemons[SOURCE].peer_event);
    case MOVE_PROOF:
        return core_event_name(EV_PROOF_RELEASED + w->proof - 1);
    case MOVE_OPERATE:
        if (m.which == OPERATE_BREAK)
            return "break";
        return m.which == OPERATE_RESUME ? "resume" : core_event_name(m.which);
    case MOVE_ODDITY:
        return oddities[m.which];
    case MOVE_CRASH:
        return m.which ? "with its commands" : "";
    case MOVE_QEMU:
        return m.which ? "to post-copy" : "";
    case MOVE_NOTICE:
    case MOVE_SYNCED:
    case MOVE_NEAR:
    case MOVE_FAR:
    case MOVE_RESTART:
    case MOVE_POSTCOPY:
    case MOVE_ASK:
    case MOVE_RECOVER:
    case MOVE_AGAIN:
    case MOVE_STALL:
    case MOVE_GRACE:
    case MOVE_RETURN:
    case MOVE_CUT_LINK:
    case MOVE_CUT_STREAM:
    case MOVE_CUT_CHANNEL:
    case MOVE_KILL_QEMU:
    case MOVE_KILL_CLIENT:
    case MOVE_KINDS:
        return "";
    case MOVE_RECOVERABLE:
        return w->recover == RECOVER_CALL_YES ? "yes" : "no";
    }
    return "";
}

const char *world_name_move(const struct world *before, struct move m)
{
    static const char *const kinds[MOVE_KINDS] = {
        [MOVE_COMMAND] = "QEMU executes", [MOVE_QEMU] = "QEMU goes on",
        [MOVE_NOTICE] = "QEMU notices the cut", [MOVE_REPORT] = "daemon hears",
        [MOVE_SYNCED] = "journal synced", [MOVE_PEER] = "peer connection:",
        [MOVE_REQUEST] = "daemon is called:", [MOVE_REPLY] = "caller is answered:",
        [MOVE_NEAR] = "caller notices the cut", [MOVE_FAR] = "daemon notices the caller's end",
        [MOVE_RESTART] = "daemon restarts",
        [MOVE_POSTCOPY] = "operator switches to post-copy", [MOVE_ASK] = "daemon asks its peer",
        [MOVE_PROOF] = "daemon gets proof:", [MOVE_RECOVER] = "daemon has its peer listen again",
        [MOVE_RECOVERABLE] = "daemon hears that it listens:", [MOVE_AGAIN] = "daemon asks again",
        [MOVE_STALL] = "daemon finds it stalled", [MOVE_GRACE] = "client did not come back",
        [MOVE_RETURN] = "client comes back", [MOVE_CUT_CHANNEL] = "*** channel cut", [MOVE_OPERATE] = "operator calls",
        [MOVE_CRASH] = "*** daemon dies", [MOVE_CUT_LINK] = "*** connection cut",
        [MOVE_CUT_STREAM] = "*** stream cut", [MOVE_KILL_QEMU] = "*** QEMU dies",
        [MOVE_KILL_CLIENT] = "*** client dies", [MOVE_ODDITY] = "*** QEMU"};
    static char text[160];
    int length = snprintf(text, sizeof(text), "%-12s %s %s",
                          m.on == SOURCE ? "source" : "destination", kinds[m.kind],
                          name_what(before, m));
    if (m.crash != NO_CRASH && m.crash != BEYOND_BUDGET)
        snprintf(text + length, sizeof(text) - (size_t)length,
                 "  *** and dies after %u of its actions", m.crash);
    return text;
}
