/* cookie.c - a cookie's bytes as a struct cookie. */
#include "wire/cookie.h"
#include "util/xml.h"
#include <string.h>

struct reader {
    struct arena *arena; /* of the caller; the document's own goes at the end */
    struct fail *f;
};

static int no_memory(const struct reader *r)
{
    return fail_set(r->f, VIR_ERR_NO_MEMORY, "migration cookie: it needs too much memory");
}

static int copy(const struct reader *r, const char *text, const char **ret_text)
{
    *ret_text = arena_strdup(r->arena, text);
    return *ret_text ? 0 : no_memory(r);
}

/* An optional attribute. */
static int copy_attribute(const struct reader *r, const struct xml_node *node, const char *name,
                          const char **ret_text)
{
    const char *text = xml_get(node, name);
    return text ? copy(r, text, ret_text) : 0;
}

static int need_text(const struct reader *r, const struct xml_node *root, const char *name,
                     const char **ret_text)
{
    const char *text = xml_child_text(root, name);
    if (!text || !text[0])
        return fail_set(r->f, VIR_ERR_INTERNAL_ERROR, "migration cookie: there is no <%s> in it",
                        name);
    return copy(r, text, ret_text);
}

static int need_uuid(const struct reader *r, const struct xml_node *root, const char *name,
                     struct uuid *ret_uuid)
{
    const char *text;
    if (need_text(r, root, name, &text) < 0)
        return -1;
    if (!uuid_parse(text, ret_uuid))
        return fail_set(r->f, VIR_ERR_INTERNAL_ERROR, "migration cookie: <%s> is no uuid: '%.64s'",
                        name, text);
    return 0;
}

static int copy_element(const struct reader *r, const struct xml_node *node, const char **ret_xml)
{
    *ret_xml = node ? xml_node_to_string(node, r->arena) : NULL;
    return !node || *ret_xml ? 0 : no_memory(r);
}

static int yes_or_no(const struct reader *r, const struct xml_node *node, const char *name,
                     bool *ret_value)
{
    const char *text = xml_get(node, name);
    bool yes = text && strcmp(text, "yes") == 0;
    if (text && !yes && strcmp(text, "no") != 0)
        return fail_set(r->f, VIR_ERR_XML_ERROR,
                        "migration cookie: <%s %s='%.64s'/>: it must be yes or no", node->name,
                        name, text);
    *ret_value = yes;
    return 0;
}

/* What the sender says must be understood. */
static int read_features(const struct reader *r, const struct xml_node *root, struct cookie *c)
{
    for (const struct xml_node *n = xml_first_element(root); n; n = xml_next_element(n)) {
        if (!xml_is(n, "feature"))
            continue;
        const char *name = xml_get(n, "name");
        if (!name)
            return fail_set(r->f, VIR_ERR_XML_ERROR,
                            "migration cookie: a <feature> without a name");
        if (strcmp(name, "lockstate") == 0)
            c->lockstate = true;
        else if (strcmp(name, "persistent") != 0)
            return fail_set(r->f, VIR_ERR_OPERATION_UNSUPPORTED,
                            "the other host requires the migration feature '%.64s', which is not "
                            "supported here",
                            name);
    }
    return 0;
}

static int read_capabilities(const struct reader *r, const struct xml_node *node, struct cookie *c)
{
    if (!node)
        return 0;
    c->has_capabilities = true;
    for (const struct xml_node *n = xml_first_element(node); n; n = xml_next_element(n)) {
        if (!xml_is(n, "cap"))
            continue;
        if (c->capability_count == COOKIE_CAPABILITIES_MAX)
            return fail_set(r->f, VIR_ERR_INTERNAL_ERROR,
                            "migration cookie: more than %d capabilities", COOKIE_CAPABILITIES_MAX);
        struct cookie_capability *cap = &c->capabilities[c->capability_count++];
        if (!xml_get(n, "name"))
            return fail_set(r->f, VIR_ERR_XML_ERROR, "migration cookie: a <cap> without a name");
        if (copy_attribute(r, n, "name", &cap->name) < 0 ||
            yes_or_no(r, n, "auto", &cap->automatic) < 0)
            return -1;
    }
    return 0;
}

