/* emulators.c - what is known of each emulator binary, and how it comes to be known.
 *
 *   emulators_get -> known? -> in the cache file? -> being probed? join -> probe:
 *       run with KVM if there is -> emulator_from_qmp -> run with TCG -> emulator_add_tcg -> keep
 *
 * What was found is never taken away while the daemon lives: guests point to it. A newer result for
 * the same path is put in front of it.
 */
#include "daemon/emulators.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/emulator_run.h"
#include "io/file.h"
#include "io/timer.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { CACHE_FILE_MAX = 4 * 1024 * 1024 };

struct known {
    struct known *next; /* older */
    struct emulator *emulator;
    bool kvm; /* /dev/kvm was there */
};

/* A guest's own: of the QEMU that runs, whatever its binary has become. */
struct running {
    struct running *next;
    struct emulator *emulator;
};

struct waiter {
    struct waiter *next;
    emulators_done_fn *done;
    void *userdata;
};

struct probe {
    struct probe *next;
    struct emulators *emulators;
    char *path;
    struct emulator_identity identity;
    bool kvm;
    bool without_kvm; /* the run with KVM failed: this one is without */
    struct emulator_run *run;
    struct emulator *found; /* by the first run, while the second is under way */
    struct waiter *waiters;
};

struct emulators {
    struct daemon *daemon;
    uint64_t deadline;
    struct known *known;
    struct running *running;
    struct probe *probes;
};

/* ---- the binary ------------------------------------------------------------------------------ */

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static int identify(const char *path, struct emulator_identity *ret, struct fail *f)
{
    struct stat st;
    if (path[0] != '/')
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED, "emulator '%s' is not an absolute path",
                        path);
    if (stat(path, &st) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "Cannot check QEMU binary %s: %s", path,
                        strerror(errno));
    if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "QEMU binary %s is not executable", path);
    *ret = (struct emulator_identity){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .mtime_ns = nanoseconds(&st.st_mtim),
        .ctime_ns = nanoseconds(&st.st_ctim),
    };
    return 0;
}

/* What a probe says depends on it. */
static bool have_kvm(void)
{
    return access("/dev/kvm", R_OK | W_OK) == 0;
}

/* ---- what is known --------------------------------------------------------------------------- */

static const struct emulator *keep(struct emulators *e, struct emulator *emulator, bool kvm)
{
    struct known *k = calloc(1, sizeof(*k));
    if (!k) {
        emulator_free(emulator);
        return NULL;
    }
    *k = (struct known){.next = e->known, .emulator = emulator, .kvm = kvm};
    e->known = k;
    return emulator;
}

const struct emulator *emulators_known(const struct emulators *e, const char *path)
{
    for (const struct known *k = e->known; k; k = k->next)
        if (strcmp(k->emulator->path, path) == 0)
            return k->emulator;
    return NULL;
}

static const struct emulator *find_known(const struct emulators *e, const char *path,
                                         const struct emulator_identity *identity, bool kvm)
{
    for (const struct known *k = e->known; k; k = k->next)
        if (k->kvm == kvm && strcmp(k->emulator->path, path) == 0 &&
            emulator_identity_equal(&k->emulator->identity, identity))
            return k->emulator;
    return NULL;
}

const struct emulator *emulators_keep_running(struct emulators *e, struct json_object *json,
                                              struct fail *f)
{
    struct running *r = calloc(1, sizeof(*r));
    if (!r) {
        fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (emulator_running_from_json(json, &r->emulator, f) < 0) {
        free(r);
        return NULL;
    }
    r->next = e->running;
    e->running = r;
    return r->emulator;
}

/* ---- the cache file -------------------------------------------------------------------------- */

/* FNV-1a: two paths with one hash would only evict each other. */
static char *cache_path(const struct emulators *e, const char *path, bool kvm)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    char *result;
    for (const char *p = path; *p; p++)
        h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    if (asprintf(&result, "%s/emulator-%016llx%s.json", e->daemon->config.cache_dir,
                 (unsigned long long)h, kvm ? "-kvm" : "") < 0)
        return NULL;
    return result;
}

