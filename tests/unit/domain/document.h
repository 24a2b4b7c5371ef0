/* document.h - small documents for the tests of src/domain, made of the parts that a test is about.
 */
#pragma once
#include "domain/domain.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fail fail;

/* A whole domain: `parts` beside name, memory and os, `devices` in <devices>. */
static inline char *document(const char *parts, const char *devices)
{
    char *text;
    if (asprintf(&text,
                 "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
                 "<name>g</name><memory>65536</memory>"
                 "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>%s"
                 "<devices>%s</devices></domain>",
                 parts, devices) < 0)
        abort();
    return text;
}

static const struct domain_machine document_machines[] = {
    {"pc", "pc-i440fx-7.2"}, {"q35", "pc-q35-7.2"}, {"pc-i440fx-7.2", NULL}, {"pc-q35-7.2", NULL}};
static const struct domain_defaults document_defaults = {
    .emulator = "/usr/bin/qemu-system-x86_64",
    .machine = "pc",
    .machines = document_machines,
    .machine_count = sizeof(document_machines) / sizeof(document_machines[0]),
};

/* Parsed and completed: 0, or -1 with `fail` set and *ret_domain untouched. */
static inline int read_text(const char *text, struct domain **ret_domain)
{
    auto_domain struct domain *d = NULL;
    fail = (struct fail){0};
    if (domain_parse(text, strlen(text), 0, &d, &fail) < 0 ||
        domain_fill_defaults(d, &document_defaults, &fail) < 0)
        return -1;
    *ret_domain = take_ptr(d);
    return 0;
}

static inline struct domain *accept_text(const char *text)
{
    struct domain *d = NULL;
    if (read_text(text, &d) < 0)
        fail_msg("%s", fail.text);
    return d;
}

static inline struct domain *accept(const char *parts, const char *devices)
{
    auto_free char *text = document(parts, devices);
    return accept_text(text);
}

static inline void refuse_text(const char *text, int code, const char *sentence)
{
    struct domain *d = NULL;
    int r = read_text(text, &d);
    domain_free(d);
    if (r == 0)
        fail_msg("accepted, expected \"%s\": %s", sentence, text);
    if (!strstr(fail.text, sentence))
        fail_msg("\"%s\" does not say \"%s\"", fail.text, sentence);
    assert_int_equal(fail.code, code);
}

static inline void refuse(int code, const char *sentence, const char *parts, const char *devices)
{
    auto_free char *text = document(parts, devices);
    refuse_text(text, code, sentence);
}
