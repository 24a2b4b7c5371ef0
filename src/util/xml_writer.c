/* xml_writer.c - XML text into a bounded buffer; subtrees back to text.
 *
 * A tag stays open ("<disk type='file'") until the first child or the end decides between ">" and
 * "/>". The first failure sticks and everything after it writes nothing, so callers check once.
 */
#include "util/xml.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(struct xml_writer *w, const char *text, size_t size)
{
    if (!w->error)
        w->error = buffer_append(w->out, text, size);
}

static void puts_(struct xml_writer *w, const char *text)
{
    put(w, text, strlen(text));
}

static const char *escape_of(unsigned char c, bool in_attribute)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    case '\'':
        return in_attribute ? "&apos;" : NULL;
    case '"':
        return in_attribute ? "&quot;" : NULL;
    case '\n': /* an attribute's white space would be read back as blanks */
        return in_attribute ? "&#10;" : NULL;
    case '\t':
        return in_attribute ? "&#9;" : NULL;
    default:
        return NULL;
    }
}

static void put_escaped(struct xml_writer *w, const char *text, bool in_attribute)
{
    const char *from = text;
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 && c != '\n' && c != '\t' && c != '\r') {
            w->error = w->error ? w->error : -EILSEQ;
            return;
        }
        const char *escape = escape_of(c, in_attribute);
        if (!escape)
            continue;
        put(w, from, (size_t)(p - from));
        puts_(w, escape);
        from = p + 1;
    }
    puts_(w, from);
}

static void put_indent(struct xml_writer *w)
{
    for (unsigned i = 0; i < w->indent + w->depth; i++)
        put(w, "  ", 2);
}

/* The open tag of the parent gets its ">" when the first child comes. */
static void finish_tag(struct xml_writer *w)
{
    if (w->tag_open)
        put(w, ">\n", 2);
    w->tag_open = false;
}

void xml_open(struct xml_writer *w, const char *name)
{
    assert(w->depth < sizeof(w->open) / sizeof(w->open[0]));
    finish_tag(w);
    put_indent(w);
    put(w, "<", 1);
    puts_(w, name);
    w->open[w->depth++] = name;
    w->tag_open = true;
}

void xml_attr(struct xml_writer *w, const char *name, const char *value)
{
    assert(w->tag_open);
    if (!value)
        return;
    put(w, " ", 1);
    puts_(w, name);
    put(w, "='", 2);
    put_escaped(w, value, true);
    put(w, "'", 1);
}

void xml_attrf(struct xml_writer *w, const char *name, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(text))
        w->error = w->error ? w->error : -ENOBUFS;
    else
        xml_attr(w, name, text);
}

void xml_attr_u64(struct xml_writer *w, const char *name, uint64_t value)
{
    xml_attrf(w, name, "%" PRIu64, value);
}

void xml_attr_i64(struct xml_writer *w, const char *name, int64_t value)
{
    xml_attrf(w, name, "%" PRId64, value);
}

void xml_close(struct xml_writer *w)
{
    assert(w->depth);
    const char *name = w->open[--w->depth];
    if (w->tag_open) {
        put(w, "/>\n", 3);
        w->tag_open = false;
        return;
    }
    put_indent(w);
    put(w, "</", 2);
    puts_(w, name);
    put(w, ">\n", 2);
}

void xml_close_text(struct xml_writer *w, const char *text)
{
    assert(w->depth && w->tag_open);
    const char *name = w->open[--w->depth];
    w->tag_open = false;
    put(w, ">", 1);
    put_escaped(w, text, false);
    put(w, "</", 2);
    puts_(w, name);
    put(w, ">\n", 2);
}

void xml_empty(struct xml_writer *w, const char *name)
{
    xml_open(w, name);
    xml_close(w);
}

void xml_element(struct xml_writer *w, const char *name, const char *text)
{
    if (!text)
        return;
    xml_open(w, name);
    xml_close_text(w, text);
}

void xml_element_u64(struct xml_writer *w, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    xml_element(w, name, text);
}

void xml_raw(struct xml_writer *w, const char *xml)
{
    finish_tag(w);
    put_indent(w);
    puts_(w, xml);
    put(w, "\n", 1);
}

