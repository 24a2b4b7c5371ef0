/* allow - may the model QEMU do what a real one did?
 *
 *     allow SOURCE DESTINATION     the traces of the two ends of one migration
 *     allow --folder FOLDER        every NAME-source.jsonl there with its NAME-destination.jsonl
 *     allow --impossible FOLDER    likewise, and none of them may be allowed
 *
 * A trace has what a daemon ordered its QEMU and what it heard from it, in its order. The two model
 * QEMUs (qemu.c) are given the orders of both traces, and all that they may do then is tried,
 * breadth first: is there a way to say just these reports, in just this order? Between the two
 * ends no order is recorded, so any is tried. The stream may be cut where a trace says next that it
 * was. What else comes from outside (a cut that nobody tells of, a process killed, a user at QEMU's
 * monitor, a command refused without a reason that the model knows) costs a fault each; the way with
 * the fewest is looked for, and at most two are granted, none to a migration that went well.
 */
#include "allow.h"
#include "qemu.h"
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the places met --------------------------------------------------------------------------- */

static uint64_t hash_of(const struct place *p)
{
    const uint8_t *bytes = (const uint8_t *)p;
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < COMPARED; i++)
        h = (h ^ bytes[i]) * 0x100000001b3;
    return h ^ h >> 29;
}

static void meet(struct search_space *s, const struct place *p)
{
    uint64_t i = hash_of(p) % SLOTS;
    for (; s->slots[i]; i = (i + 1) % SLOTS)
        if (memcmp(&s->places[s->slots[i] - 1], p, COMPARED) == 0)
            return;
    if (s->count == PLACES_MAX) {
        s->full = true;
        return;
    }
    s->places[s->count++] = *p;
    s->slots[i] = s->count;
}

static void meet_later(struct search_space *s, const struct place *from, struct place *p, enum fault kind,
                       enum host on, unsigned which)
{
    if (from->fault_count == FAULTS_MAX || s->later_count == PLACES_MAX)
        return;
    p->fault_count = (uint8_t)(from->fault_count + 1);
    memcpy(p->faults, from->faults, sizeof(p->faults));
    p->faults[from->fault_count].kind = (uint8_t)kind;
    p->faults[from->fault_count].on = (uint8_t)on;
    p->faults[from->fault_count].which = (uint8_t)which;
    p->faults[from->fault_count].at = from->at[on];
    s->later[s->later_count++] = *p;
}

/* ---- what a daemon does ------------------------------------------------------------------------ */

/* COMMAND_NONE: the model does not know it. */
static const uint8_t commands[ACT_COUNT] = {
    [ACT_CONT] = COMMAND_CONT,
    [ACT_STOP] = COMMAND_STOP,
    [ACT_POWERDOWN] = COMMAND_POWERDOWN,
    [ACT_RESET] = COMMAND_RESET,
    [ACT_CONFIGURE_SOURCE] = COMMAND_CONFIGURE,
    [ACT_MIGRATE] = COMMAND_MIGRATE,
    [ACT_START_POSTCOPY] = COMMAND_START_POSTCOPY,
    [ACT_CONTINUE] = COMMAND_CONTINUE,
    [ACT_CANCEL] = COMMAND_CANCEL,
    [ACT_READ_STATS] = COMMAND_READ_STATS,
    [ACT_ASK_QEMU] = COMMAND_ASK,
    [ACT_LISTEN] = COMMAND_LISTEN,
    [ACT_PAUSE_STREAM] = COMMAND_PAUSE,
    [ACT_RECOVER] = COMMAND_RECOVER,
    [ACT_RECOVER_LISTEN] = COMMAND_RECOVER_LISTEN,
};

static bool has_room(const struct qemu *q)
{
    return !q->reports[AHEAD_MAX];
}

