/* xml.c - bytes to a tree, by libxml2's SAX parser.
 *
 * libxml2 calls us for each start tag, end tag and piece of text; we hang nodes into an arena and
 * hold the limits as we go, so that a document is given up at the first thing that is wrong with
 * it. The first error wins: later ones are its echo. A DOCTYPE stops the parser before its content
 * is read, so there are no entities to expand; XML_PARSE_NOENT only makes the five built-in ones
 * and character references come out as the characters they stand for.
 */
#include "util/xml.h"
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <stdlib.h>
#include <string.h>

/* What the tree of the largest permitted document may take; attributes weigh most. */
enum { ARENA_MAX = 64 << 20, ATTRIBUTES_MAX = 256 };

struct build {
    xmlParserCtxtPtr parser;
    struct xml_document *doc;
    struct xml_node *parent; /* innermost open element */
    struct xml_node *last;   /* youngest child of it */
    unsigned depth;
    bool failed;
    struct fail *fail;
};

static void build_stop(struct build *b, const char *what)
{
    if (!b->failed)
        fail_set(b->fail, VIR_ERR_XML_ERROR, "XML line %d: %s", xmlSAX2GetLineNumber(b->parser),
                 what);
    b->failed = true;
    xmlStopParser(b->parser);
}

static struct xml_node *build_node(struct build *b, enum xml_kind kind)
{
    if (++b->doc->nodes > XML_NODES_MAX) {
        build_stop(b, "too many elements and pieces of text");
        return NULL;
    }
    struct xml_node *n = arena_alloc(&b->doc->arena, sizeof(*n));
    if (!n) {
        build_stop(b, "the document needs too much memory");
        return NULL;
    }
    *n = (struct xml_node){
        .kind = kind, .line = (unsigned)xmlSAX2GetLineNumber(b->parser), .parent = b->parent};
    if (b->last)
        b->last->next = n;
    else if (b->parent)
        b->parent->first = n;
    else if (kind == XML_ELEMENT)
        b->doc->root = n;
    b->last = n;
    return n;
}

static const char *build_string(struct build *b, const char *text, size_t size)
{
    const char *copy = arena_strndup(&b->doc->arena, text, size);
    if (!copy)
        build_stop(b, "the document needs too much memory");
    return copy;
}

static const char *build_optional(struct build *b, const xmlChar *text)
{
    const char *s = (const char *)text;
    return s ? build_string(b, s, strlen(s)) : NULL;
}

/* libxml2 hands attributes over as groups of five: name, prefix, URI, value's begin, value's end.
 */
static void build_attributes(struct build *b, struct xml_node *n, int count, const xmlChar **given)
{
    n->attributes = arena_array(&b->doc->arena, (size_t)count, sizeof(*n->attributes));
    if (count && !n->attributes) {
        build_stop(b, "the document needs too much memory");
        return;
    }
    for (int i = 0; i < count && !b->failed; i++, given += 5) {
        n->attributes[i] = (struct xml_attribute){
            .name = build_optional(b, given[0]),
            .prefix = build_optional(b, given[1]),
            .space = build_optional(b, given[2]),
            .value = build_string(b, (const char *)given[3], (size_t)(given[4] - given[3])),
        };
        n->attribute_count++;
    }
}

static void build_namespaces(struct build *b, struct xml_node *n, int count, const xmlChar **given)
{
    n->namespaces = arena_array(&b->doc->arena, (size_t)count, sizeof(*n->namespaces));
    if (count && !n->namespaces) {
        build_stop(b, "the document needs too much memory");
        return;
    }
    for (int i = 0; i < count && !b->failed; i++, given += 2) {
        n->namespaces[i].prefix = build_optional(b, given[0]);
        n->namespaces[i].uri = build_optional(b, given[1]);
        n->namespace_count++;
    }
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespace_count, const xmlChar **namespaces, int attribute_count,
                     int defaulted, const xmlChar **attributes)
{
    (void)defaulted;
    struct build *b = context;
    if (b->failed)
        return;
    if (++b->depth > XML_DEPTH_MAX) {
        build_stop(b, "elements are nested too deep");
        return;
    }
    if (attribute_count > ATTRIBUTES_MAX || namespace_count > ATTRIBUTES_MAX) {
        build_stop(b, "an element has too many attributes");
        return;
    }
    struct xml_node *n = build_node(b, XML_ELEMENT);
    if (!n)
        return;
    n->name = build_optional(b, name);
    n->prefix = build_optional(b, prefix);
    n->space = build_optional(b, uri);
    build_attributes(b, n, attribute_count, attributes);
    if (!b->failed)
        build_namespaces(b, n, namespace_count, namespaces);
    b->parent = n;
    b->last = NULL;
}

