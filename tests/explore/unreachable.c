#include "unreachable.h"

static const char *const not_modelled = "answers of power commands are not played; test_life has them";
static const char *const own_call =
    "the client makes this call once and in its order; the stories make it at other times";
static const char *const before_start = "the world begins with a guest that is up";

static const char *life_reason(enum core_event_type e, unsigned state)
{
    if (state == LIFE_STARTING || e == EV_START || state == LIFE_OFF)
        return before_start;
    if (e == EV_RESET || e == EV_SHUTDOWN || e == EV_POWER_REFUSED)
        return not_modelled;
    return NULL;
}

static const char *outgoing_reason(enum core_event_type e, unsigned state)
{
    if (e == EV_CONFIRM || e == EV_CONFIRM_CANCELLED)
        return own_call;
    if (e == EV_POSTCOPY_ACCEPTED && state >= OUT_BEGUN && state <= OUT_CONFIGURING)
        return "the answer comes after `migrate`";
    if (e == EV_MIG_POSTCOPY_RECOVER)
        return "recovery is not played yet";
    return NULL;
}

static const char *incoming_reason(enum core_event_type e, unsigned state)
{
    if (e == EV_FINISH || e == EV_FINISH_CANCELLED)
        return own_call;
    if (e == EV_QEMU_RESUMED && state <= IN_POSTCOPY)
        return "nobody else starts the guest; test_incoming has it";
    if (e == EV_MIG_CANCELLED)
        return "no QEMU says so on a destination";
    return NULL;
}

const char *unreachable_reason(enum machine m, enum core_event_type e, unsigned state)
{
    if (m != MACHINE_LIFE && (e == EV_POWER_DONE || e == EV_POWER_REFUSED))
        return not_modelled;
    switch (m) {
    case MACHINE_LIFE:
        return life_reason(e, state);
    case MACHINE_OUTGOING:
        return outgoing_reason(e, state);
    case MACHINE_INCOMING:
        return incoming_reason(e, state);
    case MACHINES:
        break;
    }
    return NULL;
}
