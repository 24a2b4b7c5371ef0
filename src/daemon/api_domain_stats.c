/* api_domain_stats.c - the statistics of many guests in one call.
 *
 * All running guests are asked at the same time, and the images of those that are shut off are
 * looked at by a worker; the answer goes out when the last of these is known. A guest whose QEMU
 * does not answer delays the call by the questions' deadline at most, and then has fewer figures. A
 * guest that goes away meanwhile is left out.
 */
#include <libvirt/libvirt.h>
#include <string.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "daemon/daemon.h"
#include "daemon/domain_stats.h"
#include "daemon/registry.h"
#include "io/monitor.h"

struct collection;

/* All of these lie in the call's arena. */
struct collected {
    struct collection *all;
    struct uuid uuid;
    struct guest *guest; /* in the call's handler, and while QEMU's answers are awaited */
    bool runs;
    unsigned awaited;
    size_t first_disk, disk_count; /* in the collection's; shut off */
    struct json_object *replies[STATS_QUESTION_COUNT];
    struct remote_stats_record record;
    bool complete;
};

struct asked {
    struct collected *one;
    enum stats_question question;
};

struct collection {
    struct call *call;
    uint32_t groups;
    bool nowait;
    unsigned awaited; /* guests, and the worker's look at images */
    struct collected *list;
    uint32_t count;
    struct disk_question *disks; /* of the guests that are shut off */
    size_t disk_count;
    const struct disk_facts *facts; /* while they are there: one for each of disks */
};