/* The direct text of a finished element, joined: readers want one string. */
static const char *join_text(struct build *b, const struct xml_node *n)
{
    const struct xml_node *only = n->first;
    if (only && !only->next && (only->kind == XML_TEXT || only->kind == XML_CDATA))
        return only->text;
    size_t size = 0;
    for (const struct xml_node *c = n->first; c; c = c->next)
        if (c->kind == XML_TEXT || c->kind == XML_CDATA)
            size += strlen(c->text);
    if (!size)
        return "";
    char *joined = arena_alloc(&b->doc->arena, size + 1), *end = joined;
    if (!joined) {
        build_stop(b, "the document needs too much memory");
        return "";
    }
    for (const struct xml_node *c = n->first; c; c = c->next)
        if (c->kind == XML_TEXT || c->kind == XML_CDATA)
            end = stpcpy(end, c->text);
    return joined;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name, (void)prefix, (void)uri;
    struct build *b = context;
    if (b->failed)
        return;
    struct xml_node *n = b->parent;
    n->text = join_text(b, n);
    b->depth--;
    b->parent = n->parent;
    b->last = n;
}

/* The parser cuts long text into pieces: each is a node, and the element's own text joins them. */
static void on_text(void *context, const xmlChar *text, int size)
{
    struct build *b = context;
    struct xml_node *n = b->failed || !b->parent ? NULL : build_node(b, XML_TEXT);
    if (n)
        n->text = build_string(b, (const char *)text, (size_t)size);
}

static void on_cdata(void *context, const xmlChar *text, int size)
{
    struct build *b = context;
    struct xml_node *n = b->failed || !b->parent ? NULL : build_node(b, XML_CDATA);
    if (n)
        n->text = build_string(b, (const char *)text, (size_t)size);
}

static void on_comment(void *context, const xmlChar *text)
{
    struct build *b = context;
    struct xml_node *n = b->failed || !b->parent ? NULL : build_node(b, XML_COMMENT);
    if (n)
        n->text = build_optional(b, text);
}

static void on_instruction(void *context, const xmlChar *target, const xmlChar *data)
{
    struct build *b = context;
    struct xml_node *n = b->failed || !b->parent ? NULL : build_node(b, XML_INSTRUCTION);
    if (!n)
        return;
    n->name = build_optional(b, target);
    n->text =
        build_string(b, data ? (const char *)data : "", data ? strlen((const char *)data) : 0);
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *id, const xmlChar *system)
{
    (void)name, (void)id, (void)system;
    build_stop(context, "a document type declaration is not accepted");
}

static void on_error(void *context, xmlErrorPtr error)
{
    struct build *b = context;
    if (b->failed || error->level < XML_ERR_ERROR)
        return;
    const char *what = error->message ? error->message : "malformed";
    b->failed = true;
    fail_set(b->fail, VIR_ERR_XML_ERROR, "XML line %d: %.*s", error->line, (int)strcspn(what, "\n"),
             what);
    xmlStopParser(b->parser);
}

static void build_run(struct build *b, const char *text, size_t size)
{
    xmlSAXHandler sax = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_cdata,
        .comment = on_comment,
        .processingInstruction = on_instruction,
        .internalSubset = on_doctype,
        .serror = on_error,
    };
    b->parser = xmlCreatePushParserCtxt(&sax, b, NULL, 0, NULL);
    if (!b->parser) {
        b->failed = true;
        fail_set(b->fail, VIR_ERR_NO_MEMORY, "parse XML: out of memory");
        return;
    }
    xmlCtxtUseOptions(b->parser, XML_PARSE_NONET | XML_PARSE_NOENT);
    int r = xmlParseChunk(b->parser, text, (int)size, 1);
    if (!b->failed && (r != XML_ERR_OK || !b->parser->wellFormed))
        build_stop(b, "malformed");
    xmlFreeParserCtxt(b->parser);
}

static bool is_blank(const char *text, size_t size)
{
    while (size && strchr(" \t\r\n", *text) && *text)
        text++, size--;
    return !size;
}

int xml_parse(const char *text, size_t size, const char *root_name, struct xml_document **ret_doc,
              struct fail *f)
{
    if (size > XML_SIZE_MAX)
        return fail_set(f, VIR_ERR_XML_ERROR, "XML document of %zu bytes; at most %d are accepted",
                        size, XML_SIZE_MAX);
    if (is_blank(text, size))
        return fail_set(f, VIR_ERR_XML_ERROR, "XML document is empty");
    if (memchr(text, 0, size))
        return fail_set(f, VIR_ERR_XML_ERROR, "XML document contains a zero byte");
    auto_xml struct xml_document *doc = calloc(1, sizeof(*doc));
    if (!doc)
        return fail_set(f, VIR_ERR_NO_MEMORY, "parse XML: out of memory");
    arena_init(&doc->arena, ARENA_MAX);
    struct build b = {.doc = doc, .fail = f};
    build_run(&b, text, size);
    if (b.failed)
        return -1;
    if (root_name && !xml_is(doc->root, root_name))
        return fail_set(f, VIR_ERR_XML_ERROR, "XML root element is <%.64s>, expected <%s>",
                        doc->root->name, root_name);
    *ret_doc = take_ptr(doc);
    return 0;
}

void xml_free(struct xml_document *doc)
{
    if (!doc)
        return;
    arena_free(&doc->arena);
    free(doc);
}
