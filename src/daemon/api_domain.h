/* api_domain.h - what the families of domain calls share (api_domain*.c only). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "daemon/call.h"
#include "daemon/guest.h"
#include "domain/domain.h"

enum {
    API_QUERY_SECONDS = 30,    /* for QEMU to answer a question */
    API_NOWAIT_SECONDS = 1,    /* the same, of a client that does not want to wait */
    API_COMMAND_SECONDS = 600, /* for a client's own command; some of them copy a whole memory */
};

/* A flag of libvirt's that is refused, by its name. */
struct api_flag {
    uint32_t flag;
    const char *name;
};
#define API_FLAG(name)                                                                             \
    {                                                                                              \
        (uint32_t) name, #name                                                                     \
    }

/* False, and the call was answered: a flag of `refused` (ended by one without a name) is set, or
 * one that is neither there nor in `supported`. */
bool api_check_flags(struct call *call, uint32_t flags, uint32_t supported,
                     const struct api_flag *refused);

/* False, and the call was answered: the guest is shut off. */
bool api_check_active(struct call *call, const struct guest *g);

/* VIR_DOMAIN_AFFECT_*: does the call mean the running guest or its definition? Current (0) is the
 * running one, if it runs. NULL: the call was answered. */
const struct domain *api_find_document(struct call *call, const struct guest *g, uint32_t affect);

/* Ask its QEMU one question, with a deadline. False, with `f` filled: it can't be sent. `reply`
 * comes later, and the guest is still there then. Takes the arguments over. */
bool api_ask_qemu(struct guest *g, const char *command, struct json_object *arguments,
                  unsigned seconds, monitor_reply_fn *reply, void *userdata, struct fail *f);
/* Why a reply is none. */
void api_explain_reply(const struct monitor_reply *reply, struct fail *ret);

/* The process, or 0. */
pid_t api_guest_pid(const struct guest *g);

/* What qom-get takes to read what the guest told the balloon; NULL without a balloon. */
struct json_object *api_guest_stats_arguments(const struct guest *g);

/* Answers with VIR_ERR_NO_MEMORY. */
void api_fail_memory(struct call *call);
