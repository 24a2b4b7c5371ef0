/* format.h - what the writers of the document's parts share. Private to src/domain. */
#pragma once
#include "domain/domain.h"
#include "domain/names.h"
#include "util/xml.h"

/* A domain_format flag of our own: everything that the struct holds, live or not. */
#define FORMAT_COMPLETE (1u << 30)

struct format {
    const struct domain *d;
    struct xml_writer w;
    bool complete;   /* FORMAT_COMPLETE */
    bool live;       /* ids, aliases, paths that were made up */
    bool migratable; /* for another host: without what it would add by itself */
};

void format_devices(struct format *o);
