/* life.c - the life of a guest outside a migration: started, paused, resumed, ended.
 *
 * QEMU's STOP and RESUME change what a client reads; the reply of `stop` or `cont` answers the
 * client who asked. QEMU runs with -no-shutdown: a guest that powers itself off leaves a stopped
 * QEMU behind, which is then ended, or reset when the power-off was a client's reboot or is to be one.
 */
#include "core/machine.h"

enum { REBOOT_ASKED = 1, REBOOT_RESETTING = 2 };

static struct life *life(struct step *s)
{
    return &s->core->life;
}

/* QEMU is there, its first `cont` is not answered yet; clients have been told nothing. */
static bool starting_up(const struct life *l)
{
    return l->state == CORE_PAUSED && l->reason == PAUSED_STARTING_UP;
}

void life_take(struct step *s)
{
    life_table[s->event.type][s->core->life.phase].take(s);
}

bool life_refuse_unless_up(struct step *s)
{
    static const uint8_t result[LIFE_COUNT] = {
        [LIFE_OFF] = RESULT_NOT_RUNNING,
        [LIFE_STARTING] = RESULT_STARTING,
        [LIFE_ENDING] = RESULT_ENDING,
    };
    if (life(s)->phase == LIFE_UP)
        return false;
    step_refuse(s, result[life(s)->phase]);
    return true;
}

static void refuse_by_phase(struct step *s)
{
    (void)life_refuse_unless_up(s);
}

void life_end(struct step *s, enum core_reason reason, enum core_detail detail, bool graceful)
{
    life(s)->phase = LIFE_ENDING;
    life(s)->end_reason = (uint8_t)reason;
    life(s)->end_detail = (uint8_t)detail;
    step_act(s, ACT_KILL_QEMU, graceful);
}

void life_gone(struct step *s)
{
    struct life *l = life(s);
    bool ended = l->phase == LIFE_ENDING;
    bool was_told = l->state != CORE_SHUTOFF && !starting_up(l);
    enum core_reason reason = ended ? l->end_reason : was_told ? SHUTOFF_CRASHED : SHUTOFF_FAILED;
    enum core_detail detail = ended ? l->end_detail : STOPPED_FAILED;
    *l = (struct life){.phase = LIFE_OFF, .state = CORE_SHUTOFF, .reason = (uint8_t)reason};
    if (was_told)
        step_tell(s, CORE_SHUTOFF, reason, TOLD_STOPPED, detail);
    step_answer(s, CALL_DESTROY, RESULT_OK);
    step_answer(s, CALL_START, reason == SHUTOFF_DESTROYED ? RESULT_DESTROYED : RESULT_QEMU_FAILED);
    static const uint8_t others[] = {CALL_SUSPEND, CALL_RESUME, CALL_SHUTDOWN, CALL_REBOOT, CALL_RESET};
    for (size_t i = 0; i < sizeof(others); i++)
        step_answer(s, others[i], RESULT_GUEST_GONE);
}

/* ---- start ---------------------------------------------------------------------------------- */

static void start(struct step *s)
{
    life(s)->phase = LIFE_STARTING;
    life(s)->stay_paused = s->event.arg;
    step_act(s, ACT_START_QEMU, 0);
}

static void refuse_start(struct step *s)
{
    step_refuse(s, life(s)->phase == LIFE_UP ? RESULT_ALREADY_RUNNING : RESULT_STARTING);
}

static void started(struct step *s)
{
    struct life *l = life(s);
    l->phase = LIFE_UP;
    if (!l->stay_paused) {
        l->state = CORE_PAUSED;
        l->reason = PAUSED_STARTING_UP;
        step_act(s, ACT_CONT, 0);
        return;
    }
    step_tell(s, CORE_PAUSED, PAUSED_USER, TOLD_STARTED, STARTED_BOOTED);
    step_tell(s, CORE_PAUSED, PAUSED_USER, TOLD_SUSPENDED, SUSPENDED_PAUSED);
    step_answer(s, CALL_START, RESULT_OK);
}

/* ---- pause and resume ----------------------------------------------------------------------- */

void life_suspend(struct step *s)
{
    struct life *l = life(s);
    if (l->state == CORE_SHUTDOWN || starting_up(l))
        step_refuse(s, l->state == CORE_SHUTDOWN ? RESULT_ENDING : RESULT_STARTING);
    else if (l->state == CORE_PAUSED && !core_waits(s->core, CALL_RESUME))
        step_answer(s, CALL_SUSPEND, RESULT_OK);
    else if (!s->joined)
        step_act(s, ACT_STOP, 0);
}

static void resume(struct step *s)
{
    struct life *l = life(s);
    if (l->state == CORE_SHUTDOWN || starting_up(l))
        step_refuse(s, l->state == CORE_SHUTDOWN ? RESULT_ENDING : RESULT_STARTING);
    else if (l->state == CORE_RUNNING && !core_waits(s->core, CALL_SUSPEND))
        step_refuse(s, RESULT_ALREADY_RUNNING);
    else if (!s->joined)
        step_act(s, ACT_CONT, l->by_door);
}