int xml_writer_end(struct xml_writer *w, struct fail *f)
{
    if (!w->error) {
        assert(!w->depth);
        return 0;
    }
    return w->error == -EILSEQ
               ? fail_set(f, VIR_ERR_XML_ERROR, "a value has a character that XML can't carry")
               : fail_set(f, VIR_ERR_INTERNAL_ERROR, "write XML: %s", strerror(-w->error));
}

/* ---- a parsed subtree as text ---- */

static void put_name(struct xml_writer *w, const char *prefix, const char *name)
{
    if (prefix) {
        puts_(w, prefix);
        put(w, ":", 1);
    }
    puts_(w, name);
}

static void put_namespace(struct xml_writer *w, const char *prefix, const char *uri)
{
    puts_(w, prefix ? " xmlns:" : " xmlns");
    puts_(w, prefix ? prefix : "");
    put(w, "='", 2);
    put_escaped(w, uri ? uri : "", true);
    put(w, "'", 1);
}

static bool same_prefix(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool declares(const struct xml_node *n, const char *prefix)
{
    for (size_t i = 0; i < n->namespace_count; i++)
        if (same_prefix(n->namespaces[i].prefix, prefix))
            return true;
    return false;
}

static bool uses(const struct xml_node *n, const char *prefix)
{
    if (n->kind != XML_ELEMENT)
        return false;
    if (n->space && same_prefix(n->prefix, prefix))
        return true;
    for (size_t i = 0; i < n->attribute_count; i++)
        if (n->attributes[i].space && same_prefix(n->attributes[i].prefix, prefix))
            return true;
    for (const struct xml_node *c = n->first; c; c = c->next)
        if (uses(c, prefix))
            return true;
    return false;
}

/* On the subtree's top: what is declared further up and used here or below. The nearest wins. */
static void put_inherited(struct xml_writer *w, const struct xml_node *top)
{
    for (const struct xml_node *up = top->parent; up; up = up->parent) {
        for (size_t i = 0; i < up->namespace_count; i++) {
            const struct xml_node *nearer = top;
            while (nearer != up && !declares(nearer, up->namespaces[i].prefix))
                nearer = nearer->parent;
            if (nearer == up && uses(top, up->namespaces[i].prefix))
                put_namespace(w, up->namespaces[i].prefix, up->namespaces[i].uri);
        }
    }
}

static void put_start(struct xml_writer *w, const struct xml_node *n, bool top)
{
    put(w, "<", 1);
    put_name(w, n->prefix, n->name);
    for (size_t i = 0; i < n->namespace_count; i++)
        put_namespace(w, n->namespaces[i].prefix, n->namespaces[i].uri);
    if (top)
        put_inherited(w, n);
    for (size_t i = 0; i < n->attribute_count; i++) {
        put(w, " ", 1);
        put_name(w, n->attributes[i].prefix, n->attributes[i].name);
        put(w, "='", 2);
        put_escaped(w, n->attributes[i].value, true);
        put(w, "'", 1);
    }
    puts_(w, n->first ? ">" : "/>");
}

/* Recursion is bounded by XML_DEPTH_MAX. */
static void put_node(struct xml_writer *w, const struct xml_node *n, bool top)
{
    switch (n->kind) {
    case XML_TEXT:
        put_escaped(w, n->text, false);
        return;
    case XML_CDATA:
        puts_(w, "<![CDATA[");
        puts_(w, n->text);
        puts_(w, "]]>");
        return;
    case XML_COMMENT:
        puts_(w, "<!--");
        puts_(w, n->text);
        puts_(w, "-->");
        return;
    case XML_INSTRUCTION:
        puts_(w, "<?");
        puts_(w, n->name);
        puts_(w, n->text[0] ? " " : "");
        puts_(w, n->text);
        puts_(w, "?>");
        return;
    case XML_ELEMENT:
        break;
    }
    put_start(w, n, top);
    if (!n->first)
        return;
    for (const struct xml_node *c = n->first; c; c = c->next)
        put_node(w, c, false);
    puts_(w, "</");
    put_name(w, n->prefix, n->name);
    put(w, ">", 1);
}

const char *xml_node_to_string(const struct xml_node *node, struct arena *arena)
{
    cleanup(buffer_free) struct buffer out = {.limit = 8 * XML_SIZE_MAX};
    struct xml_writer w = {.out = &out};
    put_node(&w, node, true);
    if (w.error)
        return NULL;
    return arena_strndup(arena, (const char *)buffer_bytes(&out), buffer_size(&out));
}
