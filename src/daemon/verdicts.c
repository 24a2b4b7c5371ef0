/* verdicts.c - see verdicts.h.
 *
 * The journal has a record for each verdict; once it has grown it is rewritten as one record that
 * holds those that are kept, each as the payload of the record that it was.
 */
#include "daemon/verdicts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/core.h"
#include "daemon/daemon.h"
#include "io/journal_file.h"
#include "journal/record.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { RECORD_VERDICT = 1, RECORD_ALL = 3 };
enum { SCHEMA = 1 };
enum {
    TAG_TOKEN = 1,
    TAG_GUEST = 2,
    TAG_PROOF = 3,
    TAG_ONE_VERDICT = 10,
};
enum { PAYLOAD_MAX = 8 << 20 };

struct waiter {
    verdicts_durable_fn *then;
    void *userdata;
    struct waiter *next;
};

struct verdicts {
    struct journal_file *journal;
    struct verdict list[VERDICTS_MAX]; /* a ring */
    unsigned count, next;
    unsigned syncs; /* under way */
    struct waiter *waiters;
};

/* ---- in memory ------------------------------------------------------------------------------ */

const struct verdict *verdicts_find(const struct verdicts *v, const struct peer_token *token)
{
    const struct verdict *found = NULL;
    for (unsigned i = 0; i < v->count; i++)
        if (peer_token_equal(&v->list[i].token, token))
            found = &v->list[i];
    return found;
}

static void keep_verdict(struct verdicts *v, const struct verdict *verdict)
{
    v->list[v->next] = *verdict;
    v->next = (v->next + 1) % VERDICTS_MAX;
    if (v->count < VERDICTS_MAX)
        v->count++;
}

/* ---- as records ----------------------------------------------------------------------------- */

static int write_verdict(const struct verdict *verdict, struct buffer *out)
{
    struct record_writer w;
    record_begin(&w, out, SCHEMA);
    record_put_bytes(&w, TAG_TOKEN, verdict->token.byte, sizeof(verdict->token.byte));
    record_put_bytes(&w, TAG_GUEST, &verdict->guest, sizeof(verdict->guest));
    record_put_u8(&w, TAG_PROOF, verdict->proof);
    return record_finish(&w);
}

static bool read_bytes(const struct record_reader *r, uint16_t tag, void *ret, size_t size)
{
    const uint8_t *bytes;
    size_t have;
    if (!record_get_bytes(r, tag, &bytes, &have) || have != size)
        return false;
    memcpy(ret, bytes, size);
    return true;
}

static void read_verdict(struct verdicts *v, const void *bytes, size_t size)
{
    struct record_reader r;
    struct verdict verdict = {.token.known = true};
    struct fail f;
    if (record_read(&r, bytes, size, &f) < 0 || r.version > SCHEMA ||
        !read_bytes(&r, TAG_TOKEN, verdict.token.byte, sizeof(verdict.token.byte)) ||
        !read_bytes(&r, TAG_GUEST, &verdict.guest, sizeof(verdict.guest)) ||
        record_get_u8(&r, TAG_PROOF, PROOF_COUNT) >= PROOF_COUNT) {
        log_error(
            "the verdicts' journal holds one that can't be read; of its attempt nothing is known");
        return;
    }
    verdict.proof = record_get_u8(&r, TAG_PROOF, 0);
    keep_verdict(v, &verdict);
}

static int write_all(const struct verdicts *v, struct buffer *out)
{
    struct record_writer w;
    int r = 0;
    record_begin(&w, out, SCHEMA);
    for (unsigned i = 0; i < v->count && r == 0; i++) {
        struct buffer one = {.limit = PAYLOAD_MAX};
        r = write_verdict(&v->list[(v->next + VERDICTS_MAX - v->count + i) % VERDICTS_MAX], &one);
        record_put_bytes(&w, TAG_ONE_VERDICT, buffer_bytes(&one), buffer_size(&one));
        buffer_free(&one);
    }
    return r < 0 ? r : record_finish(&w);
}

static void read_all(struct verdicts *v, const void *bytes, size_t size)
{
    struct record_reader r;
    struct record_field field;
    struct fail f;
    if (record_read(&r, bytes, size, &f) < 0) {
        log_error("the verdicts' journal: %s", f.text);
        return;
    }
    while (record_next(&r, &field)) {
        if (field.tag == TAG_ONE_VERDICT)
            read_verdict(v, field.bytes, field.size);
    }
}

