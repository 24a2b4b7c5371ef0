/* api_migrate_parts.h - what the calls of a migration share with those that resume one. */
#pragma once
#include "daemon/call.h"
#include "daemon/guest.h"

struct migration;

/* A call that waits for the machine; lies in the call's arena. */
struct migrate_asked {
    struct guest_waiter waiter;
    struct call *call;
};

typedef void migrate_answered_fn(struct guest_waiter *w, struct guest *g, enum core_result result,
                                 const struct fail *why);
/* Of a struct migrate_asked. */
migrate_answered_fn migrate_begin_answered;
migrate_answered_fn migrate_perform_answered;

/* m->xml: what the destination is to start from. */
int migrate_make_document(const struct guest *g, struct migration *m, struct fail *f);
/* BEGIN_*, from flags, settings and what QEMU has. */
uint8_t migrate_begin_flags(const struct guest *g, const struct migration *m);

/* ---- VIR_MIGRATE_POSTCOPY_RESUME (api_migrate_resume.c) ---- */
void migrate_resume_begin(struct call *call, struct guest *g);
void migrate_resume_prepare(struct call *call);
void migrate_resume_perform(struct call *call, struct guest *g);
