/* One list of jobs under one lock. A thread takes the first job whose order is not in use by a
 * running one; a job that is done goes to the finished list and an eventfd wakes the loop, which
 * calls `done` outside the lock. */
#include "io/worker.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { THREADS_MAX = 8 };

struct entry {
    struct worker_job job;
    struct entry *next;
    bool ran;
};

struct list {
    struct entry *first;
    struct entry **end;
};

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;     /* for the threads: a job, or the end */
    pthread_cond_t finished; /* for worker_pool_free */
    struct list waiting;
    struct list done;
    struct entry *running[THREADS_MAX]; /* by thread */
    pthread_t thread[THREADS_MAX];
    unsigned threads;
    bool ending;
    int wake_fd;
    /* Of the loop only. */
    sd_event_source *source;
    size_t jobs; /* submitted and `done` not yet called */
    size_t limit;
    bool in_done; /* worker_pool_free inside a `done` would pull the list from under it */
    struct worker_pool *left_behind; /* the next of them */
};

struct thread_start {
    struct worker_pool *pool;
    unsigned index;
};

static void list_init(struct list *l)
{
    l->first = NULL;
    l->end = &l->first;
}

static void list_add(struct list *l, struct entry *e)
{
    e->next = NULL;
    *l->end = e;
    l->end = &e->next;
}

static struct entry *list_remove(struct list *l, struct entry **at)
{
    struct entry *e = *at;
    *at = e->next;
    if (!*at)
        l->end = at;
    return e;
}

static bool order_is_running(const struct worker_pool *p, const void *order)
{
    for (unsigned i = 0; order && i < p->threads; i++)
        if (p->running[i] && p->running[i]->job.order == order)
            return true;
    return false;
}

/* The first job that may run now. One with the order of a running job waits, and so does what comes
 * after it with the same order, because they are met in their order. */
static struct entry *take_job(struct worker_pool *p)
{
    for (struct entry **at = &p->waiting.first; *at; at = &(*at)->next)
        if (!order_is_running(p, (*at)->job.order))
            return list_remove(&p->waiting, at);
    return NULL;
}

static void wake_loop(struct worker_pool *p)
{
    uint64_t one = 1;
    (void)!write(p->wake_fd, &one, sizeof(one)); /* full means that a wake-up is pending already */
}

static void *run_thread(void *argument)
{
    struct thread_start *start = argument;
    struct worker_pool *p = start->pool;
    unsigned index = start->index;
    free(start);
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct entry *e = take_job(p);
        if (!e && p->ending && !p->waiting.first)
            break;
        if (!e) {
            pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        p->running[index] = e;
        pthread_mutex_unlock(&p->lock);
        e->job.run(e->job.data);
        pthread_mutex_lock(&p->lock);
        p->running[index] = NULL;
        e->ran = true;
        list_add(&p->done, e);
        wake_loop(p);
        pthread_cond_broadcast(&p->work); /* the next of this order may run now */
        pthread_cond_broadcast(&p->finished);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Takes no more than one list at a time: a `done` may submit again without keeping us here. */
static void call_done(struct worker_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct entry *e = p->done.first;
    list_init(&p->done);
    pthread_mutex_unlock(&p->lock);
    p->in_done = true;
    while (e) {
        struct entry *next = e->next;
        p->jobs--;
        e->job.done(e->job.data, e->ran);
        free(e);
        e = next;
    }
    p->in_done = false;
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    uint64_t count;
    (void)source;
    (void)revents;
    (void)!read(fd, &count, sizeof(count));
    call_done(userdata);
    return 0;
}

/* The threads take no signals: those are the loop's. */
static int start_thread(struct worker_pool *p)
{
    struct thread_start *start = malloc(sizeof(*start));
    if (!start)
        return -ENOMEM;
    *start = (struct thread_start){.pool = p, .index = p->threads};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&p->thread[p->threads], NULL, run_thread, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0) {
        free(start);
        return -r;
    }
    pthread_mutex_lock(&p->lock);
    p->threads++;
    pthread_mutex_unlock(&p->lock);
    return 0;
}

int worker_pool_new(sd_event *event, unsigned threads, size_t limit, struct worker_pool **ret_pool,
                    struct fail *f)
{
    assert(threads >= 1 && threads <= THREADS_MAX);
    struct worker_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return fail_set(f, VIR_ERR_NO_MEMORY, "start the workers: out of memory");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    list_init(&p->waiting);
    list_init(&p->done);
    p->limit = limit;
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = p->wake_fd < 0 ? -errno : 0;
    if (r >= 0)
        r = sd_event_add_io(event, &p->source, p->wake_fd, EPOLLIN, on_wake, p);
    while (r >= 0 && p->threads < threads)
        r = start_thread(p);
    if (r < 0) {
        worker_pool_free(p);
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "start the workers: %s", strerror(-r));
    }
    *ret_pool = p;
    return 0;
}

/* What would only be thrown away is not begun. */
static void drop_abandoned(struct worker_pool *p)
{
    for (struct entry **at = &p->waiting.first; *at;) {
        if ((*at)->job.may_be_abandoned)
            list_add(&p->done, list_remove(&p->waiting, at));
        else
            at = &(*at)->next;
    }
}

/* True when something is left that has to be waited for. */
static bool must_wait(const struct worker_pool *p)
{
    for (unsigned i = 0; i < p->threads; i++)
        if (p->running[i] && !p->running[i]->job.may_be_abandoned)
            return true;
    return p->waiting.first != NULL;
}

/* Nobody is left to run what waits: it is told so instead. */
static bool all_threads_abandoned(const struct worker_pool *p)
{
    for (unsigned i = 0; i < p->threads; i++)
        if (!p->running[i] || !p->running[i]->job.may_be_abandoned)
            return false;
    return true;
}

static bool join_threads(struct worker_pool *p)
{
    bool stuck = false;
    for (unsigned i = 0; i < p->threads; i++) {
        pthread_mutex_lock(&p->lock);
        bool abandon = p->running[i] != NULL;
        pthread_mutex_unlock(&p->lock);
        if (abandon)
            pthread_detach(p->thread[i]);
        else
            pthread_join(p->thread[i], NULL);
        stuck |= abandon;
    }
    return stuck;
}

/* Pools with a thread that hangs in what may be abandoned: not lost, in use. */
static struct worker_pool *left_behind;

void worker_pool_free(struct worker_pool *p)
{
    if (!p)
        return;
    assert(!p->in_done);
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    drop_abandoned(p);
    pthread_cond_broadcast(&p->work);
    while (must_wait(p) && !all_threads_abandoned(p))
        pthread_cond_wait(&p->finished, &p->lock);
    while (p->waiting.first)
        list_add(&p->done, list_remove(&p->waiting, &p->waiting.first));
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);

    bool stuck = join_threads(p);
    p->source = sd_event_source_disable_unref(p->source);
    call_done(p);
    if (stuck) { /* the thread still uses the pool; the process is ending */
        p->left_behind = left_behind;
        left_behind = p;
        return;
    }
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int worker_submit(struct worker_pool *p, const struct worker_job *job, struct fail *f)
{
    if (p->ending)
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "the daemon is ending");
    if (p->jobs >= p->limit)
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "%zu jobs are waiting for the disk already",
                        p->jobs);
    struct entry *e = malloc(sizeof(*e));
    if (!e)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    *e = (struct entry){.job = *job};
    p->jobs++;
    pthread_mutex_lock(&p->lock);
    list_add(&p->waiting, e);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    return 0;
}
