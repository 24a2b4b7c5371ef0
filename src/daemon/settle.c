/* settle.c - what nobody can prove, an operator decides: SETTLE of the private program.
 *
 * Only over the read-write socket of this host, and only with the words that name what is lost if
 * it is not so. Without them the answer is what may be lost. Each decision is a line in
 * STATE_DIR/settled, on the disk before the machine hears of it; what became of it is the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "daemon/api_peer.h"
#include "daemon/client.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/peer.h"
#include "daemon/registry.h"
#include "io/file.h"
#include "io/worker.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/peer_program.h"

enum { LINE_SIZE = 1024, TIME_SIZE = 32 };

/* ---- a line on the disk --------------------------------------------------------------------- */

struct decision {
    struct call *call; /* NULL: nobody waits for it */
    struct guest_callback guest;
    bool run;
    char *path;
    char line[LINE_SIZE];
    int result;
    struct fail why;
};

static void decision_free(struct decision *d)
{
    if (d)
        free(d->path);
    free(d);
}

/* On a worker. */
static void append(void *data)
{
    struct decision *d = data;
    auto_close int fd = open(d->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : file_write_all(fd, d->line, strlen(d->line));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    d->result = r < 0
                    ? fail_set(&d->why, VIR_ERR_SYSTEM_ERROR, "write %s: %s", d->path, strerror(-r))
                    : file_sync_folder_of(d->path, &d->why);
}

static void stamp(char *ret_text)
{
    time_t now = time(NULL);
    struct tm utc;
    (void)strftime(ret_text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

static struct decision *decision_new(struct guest *g, bool run)
{
    struct decision *d = calloc(1, sizeof(*d));
    if (!d || asprintf(&d->path, "%s/settled", g->daemon->config.state_dir) < 0) {
        free(d);
        return NULL;
    }
    d->guest = (struct guest_callback){g->daemon, g->uuid, g->id};
    d->run = run;
    return d;
}

static void written(void *data, bool ran);

/* `d` is the worker's from here on. */
static int submit(struct daemon *daemon, struct decision *d, struct fail *f)
{
    struct worker_job job = {
        .order = file_order_of(d->path), .run = append, .done = written, .data = d};
    if (worker_submit(daemon->workers, &job, f) == 0)
        return 0;
    decision_free(d);
    return -1;
}

/* ---- what became of it ---------------------------------------------------------------------- */

/* In the call's arena. */
struct settling {
    struct guest_waiter waiter;
    struct call *call;
    bool run;
};

static void record_outcome(struct guest *g, bool run, const char *outcome)
{
    struct decision *d = decision_new(g, run);
    struct fail f = {.text = "out of memory"};
    char when[TIME_SIZE], uuid[UUID_TEXT];
    stamp(when);
    uuid_format(&g->uuid, uuid);
    if (d)
        snprintf(d->line, sizeof(d->line), "%s uuid=%s outcome: %.600s\n", when, uuid, outcome);
    if (!d || submit(g->daemon, d, &f) < 0)
        log_error("guest %s: what became of an operator's decision (%s) is not recorded: %s",
                  g->name, outcome, f.text);
}

static void settled(struct guest_waiter *w, struct guest *g, enum core_result result,
                    const struct fail *why)
{
    struct settling *s = (struct settling *)w;
    char sentence[LINE_SIZE];
    record_outcome(g, s->run, result == RESULT_OK ? "done" : why->text);
    if (result != RESULT_OK) {
        call_fail(s->call, why);
        return;
    }
    snprintf(sentence, sizeof(sentence), "domain '%s': %s; recorded in %s/settled", g->name,
             s->run ? "the guest goes on here" : "what was here is ended",
             g->daemon->config.state_dir);
    struct peer_settle_ret ret = {sentence};
    call_reply(s->call, &ret);
}

/* Where it is known who has the guest, or will be in a moment, nobody's word is wanted: obeyed, it would have run both. */
static int check_doubt(const struct guest *g, struct fail *f)
{
    if (peer_has_guest(g))
        return fail_set(f, VIR_ERR_OPERATION_INVALID,
                        "there is nothing to settle: the destination's daemon answers, and the guest is there; "
                        "resume its migration (--postcopy-resume), or end the guest there first");
    if ((g->unsettled && g->process) || peer_is_being_asked(g))
        return fail_set(f, VIR_ERR_OPERATION_INVALID,
                        "what became of domain '%s' is being asked at this moment; settle it when nobody "
                        "answers for some seconds",
                        g->name);
    return 0;
}

static void decide(struct decision *d, struct guest *g)
{
    struct fail f = {0};
    struct settling *s = arena_alloc(&d->call->arena, sizeof(*s));
    if (!s)
        fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
    if (!s || check_doubt(g, &f) < 0) { /* it may have answered since */
        record_outcome(g, d->run, f.text);
        call_fail(d->call, &f);
        return;
    }
    *s = (struct settling){{.answered = settled}, d->call, d->run};
    guest_ask(g, d->run ? EV_SETTLE_RUN : EV_SETTLE_END, 0, &s->waiter);
}

static void written(void *data, bool ran)
{
    struct decision *d = data;
    struct guest *g = guest_find_for_callback(&d->guest);
    if (!ran)
        d->result = fail_set(&d->why, VIR_ERR_OPERATION_FAILED, "batond is being stopped");
    if (d->result < 0)
        log_error("record an operator's decision: %s", d->why.text);
    if (d->call && d->result < 0)
        call_fail(d->call, &d->why);
    else if (d->call && !g)
        call_failf(d->call, VIR_ERR_NO_DOMAIN, "the domain is gone meanwhile");
    else if (d->call)
        decide(d, g);
    decision_free(d);
}

/* ---- the call ------------------------------------------------------------------------------- */

static struct guest *find(struct call *call, const char *name)
{
    struct uuid uuid;
    struct guest *g = registry_find_name(call->daemon->registry, name);
    if (!g && uuid_parse(name, &uuid))
        g = registry_find_uuid(call->daemon->registry, &uuid);
    if (!g)
        call_failf(call, VIR_ERR_NO_DOMAIN, "no domain '%s'", name);
    return g;
}

static const char *other_end(const struct guest *g)
{
    return g->core.out.state != OUT_IDLE ? "the destination" : "the source";
}

static void say_what_may_be_lost(struct call *call, const struct guest *g, bool run)
{
    const char *reads =
        core_state_name((enum core_state)g->core.life.state, (enum core_reason)g->core.life.reason);
    if (run)
        call_failf(
            call, VIR_ERR_OPERATION_DENIED,
            "domain '%s' (%s) may run on %s of its migration, or be made to. If it does and is "
            "run here too, its disks are corrupted by two writers, and what it did there since "
            "the switchover is lost. Make certain that its QEMU there has ended and cannot "
            "come back; then say so: --accept " PEER_ACCEPT_RUN,
            g->name, reads, other_end(g));
    else
        call_failf(
            call, VIR_ERR_OPERATION_DENIED,
            "domain '%s' (%s) has memory here that may be nowhere else: if the guest does not "
            "run on %s of its migration, whole and without this host, it is lost for good. "
            "Make certain that it does, or that you need it no more; then say so: "
            "--accept " PEER_ACCEPT_END,
            g->name, reads, other_end(g));
}

static void format_decision(struct decision *d, const struct guest *g, const struct call *call)
{
    char when[TIME_SIZE], uuid[UUID_TEXT], token[PEER_TOKEN_TEXT] = "none";
    stamp(when);
    uuid_format(&g->uuid, uuid);
    if (g->migration && g->migration->token.known)
        peer_token_format(&g->migration->token, token);
    int n = snprintf(
        d->line, sizeof(d->line),
        "%s uuid=%s token=%s decision=%s uid=%u by=\"%s\" reads=%s out=%s in=%s name=%s\n", when,
        uuid, token, d->run ? "run" : "end", (unsigned)call->client->peer.uid,
        call->client->peer.address,
        core_state_name((enum core_state)g->core.life.state, (enum core_reason)g->core.life.reason),
        out_state_name((enum out_state)g->core.out.state),
        in_state_name((enum in_state)g->core.in.state), g->name);
    if (n < 0 || (size_t)n >= sizeof(d->line)) /* the name is cut, the line ends */
        d->line[sizeof(d->line) - 2] = '\n';
}

void api_peer_settle(struct call *call)
{
    const struct peer_settle *args = call->args;
    bool run = args->run != 0;
    struct fail f = {.code = VIR_ERR_NO_MEMORY, .text = "out of memory"};
    if (!call->client->peer.local || call->client->from_peer) {
        call_failf(call, VIR_ERR_OPERATION_DENIED,
                   "a migration is settled over this host's own read-write socket only");
        return;
    }
    struct guest *g = find(call, args->guest);
    if (!g)
        return;
    if (!core_migrating(&g->core)) {
        guest_explain(g, RESULT_NOT_IN_DOUBT, CALL_SETTLE, &f);
        call_fail(call, &f);
        return;
    }
    bool accepted = strcmp(args->accepted, run ? PEER_ACCEPT_RUN : PEER_ACCEPT_END) == 0;
    if ((accepted || peer_has_guest(g)) && check_doubt(g, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    if (!accepted) {
        say_what_may_be_lost(call, g, run);
        return;
    }
    struct decision *d = decision_new(g, run);
    if (d) {
        d->call = call;
        format_decision(d, g, call);
    }
    if (!d || submit(call->daemon, d, &f) < 0)
        call_fail(call, &f);
}
