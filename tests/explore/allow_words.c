/* allow_words.c - what the search of allow.c says. */
#include "allow.h"
#include <stdio.h>

const char *allow_name_fault(const struct search_space *s, const struct place *p, unsigned i)
{
    static const char *const user[] = {[COMMAND_CONT] = "cont", [COMMAND_STOP] = "stop", [COMMAND_CANCEL] = "cancel"};
    static char text[160];
    const char *who = p->faults[i].on == SOURCE ? "source" : "destination";
    const struct sequence *q = s->ends[p->faults[i].on];
    unsigned at = p->faults[i].at, line = q && at < q->count ? q->items[at].line : 0;
    switch ((enum fault)p->faults[i].kind) {
    case FAULT_CUT:
        snprintf(text, sizeof(text), "stream cut (before source line %u)", line);
        break;
    case FAULT_DEATH:
        snprintf(text, sizeof(text), "the %s's QEMU dies (before line %u)", who, line);
        break;
    case FAULT_ODDITY:
        snprintf(text, sizeof(text), "%s (before line %u)",
                 world_name_move(&p->world, (struct move){MOVE_ODDITY, p->faults[i].on, p->faults[i].which, NO_CRASH}), line);
        break;
    case FAULT_USER:
        snprintf(text, sizeof(text), "somebody tells the %s's QEMU to %s (before line %u)", who,
                 user[p->faults[i].which], line);
        break;
    }
    return text;
}

static const char *name_item(const struct item *i)
{
    switch ((enum item_kind)i->kind) {
    case ITEM_HEAR:
        return core_event_name((enum core_event_type)i->type);
    case ITEM_ORDER:
        return core_action_name((enum core_action_type)i->type);
    case ITEM_CRASH:
        return "(the daemon goes away)";
    case ITEM_RETURN:
        return "(the daemon comes back)";
    }
    return "?";
}

static const char *name_phase(enum phase p)
{
#define NAME(x) [PHASE_##x] = #x
    static const char *const names[] = {
        NAME(NONE),       NAME(SETUP),     NAME(FLOW),    NAME(STUCK),    NAME(PC_FIRST),     NAME(STOPPED),   NAME(WAITING),
        NAME(SWITCHING),  NAME(HUNG),      NAME(PC_SENT), NAME(SENT),         NAME(PC_FLOW),   NAME(PC_LAST),
        NAME(PC_CONNECTING), NAME(PC_RECOVER), NAME(PC_GIVEN),  NAME(PC_PAUSED), NAME(CANCELLING), NAME(GIVING_BACK), NAME(LISTENING), NAME(LOADING),
        NAME(LOADING_PC), NAME(LOADED_PC), NAME(LOST_PC), NAME(LISTENING_PC), NAME(RECOVERING_PC), NAME(OVER)};
#undef NAME
    return names[p];
}

void allow_say_farthest(const struct search_space *s)
{
    unsigned best = 0, told = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        unsigned sum = s->places[i].at[SOURCE] + s->places[i].at[DESTINATION];
        best = sum > best ? sum : best;
    }
    for (uint32_t i = 0; i < s->count && told < 6; i++) {
        const struct place *p = &s->places[i];
        if (p->at[SOURCE] + p->at[DESTINATION] != (int)best)
            continue;
        told++;
        for (int h = 0; h < HOSTS; h++) {
            const struct qemu *q = &p->world.qemus[h];
            const char *would = q->reports[0] ? core_event_name((enum core_event_type)(q->reports[0] - 1)) : "nothing";
            const struct sequence *e = s->ends[h];
            if (e && p->at[h] < e->count)
                printf("#   %s line %u: %s is next;", h == SOURCE ? "source" : "destination", e->items[p->at[h]].line,
                       name_item(&e->items[p->at[h]]));
            else
                printf("#   %s: all of it;", h == SOURCE ? "source" : "destination");
            printf(" the model is in %s and says %s\n", name_phase(q->phase), would);
        }
        for (unsigned f = 0; f < p->fault_count; f++)
            printf("#     with: %s\n", allow_name_fault(s, p, f));
    }
}
