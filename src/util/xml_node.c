/* xml_node.c - looking around in a parsed tree, reading values, writing a subtree out again. */
#include "util/xml.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct xml_node *skip_to_element(const struct xml_node *n)
{
    while (n && n->kind != XML_ELEMENT)
        n = n->next;
    return n;
}

const struct xml_node *xml_first_element(const struct xml_node *parent)
{
    return parent ? skip_to_element(parent->first) : NULL;
}

const struct xml_node *xml_next_element(const struct xml_node *node)
{
    return skip_to_element(node->next);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

const struct xml_node *xml_child_ns(const struct xml_node *parent, const char *space,
                                    const char *name)
{
    const struct xml_node *n = xml_first_element(parent);
    while (n && !(same(n->space, space) && strcmp(n->name, name) == 0))
        n = xml_next_element(n);
    return n;
}

const struct xml_node *xml_child(const struct xml_node *parent, const char *name)
{
    return xml_child_ns(parent, NULL, name);
}

bool xml_is(const struct xml_node *node, const char *name)
{
    return !node->space && strcmp(node->name, name) == 0;
}

const char *xml_get(const struct xml_node *node, const char *name)
{
    if (!node)
        return NULL;
    for (size_t i = 0; i < node->attribute_count; i++)
        if (!node->attributes[i].space && strcmp(node->attributes[i].name, name) == 0)
            return node->attributes[i].value;
    return NULL;
}

const char *xml_text(const struct xml_node *node)
{
    return node && node->text ? node->text : "";
}

const char *xml_child_text(const struct xml_node *parent, const char *name)
{
    const struct xml_node *n = xml_child(parent, name);
    return n ? xml_text(n) : NULL;
}

/* strtoull alone would take signs, leading blanks and octal. */
static bool parse_digits(const char *text, uint64_t *ret_value)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    size_t n = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
    if (!n || digits[n])
        return false;
    errno = 0;
    *ret_value = strtoull(digits, NULL, hex ? 16 : 10);
    return errno == 0;
}

int xml_parse_u64(const char *text, uint64_t min, uint64_t max, const char *what, unsigned line,
                  uint64_t *ret_value, struct fail *f)
{
    uint64_t value;
    if (!parse_digits(text, &value))
        return fail_set(f, VIR_ERR_XML_ERROR, "XML line %u: %s: '%.64s' is not a number", line,
                        what, text);
    if (value < min || value > max)
        return fail_set(f, VIR_ERR_XML_ERROR, "XML line %u: %s: %.64s is not between %llu and %llu",
                        line, what, text, (unsigned long long)min, (unsigned long long)max);
    *ret_value = value;
    return 0;
}

int xml_get_u64(const struct xml_node *node, const char *name, uint64_t min, uint64_t max,
                uint64_t *ret_value, struct fail *f)
{
    const char *text = xml_get(node, name);
    if (!text)
        return 0;
    char what[160];
    snprintf(what, sizeof(what), "attribute '%s' of <%.64s>", name, node->name);
    return xml_parse_u64(text, min, max, what, node->line, ret_value, f) < 0 ? -1 : 1;
}

int xml_get_uint(const struct xml_node *node, const char *name, unsigned min, unsigned max,
                 unsigned *ret_value, struct fail *f)
{
    uint64_t value;
    int r = xml_get_u64(node, name, min, max, &value, f);
    if (r > 0)
        *ret_value = (unsigned)value;
    return r;
}