/* ---- on the disk ---------------------------------------------------------------------------- */

static void synced(const struct fail *why, void *userdata)
{
    struct verdicts *v = userdata;
    if (why)
        log_error("the verdicts' journal: %s", why->text);
    v->syncs--;
    while (v->syncs == 0 && v->waiters) {
        struct waiter *w = v->waiters;
        v->waiters = w->next;
        w->then(w->userdata);
        free(w);
    }
}

void verdicts_when_durable(struct verdicts *v, verdicts_durable_fn *then, void *userdata)
{
    struct waiter *w = v->syncs ? malloc(sizeof(*w)) : NULL;
    if (!w) {
        then(userdata);
        return;
    }
    *w = (struct waiter){then, userdata, v->waiters};
    v->waiters = w;
}

static void rewritten(const struct fail *why, void *userdata)
{
    (void)userdata;
    if (why)
        log_error("rewrite the verdicts' journal: %s", why->text);
}

static int rewrite(struct verdicts *v, struct fail *f)
{
    struct buffer all = {.limit = PAYLOAD_MAX};
    int r = write_all(v, &all) < 0
                ? fail_set(f, VIR_ERR_NO_MEMORY, "out of memory")
                : journal_file_rewrite(v->journal, RECORD_ALL, buffer_bytes(&all),
                                       buffer_size(&all), rewritten, NULL, f);
    buffer_free(&all);
    return r;
}

static int append(struct verdicts *v, uint16_t type, const struct buffer *record, struct fail *f)
{
    if (!v->journal)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "the verdicts' journal is not open");
    if (journal_file_append(v->journal, type, buffer_bytes(record), buffer_size(record), f) < 0)
        return -1;
    if (journal_file_is_large(v->journal) && rewrite(v, f) < 0)
        log_warning("rewrite the verdicts' journal: %s", f->text);
    if (journal_file_sync(v->journal, synced, v, f) == 0)
        v->syncs++;
    return 0;
}

void verdicts_add(struct verdicts *v, const struct verdict *verdict)
{
    struct fail f = {0};
    struct buffer record = {.limit = PAYLOAD_MAX};
    if (verdicts_find(v, &verdict->token))
        return;
    keep_verdict(v, verdict);
    if (write_verdict(verdict, &record) < 0)
        log_error("keep a verdict: out of memory");
    else if (append(v, RECORD_VERDICT, &record, &f) < 0)
        log_error("keep a verdict: %s", f.text);
    buffer_free(&record);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void load(struct verdicts *v, const struct journal_found *found)
{
    struct journal_reader reader;
    struct journal_record record;
    journal_reader_init(&reader, buffer_bytes(&found->bytes), buffer_size(&found->bytes));
    while (journal_reader_next(&reader, &record)) {
        if (record.type == RECORD_VERDICT)
            read_verdict(v, record.payload, record.size);
        else if (record.type == RECORD_ALL)
            read_all(v, record.payload, record.size);
    }
    if (found->outcome == JOURNAL_DAMAGED)
        log_error("the verdicts' journal is damaged: %s; of attempts after that nothing is known",
                  found->reason);
}

int verdicts_new(struct daemon *d, struct verdicts **ret_verdicts, struct fail *f)
{
    auto_free char *path = NULL;
    struct journal_found found = {0};
    struct verdicts *v = calloc(1, sizeof(*v));
    if (!v || asprintf(&path, "%s/verdicts", d->config.state_dir) < 0) {
        path = NULL;
        free(v);
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    *ret_verdicts = v;
    if (journal_file_open(d->workers, path, &v->journal, &found, f) < 0) {
        log_error("the verdicts' journal: %s", f->text);
        v->journal = NULL;
        return 0;
    }
    load(v, &found);
    if (found.outcome == JOURNAL_DAMAGED && rewrite(v, f) < 0)
        log_error("rewrite the verdicts' journal: %s", f->text);
    buffer_free(&found.bytes);
    return 0;
}

void verdicts_free(struct verdicts *v)
{
    if (!v)
        return;
    journal_file_close(v->journal);
    while (v->waiters) {
        struct waiter *w = v->waiters;
        v->waiters = w->next;
        free(w);
    }
    free(v);
}