static bool order(struct place *p, enum host h, const struct item *item)
{
    enum core_action_type a = item->type;
    struct world *w = &p->world;
    struct qemu *q = &w->qemus[h];
    if (a == ACT_START_QEMU) {
        qemu_start(w, h);
        qemu_say(w, h, EV_QEMU_STARTED);
        return true;
    }
    if (a == ACT_KILL_QEMU) {
        if (q->alive)
            p->dying[h] = 1;
        else if (!memchr(q->reports, EV_QEMU_GONE + 1, REPORTS_MAX))
            qemu_say(w, h, EV_QEMU_GONE);
        return true;
    }
    enum command c = commands[a];
    if (item->arg && (a == ACT_CANCEL || a == ACT_CONT)) /* their hard ways */
        c = a == ACT_CANCEL ? COMMAND_END_STREAM : COMMAND_CONT_HARD;
    if (c == COMMAND_NONE || q->commands[COMMANDS_MAX - 1])
        return false;
    qemu_order(w, h, c);
    return true;
}

/* Its daemon killed it, or it ended by itself: what it was about to say is lost. */
static bool hear_gone(struct place *p, enum host h)
{
    struct qemu *q = &p->world.qemus[h];
    if (!memchr(q->reports, EV_QEMU_GONE + 1, REPORTS_MAX))
        return false;
    memset(q->reports, 0, sizeof(q->reports));
    p->world.daemons[h].surveying = p->asking[h] = q->boot_vcpus = q->boot_status = 0;
    return true;
}

/* Between the rows there is no order: a status is answered before its event is out, and an answer waits while other
 * threads go on. */
static bool hear(struct place *p, enum host h, const struct item *item)
{
    struct qemu *q = &p->world.qemus[h];
    uint8_t *r = q->reports;
    bool answers = item->type == EV_CONT_DONE || item->type == EV_PAUSE_REFUSED;
    unsigned i = 0;
    if (item->type == EV_QEMU_GONE)
        return hear_gone(p, h);
    if (!r[0] && item->type == EV_MIG_POSTCOPY_ACTIVE) /* who watches a stream asks without a step's order */
        return q->alive && q->status == item->type;
    if (answers && !q->alive && memchr(r, EV_QEMU_GONE + 1, REPORTS_MAX)) /* as it ends */
        return true;
    while (i < REPORTS_MAX - 1 && r[i] && qemu_row_of(r[i] - 1) != qemu_row_of(item->type))
        i++;
    if (r[i] != item->type + 1)
        return false;
    if (item->type == EV_BOOT && (q->boot_vcpus != item->arg || q->boot_status != item->arg2))
        return false;
    memmove(r + i, r + i + 1, REPORTS_MAX - 1 - i);
    r[REPORTS_MAX - 1] = 0;
    if (item->type == EV_BOOT)
        p->world.daemons[h].surveying = p->asking[h] = q->boot_vcpus = q->boot_status = 0;
    return true;
}

/* What the answer stands for, the daemon may take or leave. */
static bool leave(struct place *p, enum host h)
{
    struct qemu *q = &p->world.qemus[h];
    if (!p->asking[h] || !q->reports[0] || q->reports[0] == EV_BOOT + 1)
        return false;
    memmove(q->reports, q->reports + 1, REPORTS_MAX - 1);
    q->reports[REPORTS_MAX - 1] = 0;
    return true;
}

static void crash(struct place *p, enum host h, bool lose_commands)
{
    struct qemu *q = &p->world.qemus[h];
    if (lose_commands)
        memset(q->commands, 0, sizeof(q->commands));
    memset(q->reports, 0, sizeof(q->reports));
    p->world.daemons[h].up = p->world.daemons[h].surveying = p->asking[h] = 0;
    q->boot_vcpus = q->boot_status = 0;
}

static void come_back(struct place *p, enum host h)
{
    p->world.daemons[h].up = 1;
    p->asking[h] = 1;
    if (!p->world.qemus[h].alive)
        qemu_say(&p->world, h, EV_QEMU_GONE);
}

/* The next that the trace has of this end. */
static void follow(struct search_space *s, const struct place *from, enum host h)
{
    const struct sequence *q = s->ends[h];
    if (!q || from->at[h] == q->count)
        return;
    const struct item *item = &q->items[from->at[h]];
    struct place next = *from;
    if (leave(&next, h))
        meet(s, &next);
    next = *from;
    next.at[h]++;
    if (item->unsure)
        meet(s, &next);
    switch ((enum item_kind)item->kind) {
    case ITEM_HEAR:
        if (hear(&next, h, item))
            meet(s, &next);
        return;
    case ITEM_ORDER:
        if (order(&next, h, item))
            meet(s, &next);
        return;
    case ITEM_CRASH:
        crash(&next, h, true);
        meet(s, &next);
        next = *from;
        next.at[h]++;
        crash(&next, h, false);
        meet(s, &next);
        return;
    case ITEM_RETURN:
        come_back(&next, h);
        meet(s, &next);
        return;
    }
}