enum {
    STATS_FILTERS =
        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE |
        VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT | VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT |
        VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED |
        VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF | VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER,
};
#define STATS_FLAGS                                                                                \
    ((uint32_t)STATS_FILTERS | (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT |                \
     (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)

static const struct api_flag stats_refused[] = {
    API_FLAG(VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING),
    {0, NULL},
};

/* ---- the answer ----------------------------------------------------------------------------- */

static void answer(struct collection *all)
{
    struct remote_stats ret = {0};
    ret.records.items = arena_array(&all->call->arena, all->count + 1, sizeof(*ret.records.items));
    if (!ret.records.items) {
        api_fail_memory(all->call);
        return;
    }
    for (uint32_t i = 0; i < all->count; i++)
        if (all->list[i].complete)
            ret.records.items[ret.records.count++] = all->list[i].record;
    call_reply(all->call, &ret);
}

static void release(struct collection *all)
{
    if (--all->awaited == 0)
        answer(all);
}

static const struct disk_facts *find_facts(const struct domain_disk *disk, void *userdata)
{
    const struct collected *one = userdata;
    const struct collection *all = one->all;
    for (size_t i = one->first_disk; all->facts && i < one->first_disk + one->disk_count; i++)
        if (all->disks[i].format == disk->format && strcmp(all->disks[i].path, disk->source) == 0)
            return &all->facts[i];
    return NULL;
}

/* All is known that will be: the guest's figures become parameters. */
static void complete(struct collected *one, const struct guest *g)
{
    struct collection *all = one->all;
    struct params_builder b = {.arena = &all->call->arena};
    struct domain_figures f = {
        .document = guest_document(g),
        .active = guest_is_active(g),
        .state = g->core.life.state,
        .reason = g->core.life.reason,
        .pid = api_guest_pid(g),
        .find_facts = find_facts,
        .userdata = one,
    };
    memcpy(f.replies, one->replies, sizeof(f.replies));
    if (f.document)
        domain_stats_add(&b, &f, all->groups);
    for (int i = 0; i < STATS_QUESTION_COUNT; i++)
        json_object_put(one->replies[i]);
    one->record = (struct remote_stats_record){.dom = call_name_guest(g), .params = b.params};
    one->record.dom.name = arena_strdup(&all->call->arena, g->name);
    one->complete = f.document && one->record.dom.name && !b.failed;
}

/* ---- guests that run ------------------------------------------------------------------------- */

static void replied(const struct monitor_reply *reply, void *userdata)
{
    struct asked *asked = userdata;
    struct collected *one = asked->one;
    if (reply->outcome == MONITOR_RETURN)
        one->replies[asked->question] = json_object_get(reply->value);
    if (--one->awaited == 0) {
        complete(one, one->guest);
        release(one->all);
    }
}

static void ask(struct collected *one, struct guest *g, enum stats_question question)
{
    static const char *const commands[STATS_QUESTION_COUNT] = {
        [STATS_CPUS] = "query-cpus-fast", [STATS_BALLOON] = "query-balloon",
        [STATS_GUEST_STATS] = "qom-get",  [STATS_BLOCK_STATS] = "query-blockstats",
        [STATS_BLOCK] = "query-block",    [STATS_DIRTY_RATE] = "query-dirty-rate",
    };
    struct json_object *arguments = NULL;
    struct asked *asked = arena_alloc(&one->all->call->arena, sizeof(*asked));
    if (question == STATS_GUEST_STATS && !(arguments = api_guest_stats_arguments(g)))
        return;
    if (!asked) {
        json_object_put(arguments);
        return;
    }
    *asked = (struct asked){one, question};
    unsigned seconds = one->all->nowait ? API_NOWAIT_SECONDS : API_QUERY_SECONDS;
    if (api_ask_qemu(g, commands[question], arguments, seconds, replied, asked, NULL))
        one->awaited++;
}

/* A client that won't wait gets what is known without QEMU, where QEMU is known to be slow. */
static bool may_ask(const struct collection *all, const struct guest *g)
{
    if (!g->monitor || !g->live || g->core.life.phase != LIFE_UP)
        return false;
    return !all->nowait || (!core_migrating(&g->core) && monitor_busy_since(g->monitor) == 0);
}

static void collect_running(struct collected *one)
{
    struct guest *g = one->guest;
    unsigned questions =
        may_ask(one->all, g) ? domain_stats_questions(g->live, one->all->groups) : 0;
    for (int i = 0; i < STATS_QUESTION_COUNT; i++)
        if (questions & (1u << i))
            ask(one, g, (enum stats_question)i);
    if (one->awaited)
        one->all->awaited++;
    else
        complete(one, g);
}

/* ---- guests that are shut off ---------------------------------------------------------------- */

static void collect_shut_off(struct collection *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        struct collected *one = &all->list[i];
        struct guest *g =
            one->runs ? NULL : registry_find_uuid(all->call->daemon->registry, &one->uuid);
        if (g) /* it may run by now; then its images' facts are not used */
            complete(one, g);
    }
}

static void images_known(const struct disk_facts *facts, size_t count, void *userdata)
{
    struct collection *all = userdata;
    all->facts = count == all->disk_count ? facts : NULL;
    collect_shut_off(all);
    all->facts = NULL;
    release(all);
}

static bool list_images_of(struct collection *all, struct collected *one)
{
    const struct domain *d = guest_document(one->guest);
    one->first_disk = all->disk_count;
    for (size_t i = 0; i < d->disk_count; i++) {
        const char *path = arena_strdup(&all->call->arena, d->disks[i].source);
        if (!path)
            return false;
        all->disks[all->disk_count++] =
            (struct disk_question){.path = path, .format = d->disks[i].format};
    }
    one->disk_count = d->disk_count;
    return true;
}

/* The images of all the guests that are shut off. False: without memory. */
static bool list_images(struct collection *all)
{
    size_t total = 0;
    if (!(all->groups & VIR_DOMAIN_STATS_BLOCK) || all->nowait)
        return true;
    for (uint32_t i = 0; i < all->count; i++)
        if (!all->list[i].runs)
            total += guest_document(all->list[i].guest)->disk_count;
    all->disks = arena_array(&all->call->arena, total + 1, sizeof(*all->disks));
    if (!all->disks)
        return false;
    for (uint32_t i = 0; i < all->count; i++)
        if (!all->list[i].runs && !list_images_of(all, &all->list[i]))
            return false;
    return true;
}

/* ---- the call ------------------------------------------------------------------------------- */

static void choose(struct collection *all, struct guest *g, uint32_t filters)
{
    if (!api_list_matches(g, filters))
        return;
    all->list[all->count++] =
        (struct collected){.all = all, .uuid = g->uuid, .guest = g, .runs = guest_is_active(g)};
}

/* The guests that the client named, those it does not know of any more left out; or all. */
static bool choose_guests(struct collection *all, const struct remote_stats_args *a)
{
    const struct registry *r = all->call->daemon->registry;
    uint32_t filters = a->flags & (uint32_t)STATS_FILTERS;
    size_t room = a->domains.count ? a->domains.count : r->count;
    all->list = arena_array(&all->call->arena, room + 1, sizeof(*all->list));
    if (!all->list)
        return false;
    for (uint32_t i = 0; i < a->domains.count; i++) {
        struct guest *g = registry_find_uuid(r, &a->domains.items[i].uuid);
        if (g)
            choose(all, g, filters);
    }
    if (a->domains.count == 0)
        for (struct guest *g = registry_next(r, NULL); g; g = registry_next(r, g))
            choose(all, g, filters);
    return true;
}

static void collect(struct collection *all)
{
    struct fail f;
    all->awaited = 1; /* this function */
    for (uint32_t i = 0; i < all->count; i++)
        if (all->list[i].runs)
            collect_running(&all->list[i]);
    if (!list_images(all))
        all->disk_count = 0;
    if (all->disk_count && disk_facts_ask(all->call->daemon->workers, all->disks, all->disk_count,
                                          images_known, all, &f) == 0)
        all->awaited++;
    else
        collect_shut_off(all);
    release(all);
}

void api_connect_get_all_domain_stats(struct call *call)
{
    const struct remote_stats_args *a = call->args;
    uint32_t unknown = a->stats & ~domain_stats_groups();
    if (!api_check_flags(call, a->flags, STATS_FLAGS, stats_refused))
        return;
    if (unknown && (a->flags & (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)) {
        call_failf(call, VIR_ERR_ARGUMENT_UNSUPPORTED,
                   "Stats types bits 0x%x are not supported by this daemon", unknown);
        return;
    }
    struct collection *all = arena_alloc(&call->arena, sizeof(*all));
    if (!all) {
        api_fail_memory(call);
        return;
    }
    all->call = call;
    all->groups = a->stats ? a->stats & ~unknown : domain_stats_groups();
    all->nowait = (a->flags & (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT) != 0;
    if (choose_guests(all, a))
        collect(all);
    else
        api_fail_memory(call);
}