static void stopped(struct step *s)
{
    struct life *l = life(s);
    if (l->io_error) {
        l->io_error = 0;
        step_tell(s, CORE_PAUSED, PAUSED_IOERROR, TOLD_SUSPENDED, SUSPENDED_IOERROR);
    } else if (l->state == CORE_RUNNING && l->rebooting != REBOOT_RESETTING) {
        bool asked = core_waits(s->core, CALL_SUSPEND);
        step_tell(s, CORE_PAUSED, asked ? PAUSED_USER : REASON_UNKNOWN, TOLD_SUSPENDED,
                  SUSPENDED_PAUSED);
    }
}

static void stop_done(struct step *s)
{
    if (life(s)->vcpus == 0 && life(s)->state == CORE_RUNNING)
        stopped(s);
    step_answer(s, CALL_SUSPEND, RESULT_OK);
}

static void stop_refused(struct step *s)
{
    step_answer(s, CALL_SUSPEND, RESULT_QEMU_FAILED);
}

static void resumed(struct step *s)
{
    struct life *l = life(s);
    if (starting_up(l)) {
        step_tell(s, CORE_RUNNING, RUNNING_BOOTED, TOLD_STARTED, STARTED_BOOTED);
        step_answer(s, CALL_START, RESULT_OK);
        return;
    }
    l->by_door = 0; /* what has run once is let run in the ordinary way */
    if (l->rebooting == REBOOT_RESETTING)
        l->rebooting = 0;
    if (l->state == CORE_PAUSED) /* also one whose power-off a daemon that was away has found as a stop */
        step_tell(s, CORE_RUNNING, RUNNING_UNPAUSED, TOLD_RESUMED, RESUMED_UNPAUSED);
}

static void cont_done(struct step *s)
{
    if (life(s)->vcpus && life(s)->state == CORE_PAUSED)
        resumed(s);
    step_answer(s, CALL_RESUME, RESULT_OK);
}

static void cont_refused(struct step *s)
{
    if (starting_up(life(s)))
        life_end(s, SHUTOFF_FAILED, STOPPED_FAILED, false);
    else
        step_answer(s, CALL_RESUME, RESULT_QEMU_FAILED);
}

static void io_error(struct step *s)
{
    life(s)->io_error = 1;
}

/* ---- power ---------------------------------------------------------------------------------- */

static void ask_power(struct step *s)
{
    int call = core_call_of(s->event.type);
    if (life(s)->state == CORE_SHUTDOWN) {
        step_refuse(s, RESULT_ENDING);
        return;
    }
    life(s)->rebooting = call == CALL_REBOOT ? REBOOT_ASKED : 0;
    if (!s->joined)
        step_act(s, call == CALL_RESET ? ACT_RESET : ACT_POWERDOWN, (uint8_t)call);
}

static void power_done(struct step *s)
{
    if (s->event.arg < CALL_COUNT)
        step_answer(s, s->event.arg, RESULT_OK);
}

static void power_refused(struct step *s)
{
    if (s->event.arg < CALL_COUNT)
        step_answer(s, s->event.arg, RESULT_QEMU_FAILED);
}

static void powered_off(struct step *s)
{
    bool starts_again = life(s)->rebooting == REBOOT_ASKED || s->event.arg2;
    if (starts_again && s->event.arg == SHUTDOWN_GUEST) {
        life(s)->rebooting = REBOOT_RESETTING;
        step_act(s, ACT_RESET, CALL_COUNT);
        step_act(s, ACT_CONT, 0);
        return;
    }
    step_tell(s, CORE_SHUTDOWN, SHUTDOWN_USER, TOLD_SHUTDOWN, s->event.arg);
    life_end(s, SHUTOFF_SHUTDOWN, STOPPED_SHUTDOWN, true);
}

static void destroy(struct step *s)
{
    life_end(s, SHUTOFF_DESTROYED, STOPPED_DESTROYED, s->event.arg);
}

/* A client's destroy of a guest that is ending anyway: its reason wins only over none. A graceful
 * end that a client wants sooner is made hard. */
static void destroy_ending(struct step *s)
{
    if (!s->event.arg)
        step_act(s, ACT_KILL_QEMU, 0);
}

static void no_job(struct step *s)
{
    step_refuse(s, RESULT_NO_JOB);
}

static void no_doubt(struct step *s)
{
    step_refuse(s, RESULT_NOT_IN_DOUBT);
}

/* ---- the daemon came back ------------------------------------------------------------------- */

static void boot(struct step *s)
{
    struct life *l = life(s);
    if (starting_up(l)) {
        life_end(s, SHUTOFF_FAILED, STOPPED_FAILED, false);
        return;
    }
    if (l->state == CORE_RUNNING && !l->vcpus && l->rebooting != REBOOT_RESETTING)
        stopped(s);
    else if (l->state == CORE_PAUSED && l->vcpus)
        resumed(s);
    if (l->rebooting == REBOOT_RESETTING && !l->vcpus) {
        step_act(s, ACT_RESET, CALL_COUNT);
        step_act(s, ACT_CONT, 0);
    }
    step_answer(s, CALL_SUSPEND, l->vcpus ? RESULT_QEMU_FAILED : RESULT_OK);
    step_answer(s, CALL_RESUME, l->vcpus ? RESULT_OK : RESULT_QEMU_FAILED);
}

