/* unreachable.c - the cells that no order of events of the explored world reaches, each with its reason.
 *
 * What is said of QEMU is in the model (qemu.c), which is held against real ones; where a story or a test plays it by
 * hand, it is named.
 */
#include "unreachable.h"
#include <stddef.h>

struct entry {
    enum machine machine;
    enum core_event_type event;
    uint32_t states; /* a bit each */
    const char *reason;
};

#define L(state)       (UINT32_C(1) << LIFE_##state)
#define O(state)       (UINT32_C(1) << OUT_##state)
#define I(state)       (UINT32_C(1) << IN_##state)
#define O_SPAN(a, b)   ((O(b) << 1) - O(a))
#define I_SPAN(a, b)   ((I(b) << 1) - I(a))
#define ANY            UINT32_MAX
#define LIFE(e, s, r)  {MACHINE_LIFE, EV_##e, s, r}
#define OUT(e, s, r)   {MACHINE_OUTGOING, EV_##e, s, r}
#define IN(e, s, r)    {MACHINE_INCOMING, EV_##e, s, r}

static const char before_start[] = "the world begins with a guest that is up; test_life starts it";
static const char no_power[] = "answers of power commands are not played; test_life has them";
static const char own_call[] = "the client makes this call once and in its order; the stories make it at other times";
static const char by_boot[] = "QEMU has said another status before; a daemon that was away hears it with BOOT, which gives "
                              "it to this cell (take_as in outgoing_boot.c, replay_status in incoming_boot.c)";
static const char in_order[] = "QEMU answers in order, and has answered that before it says what leads to this state";
static const char by_hand[] = "only somebody at QEMU's own monitor does that";
static const char three[] = "takes three faults and more";
static const char over[] = "QEMU says nothing more of a migration that has completed";
static const char synced_first[] = "Prepare is answered when its sync is done, and who was not answered sends no stream";
static const char answered_first[] = "who was not answered by Prepare asks for nothing, and from PREPARED none leads back";

static const struct entry entries[] = {
    LIFE(START, ANY, before_start),
    LIFE(QEMU_START_FAILED, L(ENDING), before_start),
    LIFE(RESET, ANY, no_power),
    LIFE(SHUTDOWN, ANY, no_power),
    LIFE(POWER_REFUSED, ANY, no_power),

    OUT(POWER_DONE, ANY, no_power),
    OUT(POWER_REFUSED, ANY, no_power),
    OUT(CONFIRM, ANY, own_call),
    OUT(CONFIRM_CANCELLED, ANY, own_call),
    OUT(POSTCOPY_ACCEPTED, O_SPAN(BEGUN, CONFIGURING), "it is ordered after `migrate`"),
    OUT(POSTCOPY_ACCEPTED, O(DOUBT), in_order),
    OUT(CONTINUE_REFUSED, O(SWITCHING), "QEMU refuses it where it does not wait any more, and has said so before"),
    OUT(STOP_DONE, O(DOUBT), by_hand), /* that stop answers such a run */
    OUT(STOP_REFUSED, O(UNDOING), three),
    OUT(STOP_REFUSED, O(DOUBT) | O(RECOVERING), "the stop of a guest that runs where it must not has no reason to fail"),
    OUT(PEER_FINISHED, O(UNDOING), "a destination that is told that it is over answers with the reason, a stock one "
                                   "that says otherwise is not played"),
    OUT(PEER_FINISHED, O(DOUBT), "the connection is lost, or Finish was not sent, before there is doubt"),
    OUT(PEER_REFUSED, O(RECOVERING), three),
    OUT(QEMU_IO_ERROR, O(SWITCHING), "the disk of the model fails only a guest that runs, and that it was "
                                     "stopped is said in order"),
    OUT(QEMU_STOPPED, O(SWITCHING), "the STOP, or what QEMU says after it, leads there"),
    OUT(QEMU_RESUMED, O_SPAN(BEGUN, SWITCHING) | O(PERFORMED) | O(DOUBT), by_hand),
    OUT(QEMU_RESUMED, O(POSTCOPY) | O(POSTCOPY_DONE), "QEMU says failed before it lets the guest run"),
    OUT(MIG_NONE, O_SPAN(STARTING, POSTCOPY) | O(CANCELLING), by_boot),
    OUT(MIG_PRE_SWITCHOVER, O(STARTING) | O(BROKEN), by_boot),
    OUT(MIG_DEVICE, O(STARTING), by_boot),
    OUT(MIG_COMPLETED, O(STARTING), by_boot),
    OUT(MIG_POSTCOPY_ACTIVE, O(STARTING), by_boot),
    OUT(MIG_POSTCOPY_PAUSED, O_SPAN(STARTING, SWITCHING), by_boot),
    OUT(MIG_POSTCOPY_PAUSED, O(CANCELLING), "none is cancelled once post-copy may begin"),
    OUT(MIG_POSTCOPY_PAUSED, O(POSTCOPY_DONE), over),
    OUT(MIG_FAILED, O(POSTCOPY_DONE), over),
    OUT(MIG_CANCELLED, O_SPAN(STARTING, BROKEN) | O(RECOVERING), by_hand),

    IN(POWER_DONE, ANY, no_power),
    IN(POWER_REFUSED, ANY, no_power),
    IN(FINISH, ANY, own_call),
    IN(FINISH_CANCELLED, ANY, own_call),
    IN(SYNCED, I_SPAN(LOADING, BROKEN) | I(RECOVERING), synced_first),
    IN(SYNC_FAILED, I(LOADING) | I(LOADED), synced_first),
    IN(ASKED, I(STARTING), answered_first),
    IN(PEER_RECOVER, I(STARTING), answered_first),
    IN(PEER_RECOVER, I_SPAN(PREPARED, LOADED), "it is called when this end has said that post-copy is active"),
    IN(LISTENING, I(POSTCOPY) | I(DRAINING), "QEMU answers migrate-recover before a stream comes"),
    IN(LISTEN_FAILED, I(BROKEN), "it is ordered in RECOVERING, which is left on this answer, or on one before it"),
    IN(QEMU_RESUMED, I(RECOVERING), three),
    IN(QEMU_RESUMED, I_SPAN(STARTING, POSTCOPY), "nobody else starts the guest; test_incoming has it"),
    IN(QEMU_IO_ERROR, I(RESUMING), "QEMU says RESUME before its guest's disk can fail"),
    IN(SETTLE_RUN, I(RECOVERING), three),
    IN(MIG_POSTCOPY_ACTIVE, I(PREPARED), by_boot),
    IN(MIG_POSTCOPY_PAUSED, I(PREPARED) | I(LOADING), by_boot),
    IN(MIG_COMPLETED, I(PREPARED) | I(RECOVERING), by_boot),
    IN(MIG_FAILED, I(STARTING), "QEMU says failed of a stream; that it does not listen is an answer"),
    IN(MIG_FAILED, I(LOADED), over),
    IN(MIG_CANCELLED, ANY, "no QEMU says so on a destination"),
};

/* Of a guest that is down or starting. */
static bool is_before_start(enum machine m, unsigned state)
{
    return m == MACHINE_LIFE && (state == LIFE_OFF || state == LIFE_STARTING);
}

const char *unreachable_reason(enum machine m, enum core_event_type e, unsigned state)
{
    if (is_before_start(m, state))
        return before_start;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (entries[i].machine == m && entries[i].event == e && entries[i].states >> state & 1)
            return entries[i].reason;
    return NULL;
}