/* ---- what QEMU does ---------------------------------------------------------------------------- */

/* Its daemon says QEMU_STARTED when QEMU has answered all that it is asked first: one that ends before
 * was never heard. */
static bool die_unheard(struct world *w, enum host h)
{
    struct qemu *q = &w->qemus[h];
    uint8_t *started = memchr(q->reports, EV_QEMU_STARTED + 1, REPORTS_MAX);
    if (!started)
        return false;
    memmove(started, started + 1, (size_t)(q->reports + REPORTS_MAX - 1 - started));
    q->reports[REPORTS_MAX - 1] = 0;
    qemu_die(w, h);
    return true;
}

/* It has said setup when it finds that it can't listen there. */
static bool listen_in_vain(struct world *w, enum host h)
{
    struct qemu *q = &w->qemus[h];
    uint8_t *listening = memchr(q->reports, EV_LISTENING + 1, REPORTS_MAX);
    if (!listening)
        return false;
    *listening = EV_LISTEN_FAILED + 1;
    q->phase = PHASE_NONE;
    return true;
}

/* Told by somebody else than its daemon, who gets the answer. */
static bool tell(struct world *w, const struct scenario *scenario, enum host h, enum command c)
{
    struct qemu *q = &w->qemus[h];
    struct verdict v = {0};
    uint8_t waiting[COMMANDS_MAX];
    if (!q->alive)
        return false;
    memcpy(waiting, q->commands, sizeof(waiting));
    memset(q->commands, 0, sizeof(q->commands));
    q->commands[0] = (uint8_t)c;
    (void)qemu_execute(w, scenario, h, &v);
    memcpy(q->commands, waiting, sizeof(waiting));
    for (unsigned i = REPORTS_MAX; i-- > 0;) {
        if (!q->reports[i])
            continue;
        if (q->reports[i] >= EV_CONT_DONE + 1 && q->reports[i] <= EV_STOP_REFUSED + 1)
            q->reports[i] = 0;
        break;
    }
    return true;
}

/* One that was sent a signal. */
static void end(struct search_space *s, const struct place *from, enum host h)
{
    struct place next = *from;
    if (from->dying[h] == 1) { /* asked to end, it may say that it was */
        next.dying[h] = 2;
        qemu_say(&next.world, h, EV_QEMU_SHUTDOWN);
        meet(s, &next);
    }
    next = *from; /* in good order, it cancels its migration, and says no STOP any more */
    next.world.qemus[h].powered_off = 0;
    if (h == SOURCE && tell(&next.world, &s->scenarios[h], h, COMMAND_CANCEL))
        meet(s, &next);
    next = *from;
    next.dying[h] = 0;
    if (die_unheard(&next.world, h))
        meet(s, &next);
    next = *from;
    next.dying[h] = 0;
    qemu_die(&next.world, h);
    meet(s, &next);
}

/* migrate_cancel in pre-switchover wakes 7.2's migration thread before it tells it to stop: it goes on first, and a
 * post-copy that it went on to is destroyed. */
static void be_woken_by_cancel(struct search_space *s, const struct place *from, enum host h)
{
    struct place next = *from;
    struct qemu *q = &next.world.qemus[h];
    if (s->scenarios[h].qemu10 || q->phase != PHASE_WAITING || q->commands[0] != COMMAND_CANCEL ||
        !tell(&next.world, &s->scenarios[h], h, COMMAND_CONTINUE))
        return;
    meet(s, &next);
    if (!q->switch_pc)
        return;
    (void)qemu_take_command(q);
    q->phase = PHASE_CANCELLING;
    qemu_say_status(&next.world, h, EV_MIG_CANCELLING);
    meet(s, &next);
}

