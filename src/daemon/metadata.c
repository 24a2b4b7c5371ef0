/* metadata.c - the element of a program is written with its namespace, and handed out without. */
#include "daemon/metadata.h"
#include <libvirt/libvirt.h>
#include <string.h>
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/xml.h"

enum { METADATA_MAX = XML_SIZE_MAX };

static int absent(struct fail *f)
{
    return fail_set(f, VIR_ERR_NO_DOMAIN_METADATA, "Requested metadata element is not present");
}

static int full(struct fail *f)
{
    return fail_set(f, VIR_ERR_NO_MEMORY, "the domain's document would become too large");
}

static int unknown_type(int type, struct fail *f)
{
    return fail_set(f, VIR_ERR_INVALID_ARG, "metadata type %d is not known", type);
}

static bool is_of(const struct xml_node *n, const char *uri)
{
    return n->kind == XML_ELEMENT && n->space && strcmp(n->space, uri) == 0;
}

/* Every element below, and the node itself, that is in namespace `from` is put into `to`. */
static void move_namespace(struct xml_node *top, const char *from, const char *to,
                           const char *prefix)
{
    struct xml_node *n = top;
    while (n) {
        bool matches = from ? is_of(n, from) : n->kind == XML_ELEMENT && !n->space;
        if (matches) {
            n->space = to;
            n->prefix = prefix;
        }
        if (n->first) {
            n = n->first;
            continue;
        }
        while (n != top && !n->next)
            n = n->parent;
        n = n == top ? NULL : n->next;
    }
}

static void drop_declarations(struct xml_node *n, const char *uri)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->namespace_count; i++)
        if (strcmp(n->namespaces[i].uri, uri) != 0)
            n->namespaces[kept++] = n->namespaces[i];
    n->namespace_count = kept;
}

static int get_element(const struct domain *d, const char *uri, struct arena *arena,
                       const char **ret_text, struct fail *f)
{
    auto_xml struct xml_document *doc = NULL;
    if (!uri)
        return fail_set(f, VIR_ERR_INVALID_ARG, "an element's namespace must be given");
    if (!d->metadata)
        return absent(f);
    if (xml_parse(d->metadata, strlen(d->metadata), "metadata", &doc, f) < 0)
        return -1;
    struct xml_node *n = doc->root->first;
    while (n && !is_of(n, uri))
        n = n->next;
    if (!n)
        return absent(f);
    move_namespace(n, uri, NULL, NULL);
    drop_declarations(n, uri);
    *ret_text = xml_node_to_string(n, arena);
    return *ret_text ? 0 : full(f);
}

int metadata_get(const struct domain *d, int type, const char *uri, struct arena *arena,
                 const char **ret_text, struct fail *f)
{
    const char *text;
    switch (type) {
    case VIR_DOMAIN_METADATA_DESCRIPTION:
        text = d->description;
        break;
    case VIR_DOMAIN_METADATA_TITLE:
        text = d->title;
        break;
    case VIR_DOMAIN_METADATA_ELEMENT:
        return get_element(d, uri, arena, ret_text, f);
    default: /* a number from outside */
        return unknown_type(type, f);
    }
    if (!text)
        return absent(f);
    *ret_text = text;
    return 0;
}

/* ---- change --------------------------------------------------------------------------------- */

/* What the document could not carry, it would not be read from again either. */
static int check_text(const char *text, struct fail *f)
{
    auto_xml struct xml_document *doc = NULL;
    struct buffer out = {.limit = METADATA_MAX};
    struct xml_writer w = {.out = &out};
    xml_element(&w, "text", text);
    int r = xml_writer_end(&w, f);
    if (r == 0)
        r = xml_parse((const char *)buffer_bytes(&out), buffer_size(&out), "text", &doc, f);
    buffer_free(&out);
    return r < 0 ? fail_set(f, VIR_ERR_INVALID_ARG, "the text has bytes that XML can't carry") : 0;
}

static int set_text(struct domain *d, const char **field, const char *text, struct fail *f)
{
    if (!text || !text[0]) {
        *field = NULL;
        return 0;
    }
    if (check_text(text, f) < 0)
        return -1;
    const char *copy = domain_string(d, text);
    if (!copy)
        return full(f);
    *field = copy;
    return 0;
}