static struct emulator *read_cache(const char *file)
{
    struct emulator *emulator = NULL;
    struct buffer bytes = {0};
    struct fail f;
    int r = file_read(file, CACHE_FILE_MAX, &bytes, &f);
    struct json_object *json = NULL;
    if (r == 0 && buffer_append(&bytes, "", 1) == 0)
        json = json_tokener_parse((const char *)buffer_bytes(&bytes));
    if (r == 0 && !json)
        log_warning("%s is not JSON; the emulator is probed again", file);
    else if (r < 0 || (json && emulator_from_json(json, &emulator, &f) < 0))
        log_info("%s: %s; the emulator is probed again", file, f.text);
    json_object_put(json);
    buffer_free(&bytes);
    return emulator;
}

static const struct emulator *load(struct emulators *e, const char *path,
                                   const struct emulator_identity *identity, bool kvm)
{
    auto_free char *file = cache_path(e, path, kvm);
    struct emulator *emulator = file ? read_cache(file) : NULL;
    if (!emulator)
        return NULL;
    if (strcmp(emulator->path, path) == 0 && emulator_identity_equal(&emulator->identity, identity))
        return keep(e, emulator, kvm);
    emulator_free(emulator);
    return NULL;
}

static void stored(const struct fail *why, void *userdata)
{
    (void)userdata;
    if (why)
        log_warning("keep what an emulator can do: %s", why->text);
}

static void store(struct emulators *e, const struct emulator *emulator, bool kvm)
{
    struct fail f;
    auto_free char *file = cache_path(e, emulator->path, kvm);
    struct json_object *json = emulator_to_json(emulator);
    const char *text = json ? json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY) : NULL;
    if (!file || !text) {
        log_warning("keep what %s can do: out of memory", emulator->path);
    } else {
        struct file_change c = {.path = file, .bytes = text, .size = strlen(text), .mode = 0600};
        if (file_change_later(e->daemon->workers, &c, 1, false, stored, NULL, &f) < 0)
            stored(&f, NULL);
    }
    json_object_put(json);
}

/* ---- probes ---------------------------------------------------------------------------------- */

static void probe_free(struct probe *p)
{
    emulator_run_free(p->run);
    emulator_free(p->found);
    free(p->path);
    free(p);
}

/* Everybody who waits is told; the probe is gone by then, so that they may ask again. */
static void finish(struct probe *p, const struct emulator *emulator, const struct fail *why)
{
    struct waiter *waiters = p->waiters;
    for (struct probe **at = &p->emulators->probes; *at; at = &(*at)->next) {
        if (*at == p) {
            *at = p->next;
            break;
        }
    }
    probe_free(p);
    while (waiters) {
        struct waiter *w = waiters;
        waiters = w->next;
        w->done(emulator, why, w->userdata);
        free(w);
    }
}

static void finish_failed(struct probe *p, const struct fail *why)
{
    struct fail f = *why;
    log_warning("%s", f.text);
    finish(p, NULL, &f);
}

static void finish_found(struct probe *p)
{
    struct emulators *e = p->emulators;
    struct emulator *found = take_ptr(p->found);
    const struct emulator *emulator = keep(e, found, p->kvm);
    struct fail f;
    if (!emulator) {
        fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
        finish_failed(p, &f);
        return;
    }
    log_info("%s is QEMU %u.%u.%u%s%s", emulator->path, emulator->version / 1000000,
             emulator->version / 1000 % 1000, emulator->version % 1000,
             emulator->package[0] ? ", " : "", emulator->package);
    if (!p->without_kvm) /* the next start of the daemon may look again */
        store(e, emulator, p->kvm);
    finish(p, emulator, NULL);
}

static int run(struct probe *p, bool tcg, emulator_run_fn *done, struct fail *f)
{
    struct emulator_run_spec spec = {
        .path = p->path, .tcg = tcg, .deadline = p->emulators->deadline};
    return emulator_run_new(p->emulators->daemon, &spec, done, p, &p->run, f);
}

static void second_run_done(struct json_object *const *replies, size_t count,
                            const struct fail *why, void *userdata)
{
    struct probe *p = userdata;
    struct fail f;
    p->run = NULL;
    if (!why && emulator_add_tcg(p->found, replies, count, &f) < 0)
        why = &f;
    if (why)
        log_warning("without KVM: %s", why->text); /* KVM guests are as well without it */
    finish_found(p);
}

