/* xml_tree.h - do two documents say the same? Order of attributes and blanks around text don't
 * count, order of elements does. */
#pragma once
#include "util/xml.h"
#include <ctype.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static inline bool tree_same_string(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static inline bool tree_same_text(const struct xml_node *a, const struct xml_node *b)
{
    const char *x = xml_text(a), *y = xml_text(b);
    while (isspace((unsigned char)*x))
        x++;
    while (isspace((unsigned char)*y))
        y++;
    size_t n = strlen(x), m = strlen(y);
    while (n && isspace((unsigned char)x[n - 1]))
        n--;
    while (m && isspace((unsigned char)y[m - 1]))
        m--;
    return n == m && memcmp(x, y, n) == 0;
}

static inline bool tree_has_attribute(const struct xml_node *n, const struct xml_attribute *a)
{
    for (size_t i = 0; i < n->attribute_count; i++)
        if (strcmp(n->attributes[i].name, a->name) == 0 &&
            tree_same_string(n->attributes[i].space, a->space) &&
            strcmp(n->attributes[i].value, a->value) == 0)
            return true;
    return false;
}

static inline const struct xml_node *tree_skip(const struct xml_node *n, const char *const *ignored)
{
    for (; n; n = xml_next_element(n)) {
        const char *const *name = ignored;
        while (*name && strcmp(*name, n->name) != 0)
            name++;
        if (!*name)
            return n;
    }
    return NULL;
}

/* `ignored`: names of elements to pass over on both sides, ends with NULL. */
static inline void tree_compare(const char *where, const struct xml_node *a,
                                const struct xml_node *b, const char *const *ignored)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s:%u", where, a->name, a->line);
    if (strcmp(a->name, b->name) != 0 || !tree_same_string(a->space, b->space))
        fail_msg("%s: expected <%s> (line %u)", path, b->name, b->line);
    for (size_t i = 0; i < a->attribute_count; i++)
        if (!tree_has_attribute(b, &a->attributes[i]))
            fail_msg("%s: %s='%s' is not expected", path, a->attributes[i].name,
                     a->attributes[i].value);
    for (size_t i = 0; i < b->attribute_count; i++)
        if (!tree_has_attribute(a, &b->attributes[i]))
            fail_msg("%s: expected %s='%s' (line %u)", path, b->attributes[i].name,
                     b->attributes[i].value, b->line);
    if (!tree_same_text(a, b))
        fail_msg("%s: '%s', expected '%s'", path, xml_text(a), xml_text(b));
    const struct xml_node *x = tree_skip(xml_first_element(a), ignored),
                          *y = tree_skip(xml_first_element(b), ignored);
    for (; x && y;
         x = tree_skip(xml_next_element(x), ignored), y = tree_skip(xml_next_element(y), ignored))
        tree_compare(path, x, y, ignored);
    if (x)
        fail_msg("%s: <%s> (line %u) is not expected", path, x->name, x->line);
    if (y)
        fail_msg("%s: expected <%s> (line %u)", path, y->name, y->line);
}

static inline void tree_compare_text(const char *where, const char *a, const char *b,
                                     const char *const *ignored)
{
    auto_xml struct xml_document *x = NULL, *y = NULL;
    struct fail fail;
    if (xml_parse(a, strlen(a), NULL, &x, &fail) < 0)
        fail_msg("%s: %s", where, fail.text);
    if (xml_parse(b, strlen(b), NULL, &y, &fail) < 0)
        fail_msg("%s: %s", where, fail.text);
    tree_compare(where, x->root, y->root, ignored);
}