/* The process was found while its start had not been finished: nobody knows how far it came. */
static void boot_half_started(struct step *s)
{
    life_end(s, SHUTOFF_FAILED, STOPPED_FAILED, false);
}

static void boot_ending(struct step *s)
{
    step_act(s, ACT_KILL_QEMU, 0);
}

/* ---- the table ------------------------------------------------------------------------------ */

#define C(f)     {f, #f}
#define ROW(event, off, starting, up, ending)                                                      \
    [EV_##event] = {[LIFE_OFF] = C(off), [LIFE_STARTING] = C(starting), [LIFE_UP] = C(up),         \
                    [LIFE_ENDING] = C(ending)}
#define ignore     step_ignore
#define unexpected step_unexpected
#define gone       life_gone
#define suspend    life_suspend
#define refuse     refuse_by_phase

const struct cell life_table[EV_COUNT][LIFE_COUNT] = {
    /*                          OFF           STARTING           UP             ENDING */
    ROW(START,                  start,        refuse_start,      refuse_start,  refuse),
    ROW(SUSPEND,                refuse,       refuse,            suspend,       refuse),
    ROW(RESUME,                 refuse,       refuse,            resume,        refuse),
    ROW(DESTROY,                refuse,       destroy,           destroy,       destroy_ending),
    ROW(SHUTDOWN,               refuse,       refuse,            ask_power,     refuse),
    ROW(REBOOT,                 refuse,       refuse,            ask_power,     refuse),
    ROW(RESET,                  refuse,       refuse,            ask_power,     refuse),
    ROW(ABORT,                  no_job,       no_job,            no_job,        no_job),
    ROW(SETTLE_RUN,             no_doubt,     no_doubt,          no_doubt,      no_doubt),
    ROW(SETTLE_END,             no_doubt,     no_doubt,          no_doubt,      no_doubt),
    ROW(STALLED,                ignore,       ignore,            ignore,        ignore),
    ROW(CLIENT_GONE,            ignore,       ignore,            ignore,        ignore),
    ROW(QEMU_STARTED,           unexpected,   started,           unexpected,    ignore),
    ROW(QEMU_START_FAILED,      unexpected,   gone,              unexpected,    gone),
    ROW(QEMU_GONE,              ignore,       gone,              gone,          gone),
    ROW(QEMU_STOPPED,           unexpected,   ignore,            stopped,       ignore),
    ROW(QEMU_RESUMED,           unexpected,   unexpected,        resumed,       ignore),
    ROW(QEMU_SHUTDOWN,          unexpected,   unexpected,        powered_off,   ignore),
    ROW(QEMU_IO_ERROR,          unexpected,   unexpected,        io_error,      ignore),
    ROW(CONT_DONE,              unexpected,   unexpected,        cont_done,     ignore),
    ROW(CONT_REFUSED,           unexpected,   unexpected,        cont_refused,  ignore),
    ROW(STOP_DONE,              unexpected,   unexpected,        stop_done,     ignore),
    ROW(STOP_REFUSED,           unexpected,   unexpected,        stop_refused,  ignore),
    ROW(POWER_DONE,             unexpected,   unexpected,        power_done,    ignore),
    ROW(POWER_REFUSED,          unexpected,   unexpected,        power_refused, ignore),
    ROW(PAUSE_REFUSED,          ignore,       ignore,            ignore,        ignore),
    ROW(MIG_NONE,               ignore,       ignore,            ignore,        ignore),
    ROW(MIG_SETUP,              ignore,       ignore,            ignore,        ignore),
    ROW(MIG_ACTIVE,             ignore,       ignore,            ignore,        ignore),
    ROW(MIG_PRE_SWITCHOVER,     ignore,       ignore,            ignore,        ignore),
    ROW(MIG_DEVICE,             ignore,       ignore,            ignore,        ignore),
    ROW(MIG_POSTCOPY_ACTIVE,    ignore,       ignore,            ignore,        ignore),
    ROW(MIG_POSTCOPY_PAUSED,    ignore,       ignore,            ignore,        ignore),
    ROW(MIG_POSTCOPY_RECOVER,   ignore,       ignore,            ignore,        ignore),
    ROW(MIG_COMPLETED,          ignore,       ignore,            ignore,        ignore),
    ROW(MIG_FAILED,             ignore,       ignore,            ignore,        ignore),
    ROW(MIG_CANCELLING,         ignore,       ignore,            ignore,        ignore),
    ROW(MIG_CANCELLED,          ignore,       ignore,            ignore,        ignore),
    ROW(MIG_UNKNOWN,            ignore,       ignore,            ignore,        ignore),
    ROW(BOOT,                   unexpected,   boot_half_started, boot,          boot_ending),
};
