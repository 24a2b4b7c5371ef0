/* path.c - the shortest way to a finding: in words, or as production would have traced it. */
#include "search.h"
#include "daemon/trace_line.h"
#include "util/buffer.h"
#include <stdlib.h>
#include <string.h>

enum { MOVES_MAX = 500 };

/* The moves from the first world, in `ret`; how many. */
static unsigned find_path(const struct search *s, const struct finding *f, struct move *ret)
{
    unsigned length = 0;
    for (uint32_t at = f->world; s->back[at].from != UINT32_MAX; at = s->back[at].from)
        length++;
    if (length + 1 > MOVES_MAX)
        return 0;
    unsigned i = length;
    for (uint32_t at = f->world; s->back[at].from != UINT32_MAX; at = s->back[at].from)
        ret[--i] = s->back[at].move;
    if (f->move.kind != MOVE_KINDS)
        ret[length++] = f->move;
    return length;
}

/* ---- in words ---------------------------------------------------------------------------------- */

static FILE *words;

static void print_step(enum host h, const struct core *before, struct core_event e,
                       const struct core *after, const struct core_actions *actions)
{
    char text[TRACE_TEXT_MAX];
    (void)before;
    trace_event_text(e, text);
    fprintf(words, "        %s: %s -> %s", h == SOURCE ? "source" : "destination", text,
            core_state_name(after->life.state, after->life.reason));
    fprintf(words, ", %s/%s", out_state_name(after->out.state), in_state_name(after->in.state));
    for (unsigned i = 0; i < actions->count; i++) {
        trace_action_text(actions->list[i], text);
        fprintf(words, "%s %s", i ? "," : ":", text);
    }
    fputc('\n', words);
}

void search_find_world(const struct search *s, uint32_t number, struct world *ret)
{
    static struct move path[MOVES_MAX];
    struct finding f = {.world = number, .move = {.kind = MOVE_KINDS}};
    unsigned length = find_path(s, &f, path);
    world_init(ret, s->scenario);
    for (unsigned i = 0; i < length; i++) {
        struct verdict v = {0};
        (void)world_move(ret, s->scenario, path[i], &v);
    }
}

void search_print(const struct search *s, const struct finding *f, FILE *out)
{
    static struct move path[MOVES_MAX];
    unsigned length = find_path(s, f, path);
    struct world w;
    world_init(&w, s->scenario);
    words = out;
    host_trace = print_step;
    for (unsigned i = 0; i < length; i++) {
        struct verdict v = {0};
        fprintf(out, "    %2u %s\n", i + 1, world_name_move(&w, path[i]));
        (void)world_move(&w, s->scenario, path[i], &v);
    }
    host_trace = NULL;
}

/* ---- as traces ---------------------------------------------------------------------------------- */

static struct buffer traces[HOSTS];
static uint64_t clock_of_steps;

static void trace_one(enum host h, const struct core *before, struct core_event e,
                      const struct core *after, const struct core_actions *actions)
{
    (void)trace_put_step(&traces[h], clock_of_steps, e, before, after, actions);
}

static void save(const struct buffer *b, const char *folder, const char *scenario, const char *rule,
                 enum host h)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s %s %s.jsonl", folder, rule, scenario,
             h == SOURCE ? "source" : "destination");
    FILE *file = fopen(path, "w");
    if (!file || fwrite(buffer_bytes(b), 1, buffer_size(b), file) != buffer_size(b))
        perror(path);
    if (file)
        fclose(file);
}

static void put_header(enum host h, const struct world *w, bool restart)
{
    struct buffer *b = &traces[h];
    (void)buffer_printf(b, "{\"trace\":1,\"direction\":\"%s\",\"restart\":%s,",
                        h == SOURCE ? "out" : "in", restart ? "true" : "false");
    (void)trace_put_state(b, &w->daemons[h].core);
    (void)buffer_printf(b, "}\n");
}

void search_write_traces(struct search *s, const struct finding *f, const char *folder)
{
    static struct move path[MOVES_MAX];
    unsigned length = find_path(s, f, path);
    struct world w;
    world_init(&w, s->scenario);
    for (int h = 0; h < HOSTS; h++) {
        traces[h] = (struct buffer){.limit = 1 << 20};
        put_header((enum host)h, &w, false);
    }
    host_trace = trace_one;
    for (unsigned i = 0; i < length; i++) {
        struct verdict v = {0};
        clock_of_steps = 1000 * (uint64_t)(i + 1);
        (void)world_move(&w, s->scenario, path[i], &v);
        if (path[i].kind == MOVE_RESTART)
            put_header(path[i].on, &w, true);
    }
    host_trace = NULL;
    for (int h = 0; h < HOSTS; h++) {
        save(&traces[h], folder, s->scenario->name, f->verdict.rule, (enum host)h);
        buffer_free(&traces[h]);
    }
}