static void first_run_done(struct json_object *const *replies, size_t count, const struct fail *why,
                           void *userdata)
{
    struct probe *p = userdata;
    struct fail f;
    p->run = NULL;
    if (!why && emulator_from_qmp(p->path, &p->identity, replies, count, &p->found, &f) < 0)
        why = &f;
    if (why && p->kvm && !p->without_kvm) { /* a KVM that kills QEMU is none */
        log_warning("%s; without KVM then", why->text);
        p->without_kvm = true;
        if (run(p, true, first_run_done, &f) == 0)
            return;
        why = &f;
    }
    if (why) {
        finish_failed(p, why);
        return;
    }
    if (!p->found->kvm_enabled) {
        finish_found(p);
        return;
    }
    if (run(p, true, second_run_done, &f) < 0)
        second_run_done(NULL, 0, &f, p);
}

static bool add_waiter(struct probe *p, emulators_done_fn *done, void *userdata)
{
    struct waiter *w = calloc(1, sizeof(*w));
    if (!w)
        return false;
    *w = (struct waiter){.done = done, .userdata = userdata};
    struct waiter **at = &p->waiters;
    while (*at)
        at = &(*at)->next;
    *at = w;
    return true;
}

static struct probe *find_probe(struct emulators *e, const char *path,
                                const struct emulator_identity *identity)
{
    for (struct probe *p = e->probes; p; p = p->next)
        if (strcmp(p->path, path) == 0 && emulator_identity_equal(&p->identity, identity))
            return p;
    return NULL;
}

/* In the list only once somebody waits for it. */
static int start_probe(struct emulators *e, const char *path,
                       const struct emulator_identity *identity, bool kvm, emulators_done_fn *done,
                       void *userdata, struct fail *f)
{
    struct probe *p = calloc(1, sizeof(*p));
    if (!p)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    *p = (struct probe){.emulators = e, .identity = *identity, .kvm = kvm, .path = strdup(path)};
    if (!p->path || !add_waiter(p, done, userdata)) {
        probe_free(p);
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    if (run(p, false, first_run_done, f) < 0) {
        free(p->waiters);
        probe_free(p);
        return -1;
    }
    p->next = e->probes;
    e->probes = p;
    return 0;
}

void emulators_get(struct emulators *e, const char *path, emulators_done_fn *done, void *userdata)
{
    struct emulator_identity identity;
    struct fail f;
    bool kvm = have_kvm();
    if (identify(path, &identity, &f) < 0) {
        done(NULL, &f, userdata);
        return;
    }
    const struct emulator *emulator = find_known(e, path, &identity, kvm);
    if (!emulator)
        emulator = load(e, path, &identity, kvm);
    if (emulator) {
        done(emulator, NULL, userdata);
        return;
    }
    struct probe *p = find_probe(e, path, &identity);
    if (p && add_waiter(p, done, userdata))
        return;
    if (start_probe(e, path, &identity, kvm, done, userdata, &f) < 0)
        done(NULL, &f, userdata);
}

/* ---- life ------------------------------------------------------------------------------------ */

int emulators_new(struct daemon *d, struct emulators **ret_emulators, struct fail *f)
{
    struct emulators *e = calloc(1, sizeof(*e));
    if (!e)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    e->daemon = d;
    e->deadline = d->config.qemu_start_timeout * TIMER_SECOND;
    emulator_run_clean_up(d);
    *ret_emulators = e;
    return 0;
}

void emulators_set_deadline(struct emulators *e, uint64_t deadline)
{
    e->deadline = deadline;
}

void emulators_stop(struct emulators *e)
{
    struct fail f;
    fail_set(&f, VIR_ERR_OPERATION_ABORTED, "the daemon is being stopped");
    while (e && e->probes)
        finish(e->probes, NULL, &f);
}

void emulators_free(struct emulators *e)
{
    if (!e)
        return;
    emulators_stop(e);
    while (e->known) {
        struct known *k = e->known;
        e->known = k->next;
        emulator_free(k->emulator);
        free(k);
    }
    while (e->running) {
        struct running *r = e->running;
        e->running = r->next;
        emulator_free(r->emulator);
        free(r);
    }
    free(e);
}