static int read_delta(const struct reader *r, const struct xml_node *node,
                      struct cookie_statistics *s)
{
    const struct xml_node *delta = xml_child(node, "delta");
    uint64_t value;
    if (!delta)
        return 0;
    const char *text = xml_text(delta);
    bool negative = text[0] == '-';
    if (xml_parse_u64(text + negative, 0, INT64_MAX, "<delta>", delta->line, &value, r->f) < 0)
        return -1;
    s->has_delta = true;
    s->delta = negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

static int read_statistics(const struct reader *r, const struct xml_node *node, struct cookie *c)
{
    if (!node)
        return 0;
    c->has_statistics = true;
    for (int i = 0; i < COOKIE_STAT_COUNT; i++) {
        enum cookie_stat stat = (enum cookie_stat)i;
        const struct xml_node *n = xml_child(node, cookie_stat_name(stat));
        uint64_t value;
        if (!n)
            continue;
        if (xml_parse_u64(xml_text(n), 0, UINT64_MAX, n->name, n->line, &value, r->f) < 0)
            return -1;
        cookie_stat_set(&c->statistics, stat, value);
    }
    return read_delta(r, node, &c->statistics);
}

static int read_nbd(const struct reader *r, const struct xml_node *node, struct cookie *c)
{
    unsigned port = 0;
    if (!node)
        return 0;
    c->has_nbd = true;
    if (xml_get_uint(node, "port", 0, 65535, &port, r->f) < 0)
        return -1;
    c->nbd_port = port;
    return 0;
}

/* ---- <baton> ---- */

static int read_peer(const struct reader *r, const struct xml_node *node, struct cookie_baton *b)
{
    if (!node)
        return 0;
    if (copy_attribute(r, node, "token", &b->token) < 0)
        return -1;
    for (const struct xml_node *n = xml_first_element(node); n; n = xml_next_element(n)) {
        if (!xml_is(n, "address"))
            continue;
        if (b->address_count == COOKIE_ADDRESSES_MAX)
            return fail_set(r->f, VIR_ERR_INTERNAL_ERROR,
                            "migration cookie: more than %d peer addresses", COOKIE_ADDRESSES_MAX);
        if (copy(r, xml_text(n), &b->addresses[b->address_count]) < 0)
            return -1;
        b->address_count++;
    }
    return 0;
}

static int read_agreed(const struct reader *r, const struct xml_node *node, struct cookie_baton *b)
{
    unsigned channels = 0;
    if (!node)
        return 0;
    if (xml_get_uint(node, "multifd", 0, 255, &channels, r->f) < 0 ||
        yes_or_no(r, node, "preempt", &b->postcopy_preempt) < 0)
        return -1;
    b->multifd_channels = channels;
    for (const struct xml_node *n = xml_first_element(node); n; n = xml_next_element(n)) {
        if (!xml_is(n, "cap"))
            continue;
        if (b->agreed_count == COOKIE_NAMES_MAX)
            return fail_set(r->f, VIR_ERR_INTERNAL_ERROR,
                            "migration cookie: more than %d agreed capabilities", COOKIE_NAMES_MAX);
        if (copy(r, xml_get(n, "name") ? xml_get(n, "name") : "", &b->agreed[b->agreed_count]) < 0)
            return -1;
        b->agreed_count++;
    }
    return 0;
}

static int read_duration(const struct reader *r, const struct xml_node *node, const char *name,
                         bool *ret_has, uint64_t *ret_value)
{
    if (!node)
        return 0;
    int found = xml_get_u64(node, name, 0, INT64_MAX, ret_value, r->f);
    *ret_has = found > 0;
    return found < 0 ? -1 : 0;
}

static int read_paused(const struct reader *r, const struct xml_node *node, struct cookie_baton *b)
{
    unsigned reason = 0;
    if (!node)
        return 0;
    b->was_paused = true;
    if (xml_get_uint(node, "reason", 0, 255, &reason, r->f) < 0)
        return -1;
    b->paused_reason = (int32_t)reason;
    return 0;
}

/* An element of another version is as good as none: its sender is to us what a stock libvirtd is.
 */
static int read_baton(const struct reader *r, const struct xml_node *node, struct cookie *c)
{
    const char *version = node ? xml_get(node, "version") : NULL;
    struct cookie_baton *b = &c->baton;
    if (!version || strcmp(version, "1") != 0)
        return 0;
    c->has_baton = true;
    const struct xml_node *times = xml_child(node, "times");
    if (copy_attribute(r, node, "program", &b->program) < 0 ||
        read_peer(r, xml_child(node, "peer"), b) < 0 ||
        read_agreed(r, xml_child(node, "agreed"), b) < 0 ||
        read_duration(r, times, "stop_to_performed", &b->has_stop_to_performed,
                      &b->stop_to_performed) < 0 ||
        read_duration(r, times, "resume_to_finish", &b->has_resume_to_finish,
                      &b->resume_to_finish) < 0 ||
        read_paused(r, xml_child(node, "paused"), b) < 0)
        return -1;
    b->transient = xml_child(node, "transient") != NULL;
    return 0;
}

/* ---- the whole ---- */

static int read_cookie(const struct reader *r, const struct xml_node *root, struct cookie *c)
{
    if (read_features(r, root, c) < 0 || need_text(r, root, "name", &c->name) < 0 ||
        need_uuid(r, root, "uuid", &c->uuid) < 0 ||
        need_text(r, root, "hostname", &c->hostname) < 0 ||
        need_uuid(r, root, "hostuuid", &c->host_uuid) < 0 ||
        copy_element(r, xml_child(root, "cpu"), &c->cpu) < 0 ||
        copy_element(r, xml_child(root, "domain"), &c->domain) < 0 ||
        read_capabilities(r, xml_child(root, "capabilities"), c) < 0 ||
        read_statistics(r, xml_child(root, "statistics"), c) < 0 ||
        read_nbd(r, xml_child(root, "nbd"), c) < 0 ||
        read_baton(r, xml_child(root, "baton"), c) < 0)
        return -1;
    return 0;
}

int cookie_parse(const uint8_t *bytes, size_t size, struct arena *arena, struct cookie *ret_cookie,
                 struct fail *f)
{
    auto_xml struct xml_document *doc = NULL;
    struct reader r = {.arena = arena, .f = f};
    struct cookie cookie = {0};

    if (size == 0)
        return 0;
    if (size > COOKIE_SIZE_MAX)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "migration cookie: %zu bytes, the limit is %d",
                        size, COOKIE_SIZE_MAX);
    if (memchr(bytes, 0, size) != bytes + size - 1)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                        "migration cookie: it does not end with its one zero byte");
    if (xml_parse((const char *)bytes, size - 1, NULL, &doc, f) < 0)
        return fail_prefix(f, "migration cookie");
    if (!xml_is(doc->root, "qemu-migration"))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                        "migration cookie: it is a <%.64s>, not a <qemu-migration>",
                        doc->root->name);
    if (read_cookie(&r, doc->root, &cookie) < 0)
        return -1;
    *ret_cookie = cookie;
    return 1;
}