static void go_on(struct search_space *s, const struct place *from, enum host h)
{
    const struct scenario *scenario = &s->scenarios[h];
    struct verdict v = {0};
    struct place next = *from;
    if (!has_room(&from->world.qemus[h]))
        return;
    if (from->asking[h] == 1) { /* it takes two commands, and the answer is of the second */
        next.asking[h] = 2;
        qemu_order(&next.world, h, COMMAND_SURVEY);
        meet(s, &next);
    }
    next = *from;
    if (qemu_execute(&next.world, scenario, h, &v))
        meet(s, &next);
    next = *from;
    if (qemu_oddity(&next.world, scenario, h, ODD_URGENT))
        meet(s, &next);
    for (unsigned variant = 0; variant < 2; variant++) {
        next = *from;
        if (qemu_go_on(&next.world, scenario, h, variant))
            meet(s, &next);
    }
    next = *from;
    if (qemu_notice(&next.world, scenario, h))
        meet(s, &next);
    be_woken_by_cancel(s, from, h);
    if (from->dying[h])
        end(s, from, h);
}

/* A break that the trace tells of is no excuse: any number of them may come. */
static void be_cut(struct search_space *s, const struct place *from)
{
    bool told = false;
    for (int h = 0; h < HOSTS; h++) {
        const struct sequence *q = s->ends[h];
        told |= q && from->at[h] < q->count && item_says(&q->items[from->at[h]], EV_MIG_POSTCOPY_PAUSED);
    }
    if (!told || !from->world.stream.open || from->world.stream.cut)
        return;
    struct place next = *from;
    next.world.stream.cut = 1;
    meet(s, &next);
}

static void go_wrong(struct search_space *s, const struct place *from, enum host h)
{
    static const uint8_t user[] = {COMMAND_CONT, COMMAND_STOP, COMMAND_CANCEL};
    struct place next = *from;
    if (!has_room(&from->world.qemus[h]) || !from->world.qemus[h].alive)
        return;
    if (h == SOURCE && from->world.stream.open && !from->world.stream.cut) {
        next.world.stream.cut = 1;
        meet_later(s, from, &next, FAULT_CUT, h, 0);
    }
    next = *from;
    qemu_die(&next.world, h);
    meet_later(s, from, &next, FAULT_DEATH, h, 0);
    next = *from;
    if (die_unheard(&next.world, h))
        meet_later(s, from, &next, FAULT_DEATH, h, 0);
    next = *from;
    if (listen_in_vain(&next.world, h))
        meet_later(s, from, &next, FAULT_ODDITY, h, ODD_LISTEN_FAILS);
    for (enum oddity o = 0; o < ODD_COUNT; o++) {
        next = *from;
        if (o != ODD_OVERTAKE && o != ODD_URGENT && qemu_oddity(&next.world, &s->scenarios[h], h, o))
            meet_later(s, from, &next, FAULT_ODDITY, h, o);
    }
    for (size_t i = 0; i < sizeof(user); i++) {
        next = *from;
        if (tell(&next.world, &s->scenarios[h], h, user[i]))
            meet_later(s, from, &next, FAULT_USER, h, user[i]);
    }
}

/* ---- the search -------------------------------------------------------------------------------- */

static bool is_explained(const struct search_space *s, const struct place *p)
{
    for (int h = 0; h < HOSTS; h++)
        if (s->ends[h] && p->at[h] < s->ends[h]->count)
            return false;
    return true;
}

/* The first place that explains all, with the faults that there are up to now. */
static const struct place *search_on(struct search_space *s)
{
    for (; s->here < s->count; s->here++) {
        struct place from = s->places[s->here];
        if (is_explained(s, &from))
            return &s->places[s->here];
        for (int h = 0; h < HOSTS; h++) {
            follow(s, &from, (enum host)h);
            go_on(s, &from, (enum host)h);
        }
        be_cut(s, &from);
    }
    return NULL;
}

static void add_a_fault(struct search_space *s, uint32_t from)
{
    s->later_count = 0;
    for (uint32_t i = from; i < s->here; i++)
        for (int h = 0; h < HOSTS; h++)
            go_wrong(s, &s->places[i], (enum host)h);
    for (uint32_t i = 0; i < s->later_count; i++)
        meet(s, &s->later[i]);
}

