/* xml.h - XML documents as small read-only trees, and a writer.
 *
 * xml.c is the only file that touches libxml2, and uses nothing of it but its SAX parser: the tree
 * is ours, lies in one arena and is freed at once. What comes in is hostile:
 *   - a document is at most XML_SIZE_MAX bytes, XML_DEPTH_MAX levels deep and XML_NODES_MAX nodes;
 *   - a document type declaration is refused, and with it every entity but the five built-in ones;
 *   - nothing is ever fetched.
 * Errors are VIR_ERR_XML_ERROR with the line number in the sentence.
 */
#pragma once
#include "util/arena.h"
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/fail.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    XML_SIZE_MAX = 4 << 20, /* bytes: what a string on libvirt's wire may have */
    XML_DEPTH_MAX = 64,
    XML_NODES_MAX = 100000,
};

enum xml_kind { XML_ELEMENT, XML_TEXT, XML_CDATA, XML_COMMENT, XML_INSTRUCTION };

struct xml_attribute {
    const char *name;   /* without prefix */
    const char *prefix; /* NULL without namespace */
    const char *space;  /* namespace URI, NULL without */
    const char *value;
};

struct xml_namespace {
    const char *prefix; /* NULL: the default namespace */
    const char *uri;
};

struct xml_node {
    enum xml_kind kind;
    const char *name;   /* of an element or an instruction, without prefix */
    const char *prefix; /* NULL without */
    const char *space;  /* namespace URI; NULL without */
    const char *text;   /* all kinds but elements; for an element its direct text, joined */
    unsigned line;
    struct xml_attribute *attributes;
    size_t attribute_count;
    struct xml_namespace *namespaces; /* declared on this element */
    size_t namespace_count;
    struct xml_node *parent;
    struct xml_node *first; /* children of every kind, in document order */
    struct xml_node *next;
};

struct xml_document {
    struct arena arena;
    unsigned nodes;
    struct xml_node *root;
};

/* Parse `size` bytes. The root must be named `root_name` (NULL: any name). 0, or -1 with `f` set.
 */
int xml_parse(const char *text, size_t size, const char *root_name, struct xml_document **ret_doc,
              struct fail *f);
void xml_free(struct xml_document *doc);

static inline void cleanup_xml(struct xml_document **doc)
{
    xml_free(*doc);
}
#define auto_xml cleanup(cleanup_xml)

/* Looking around. Element children only; NULL at the end. */
const struct xml_node *xml_first_element(const struct xml_node *parent);
const struct xml_node *xml_next_element(const struct xml_node *node);
/* The first child element of that name outside any namespace. */
const struct xml_node *xml_child(const struct xml_node *parent, const char *name);
const struct xml_node *xml_child_ns(const struct xml_node *parent, const char *space,
                                    const char *name);
/* Is it an element of that name outside any namespace? */
bool xml_is(const struct xml_node *node, const char *name);
/* The value of an attribute outside any namespace; NULL when absent. */
const char *xml_get(const struct xml_node *node, const char *name);
/* An element's own text; "" when there is none. */
const char *xml_text(const struct xml_node *node);
/* The text of a child element; NULL without that child. */
const char *xml_child_text(const struct xml_node *parent, const char *name);

/* Values. 1 and the value; 0 when the attribute is absent, nothing written; -1 with `f` set. */
int xml_get_u64(const struct xml_node *node, const char *name, uint64_t min, uint64_t max,
                uint64_t *ret_value, struct fail *f);
int xml_get_uint(const struct xml_node *node, const char *name, unsigned min, unsigned max,
                 unsigned *ret_value, struct fail *f);
/* Decimal or 0x hexadecimal digits and nothing else; 0 or -1. `what` names it in the error. */
int xml_parse_u64(const char *text, uint64_t min, uint64_t max, const char *what, unsigned line,
                  uint64_t *ret_value, struct fail *f);

/* The writer. Two spaces a level, single quotes, one element a line, as libvirt prints. Failures
 * (limit, memory) stick; xml_writer_end reports them. Names are ours and are not escaped, values
 * are; a control character in a value, which XML can't carry, is a failure.
 *
 *     struct xml_writer w = {.out = &buffer};
 *     xml_open(&w, "disk");
 *     xml_attr(&w, "type", "file");
 *     xml_empty(&w, "readonly");            <readonly/>
 *     xml_element(&w, "serial", "abc");     <serial>abc</serial>
 *     xml_close(&w);
 *     r = xml_writer_end(&w, f);
 */
struct xml_writer {
    struct buffer *out;
    unsigned indent; /* levels to start with */
    /* private */
    const char *open[XML_DEPTH_MAX + 2];
    unsigned depth;
    bool tag_open;
    int error; /* first failure, a negative errno */
};

void xml_open(struct xml_writer *w, const char *name);
/* Attributes of the element opened last, before any child. A NULL value writes nothing. */
void xml_attr(struct xml_writer *w, const char *name, const char *value);
void xml_attr_u64(struct xml_writer *w, const char *name, uint64_t value);
void xml_attr_i64(struct xml_writer *w, const char *name, int64_t value);
void xml_attrf(struct xml_writer *w, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends the innermost open element: <name/> when nothing was put in. */
void xml_close(struct xml_writer *w);
/* Ends it with text inside, on one line: <name a='b'>text</name>. */
void xml_close_text(struct xml_writer *w, const char *text);
/* Whole elements. A NULL text writes nothing. */
void xml_empty(struct xml_writer *w, const char *name);
void xml_element(struct xml_writer *w, const char *name, const char *text);
void xml_element_u64(struct xml_writer *w, const char *name, uint64_t value);
/* Text that is XML already, verbatim on a line of its own (the indentation goes in front of it). */
void xml_raw(struct xml_writer *w, const char *xml);
/* 0, or -1 with `f` set. Elements still open are our bug. */
int xml_writer_end(struct xml_writer *w, struct fail *f);

/* A parsed node and all below it as text, unchanged in meaning: every kind of child, white space,
 * prefixes. Namespaces declared further up are declared on it when it uses them. NULL at the
 * arena's limit. */
const char *xml_node_to_string(const struct xml_node *node, struct arena *arena);
