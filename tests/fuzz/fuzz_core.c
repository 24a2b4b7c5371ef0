/* Any events, in any order, into the machines of one guest: three bytes an event.
 *
 * The explorer (tests/explore) plays two hosts by the rules; here nobody keeps any rule: a QEMU and
 * a peer say whatever they like, replies come to orders that were never given. Even then every pair
 * is declared, and what the explorer holds each step to (step_rules.h) holds.
 */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include "core/core.h"
#include "step_rules.h"

/* With CORE_STEPS in the environment each step is printed: what an input does. */
static void print_step(const struct core *c, struct core_event e, const struct core_actions *actions)
{
    static int wanted = -1;
    if (wanted < 0)
        wanted = getenv("CORE_STEPS") != NULL;
    if (!wanted)
        return;
    fprintf(stderr, "%s %u %u -> %s, %s, %s/%s:", core_event_name(e.type), e.arg, e.arg2,
            life_phase_name(c->life.phase), core_state_name(c->life.state, c->life.reason),
            out_state_name(c->out.state), in_state_name(c->in.state));
    for (unsigned i = 0; i < actions->count; i++)
        fprintf(stderr, " %s(%u %u %u %u)", core_action_name(actions->list[i].type), actions->list[i].a,
                actions->list[i].b, actions->list[i].c, actions->list[i].d);
    fputc('\n', stderr);
}

static void step(struct core *c, struct core_event event)
{
    struct core before = *c;
    struct core_actions actions;
    core_step(c, event, &actions);
    print_step(c, event, &actions);
    const char *rule, *broken = step_rules_check(&before, event, c, &actions, false, &rule);
    if (broken) {
        fprintf(stderr, "%s: %s\n", rule, broken);
        __builtin_trap();
    }
}

/* Arguments as the daemon gives them: nothing outside can choose these. */
static struct core_event make_event(const uint8_t *bytes)
{
    static const uint8_t power[] = {CALL_SHUTDOWN, CALL_REBOOT, CALL_RESET, CALL_COUNT};
    struct core_event e = {.type = bytes[0] % EV_COUNT};
    switch (e.type) {
    case EV_BEGIN:
    case EV_PERFORM_P2P:
    case EV_PREPARE:
        e.arg = bytes[1];
        break;
    case EV_START:
    case EV_DESTROY:
    case EV_ABORT:
    case EV_STALLED:
    case EV_PERFORM:
    case EV_PEER_PREPARED:
        e.arg = bytes[1] % 2;
        break;
    case EV_FINISH:
        e.arg = bytes[1] % 2 ? BEGIN_STAY_PAUSED : 0;
        break;
    case EV_QEMU_SHUTDOWN:
    case EV_QEMU_GONE:
        e.arg = bytes[1] % 3;
        break;
    case EV_ASKED:
        e.arg = bytes[1] % 4;
        break;
    case EV_POWER_DONE:
    case EV_POWER_REFUSED:
        e.arg = power[bytes[1] % sizeof(power)];
        break;
    case EV_BOOT:
        e.arg = bytes[1] % 3;
        e.arg2 = (uint8_t)(EV_MIG_NONE + bytes[2] % (EV_MIG_UNKNOWN - EV_MIG_NONE + 1));
        break;
    }
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct core c;
    core_init(&c);
    for (; size >= 3; data += 3, size -= 3)
        step(&c, make_event(data));
    return 0;
}