static void begin(struct search_space *s)
{
    struct place first;
    memset(&first, 0, sizeof(first));
    for (int h = 0; h < HOSTS; h++) {
        const struct sequence *q = s->ends[h];
        first.world.qemus[h].status = EV_MIG_NONE;
        first.world.daemons[h].up = 1;
        if (!q)
            continue;
        first.world.qemus[h].alive = q->cores[0].life.phase == LIFE_UP;
        first.world.qemus[h].vcpus = q->cores[0].life.vcpus;
        s->scenarios[h] = (struct scenario){.qemu10 = q->qemu10, .pause_before = q->pause_before,
                                            .postcopy = q->postcopy};
    }
    s->count = s->here = 0;
    s->full = false;
    memset(s->slots, 0, SLOTS * sizeof(*s->slots));
    meet(s, &first);
}

/* ---- one migration ----------------------------------------------------------------------------- */

/* It went well on both ends, and was never broken: there is nothing to excuse. */
static bool went_well(const struct search_space *s)
{
    for (int h = 0; h < HOSTS; h++)
        if (s->ends[h] && !s->ends[h]->went_well)
            return false;
    return true;
}

/* The place that explains all of both traces, with the fewest faults. */
static const struct place *explain(struct search_space *s)
{
    unsigned faults = went_well(s) ? 0 : FAULTS_MAX;
    uint32_t from = 0;
    begin(s);
    for (unsigned n = 0;; n++) {
        const struct place *found = search_on(s);
        if (found || n == faults || s->full)
            return found;
        uint32_t last = s->here;
        add_a_fault(s, from);
        from = last;
    }
}

static bool check_pair(struct search_space *s, const char *source, const char *destination, const char *name,
                       bool possible)
{
    static struct sequence ends[HOSTS];
    const char *const paths[HOSTS] = {source, destination};
    for (int h = 0; h < HOSTS; h++) {
        if (!sequence_read(&ends[h], paths[h])) {
            printf("not ok - %s: %s: %s\n", name, paths[h], ends[h].why);
            return false;
        }
        s->ends[h] = &ends[h];
    }
    const struct place *found = explain(s);
    const char *verdict = found ? "allowed" : s->full ? "too many states" : "not allowed";
    bool good = !s->full && (found != NULL) == possible;
    printf("%sok - %s: %s, %u orders and reports, %u states\n", good ? "" : "not ", name, verdict,
           ends[SOURCE].count + ends[DESTINATION].count, s->count);
    for (unsigned f = 0; found && f < found->fault_count; f++)
        printf("#   with: %s\n", allow_name_fault(s, found, f));
    if (!found && !good)
        allow_say_farthest(s);
    return good;
}

static bool check_folder(struct search_space *s, const char *folder, bool possible)
{
    static const char ending[] = "-source.jsonl";
    char pattern[4096], destination[4096], name[256];
    glob_t found;
    bool good = true;
    snprintf(pattern, sizeof(pattern), "%s/*%s", folder, ending);
    if (glob(pattern, 0, NULL, &found) != 0) {
        printf("not ok - %s: no traces in it\n", folder);
        return false;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *source = found.gl_pathv[i], *file = strrchr(source, '/') + 1;
        snprintf(destination, sizeof(destination), "%.*s-destination.jsonl",
                 (int)(strlen(source) - strlen(ending)), source);
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - strlen(ending)), file);
        good &= check_pair(s, source, destination, name, possible);
    }
    globfree(&found);
    return good;
}

int main(int argc, char **argv)
{
    struct search_space s = {.places = malloc(PLACES_MAX * sizeof(*s.places)),
                             .later = malloc(PLACES_MAX * sizeof(*s.later)),
                             .slots = malloc(SLOTS * sizeof(*s.slots))};
    if (argc != 3 || !s.places || !s.later || !s.slots) {
        fprintf(stderr, "usage: %s SOURCE DESTINATION | --folder FOLDER | --impossible FOLDER\n", argv[0]);
        return 2;
    }
    bool impossible = strcmp(argv[1], "--impossible") == 0, good;
    if (impossible || strcmp(argv[1], "--folder") == 0)
        good = check_folder(&s, argv[2], !impossible);
    else
        good = check_pair(&s, argv[1], argv[2], argv[1], true);
    free(s.places);
    free(s.later);
    free(s.slots);
    return good ? 0 : 1;
}