/* One child element on a line of its own. */
static int append_element(struct buffer *out, const struct xml_node *n, struct arena *arena)
{
    const char *text = xml_node_to_string(n, arena);
    return text ? buffer_printf(out, "    %s\n", text) : -1;
}

/* The element that was given, in its namespace. */
static int append_given(struct buffer *out, const char *text, const char *key, const char *uri,
                        struct arena *arena, struct fail *f)
{
    auto_xml struct xml_document *doc = NULL;
    if (xml_parse(text, strlen(text), NULL, &doc, f) < 0)
        return -1;
    struct xml_node *root = doc->root;
    struct xml_namespace *list = arena_array(arena, root->namespace_count + 1, sizeof(*list));
    if (!list)
        return full(f);
    list[0] = (struct xml_namespace){.prefix = key, .uri = uri};
    if (root->namespace_count)
        memcpy(list + 1, root->namespaces, root->namespace_count * sizeof(*list));
    move_namespace(root, NULL, uri, key);
    root->namespaces = list;
    root->namespace_count++;
    return append_element(out, root, arena) < 0 ? full(f) : 0;
}

/* The other programs' elements. */
static int append_others(struct buffer *out, const struct domain *d, const char *uri,
                         struct arena *arena, struct fail *f)
{
    auto_xml struct xml_document *doc = NULL;
    if (!d->metadata)
        return 0;
    if (xml_parse(d->metadata, strlen(d->metadata), "metadata", &doc, f) < 0)
        return -1;
    for (const struct xml_node *n = xml_first_element(doc->root); n; n = xml_next_element(n))
        if (!is_of(n, uri) && append_element(out, n, arena) < 0)
            return full(f);
    return 0;
}

/* What begins like a name; the parser of the result has the last word. */
static bool is_prefix(const char *key)
{
    return key && key[0] && !strpbrk(key, " \t\r\n:<>&'\"=/");
}

static int build(struct domain *d, const char *text, const char *key, const char *uri,
                 struct arena *arena, struct buffer *out, struct fail *f)
{
    static const char head[] = "<metadata>\n", tail[] = "  </metadata>";
    if (buffer_append(out, head, strlen(head)) < 0)
        return full(f);
    if (append_others(out, d, uri, arena, f) < 0 ||
        (text && append_given(out, text, key, uri, arena, f) < 0))
        return -1;
    bool empty = buffer_size(out) == strlen(head);
    if (buffer_append(out, tail, sizeof(tail)) < 0)
        return full(f);
    const char *whole = (const char *)buffer_bytes(out);
    auto_xml struct xml_document *check = NULL;
    if (xml_parse(whole, strlen(whole), "metadata", &check, f) < 0)
        return -1;
    d->metadata = empty ? NULL : domain_string(d, whole);
    return empty || d->metadata ? 0 : full(f);
}

static int set_element(struct domain *d, const char *text, const char *key, const char *uri,
                       struct fail *f)
{
    if (!uri)
        return fail_set(f, VIR_ERR_INVALID_ARG, "an element's namespace must be given");
    if (text && !is_prefix(key))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "the prefix of an element's namespace is missing, or is no name");
    struct arena arena;
    struct buffer out = {.limit = METADATA_MAX};
    arena_init(&arena, 4 * METADATA_MAX);
    int r = build(d, text, key, uri, &arena, &out, f);
    buffer_free(&out);
    arena_free(&arena);
    return r;
}

int metadata_set(struct domain *d, int type, const char *text, const char *key, const char *uri,
                 struct fail *f)
{
    switch (type) {
    case VIR_DOMAIN_METADATA_DESCRIPTION:
        return set_text(d, &d->description, text, f);
    case VIR_DOMAIN_METADATA_TITLE:
        if (text && strchr(text, '\n'))
            return fail_set(f, VIR_ERR_INVALID_ARG, "metadata title can't contain newlines");
        return set_text(d, &d->title, text, f);
    case VIR_DOMAIN_METADATA_ELEMENT:
        return set_element(d, text, key, uri, f);
    default: /* a number from outside */
        return unknown_type(type, f);
    }
}
