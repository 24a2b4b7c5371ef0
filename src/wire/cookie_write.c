/* cookie_write.c - a struct cookie as the document that a stock libvirtd reads too. */
#include "wire/cookie.h"
#include "util/xml.h"
#include <stdio.h>

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

static void write_feature(struct xml_writer *w, const char *name)
{
    xml_open(w, "feature");
    xml_attr(w, "name", name);
    xml_close(w);
}

static void write_capabilities(struct xml_writer *w, const struct cookie *c)
{
    xml_open(w, "capabilities");
    for (uint32_t i = 0; i < c->capability_count; i++) {
        xml_open(w, "cap");
        xml_attr(w, "name", c->capabilities[i].name);
        xml_attr(w, "auto", yes_no(c->capabilities[i].automatic));
        xml_close(w);
    }
    xml_close(w);
}

static void write_statistics(struct xml_writer *w, const struct cookie_statistics *s)
{
    xml_open(w, "statistics");
    for (int i = 0; i < COOKIE_STAT_COUNT; i++) {
        enum cookie_stat stat = (enum cookie_stat)i;
        if (s->present >> i & 1)
            xml_element_u64(w, cookie_stat_name(stat), s->value[i]);
        if (stat == COOKIE_SENT && s->has_delta) {
            xml_open(w, "delta");
            char text[24];
            snprintf(text, sizeof(text), "%lld", (long long)s->delta);
            xml_close_text(w, text);
        }
    }
    xml_close(w);
}

static void write_peer(struct xml_writer *w, const struct cookie_baton *b)
{
    if (!b->token && b->address_count == 0)
        return;
    xml_open(w, "peer");
    xml_attr(w, "token", b->token);
    for (uint32_t i = 0; i < b->address_count; i++)
        xml_element(w, "address", b->addresses[i]);
    xml_close(w);
}

static void write_agreed(struct xml_writer *w, const struct cookie_baton *b)
{
    xml_open(w, "agreed");
    xml_attr_u64(w, "multifd", b->multifd_channels);
    xml_attr(w, "preempt", yes_no(b->postcopy_preempt));
    for (uint32_t i = 0; i < b->agreed_count; i++) {
        xml_open(w, "cap");
        xml_attr(w, "name", b->agreed[i]);
        xml_close(w);
    }
    xml_close(w);
}

static void write_times(struct xml_writer *w, const struct cookie_baton *b)
{
    if (!b->has_stop_to_performed && !b->has_resume_to_finish)
        return;
    xml_open(w, "times");
    if (b->has_stop_to_performed)
        xml_attr_u64(w, "stop_to_performed", b->stop_to_performed);
    if (b->has_resume_to_finish)
        xml_attr_u64(w, "resume_to_finish", b->resume_to_finish);
    xml_close(w);
}

static void write_baton(struct xml_writer *w, const struct cookie_baton *b)
{
    xml_open(w, "baton");
    xml_attr(w, "version", "1");
    xml_attr(w, "program", b->program);
    write_peer(w, b);
    write_agreed(w, b);
    write_times(w, b);
    if (b->was_paused) {
        xml_open(w, "paused");
        xml_attr_u64(w, "reason", (uint64_t)b->paused_reason);
        xml_close(w);
    }
    if (b->transient) {
        xml_open(w, "transient");
        xml_close(w);
    }
    xml_close(w);
}

static void write_cookie(struct xml_writer *w, const struct cookie *c)
{
    char uuid[UUID_TEXT], host_uuid[UUID_TEXT];
    uuid_format(&c->uuid, uuid);
    uuid_format(&c->host_uuid, host_uuid);
    xml_open(w, "qemu-migration");
    xml_element(w, "name", c->name);
    xml_element(w, "uuid", uuid);
    xml_element(w, "hostname", c->hostname);
    xml_element(w, "hostuuid", host_uuid);
    if (c->lockstate)
        write_feature(w, "lockstate");
    if (c->domain) {
        write_feature(w, "persistent");
        xml_raw(w, c->domain);
    }
    if (c->has_nbd) {
        xml_open(w, "nbd");
        if (c->nbd_port > 0)
            xml_attr_u64(w, "port", c->nbd_port);
        xml_close(w);
    }
    if (c->has_statistics)
        write_statistics(w, &c->statistics);
    if (c->cpu)
        xml_raw(w, c->cpu);
    if (c->has_capabilities)
        write_capabilities(w, c);
    if (c->has_baton)
        write_baton(w, &c->baton);
    xml_close(w);
}

int cookie_write(const struct cookie *cookie, struct buffer *out, struct fail *f)
{
    size_t before = buffer_size(out);
    struct xml_writer w = {.out = out};
    write_cookie(&w, cookie);
    if (xml_writer_end(&w, f) < 0)
        goto undo;
    if (buffer_append(out, "", 1) < 0) {
        fail_set(f, VIR_ERR_NO_MEMORY, "migration cookie: no room for it");
        goto undo;
    }
    if (buffer_size(out) - before > COOKIE_SIZE_MAX) {
        fail_set(f, VIR_ERR_INTERNAL_ERROR, "migration cookie: %zu bytes, the limit is %d",
                 buffer_size(out) - before, COOKIE_SIZE_MAX);
        goto undo;
    }
    return 0;
undo:
    out->end = out->start + before;
    return -1;
}
