/* cookie.h - the migration cookie: what the two ends tell each other in the opaque argument that
 * the client carries between them.
 *
 * It is libvirt's, an XML document <qemu-migration> ended by a zero byte, so that a stock libvirtd
 * understands ours and we its. What two Batons tell each other beyond it is all in one element,
 * <baton version='1'>, which libvirt ignores. Elements we do not know are ignored; a <feature> is
 * what the sender requires to be understood, and an unknown one is refused by name (known:
 * lockstate, and persistent, which goes with the <domain>).
 *
 * A cookie on the wire is at most COOKIE_SIZE_MAX bytes; what is parsed is at most XML_SIZE_MAX.
 * Errors: VIR_ERR_XML_ERROR for what is no XML or has a malformed value, VIR_ERR_INTERNAL_ERROR for
 * what is XML but no cookie, VIR_ERR_OPERATION_UNSUPPORTED for a feature.
 */
#pragma once
#include "util/arena.h"
#include "util/buffer.h"
#include "util/fail.h"
#include "util/uuid.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COOKIE_SIZE_MAX = 4194304,
    COOKIE_CAPABILITIES_MAX = 64,
    COOKIE_NAMES_MAX = 64,
    COOKIE_ADDRESSES_MAX = 8,
};

/* <cap name='...' auto='yes'/>: the sender's QEMU knows it; `automatic`: it is switched on without
 * the client asking, so the other end must too, if it can. */
struct cookie_capability {
    const char *name;
    bool automatic;
};

/* In the order in which libvirt writes them. Times in ms, sizes in bytes, speeds in bytes/s. */
enum cookie_stat {
    COOKIE_STARTED, /* wall clock of the source, ms since 1970: only differences between them count */
    COOKIE_STOPPED,
    COOKIE_SENT,
    COOKIE_TIME_ELAPSED,
    COOKIE_TIME_REMAINING,
    COOKIE_DOWNTIME,
    COOKIE_SETUP_TIME,
    COOKIE_MEMORY_TOTAL,
    COOKIE_MEMORY_PROCESSED,
    COOKIE_MEMORY_REMAINING,
    COOKIE_MEMORY_BPS,
    COOKIE_MEMORY_CONSTANT, /* pages */
    COOKIE_MEMORY_NORMAL,   /* pages */
    COOKIE_MEMORY_NORMAL_BYTES,
    COOKIE_MEMORY_DIRTY_RATE, /* pages/s */
    COOKIE_MEMORY_ITERATION,
    COOKIE_MEMORY_POSTCOPY_REQUESTS,
    COOKIE_MEMORY_PAGE_SIZE,
    COOKIE_DISK_TOTAL,
    COOKIE_DISK_PROCESSED,
    COOKIE_DISK_REMAINING,
    COOKIE_DISK_BPS,
    COOKIE_COMPRESSION_CACHE,
    COOKIE_COMPRESSION_BYTES,
    COOKIE_COMPRESSION_PAGES,
    COOKIE_COMPRESSION_CACHE_MISSES,
    COOKIE_COMPRESSION_OVERFLOW,
    COOKIE_AUTO_CONVERGE_THROTTLE, /* percent */
    COOKIE_STAT_COUNT,
};

struct cookie_statistics {
    uint64_t value[COOKIE_STAT_COUNT];
    uint64_t present; /* bit 1 << enum cookie_stat */
    bool has_delta; /* <delta>: the destination's clock less the source's, as libvirt sees it, ms */
    int64_t delta;
};

/* Baton's own element. What is absent is NULL, 0 or false. */
struct cookie_baton {
    const char *program; /* "0.1.0": of the sender */
    /* The peer channel: how to reach the sender's daemon, and what opens this attempt's questions.
     */
    const char *token;
    const char *addresses[COOKIE_ADDRESSES_MAX];
    uint32_t address_count;
    /* What the sender's QEMU has and this attempt agreed on. */
    const char *agreed[COOKIE_NAMES_MAX]; /* names of QEMU's capabilities */
    uint32_t agreed_count;
    uint32_t multifd_channels; /* 0: no multifd */
    bool postcopy_preempt;
    /* Durations in microseconds on the sender's own monotonic clock. */
    bool has_stop_to_performed; /* Perform's cookie: source STOP -> Perform answered */
    uint64_t stop_to_performed;
    bool has_resume_to_finish; /* Finish's cookie: destination RESUME -> Finish answered */
    uint64_t resume_to_finish;
    /* The guest was paused before the migration: its virDomainPausedReason. */
    bool was_paused;
    int32_t paused_reason;
    bool transient; /* Finish's cookie: the guest runs there, but its definition could not be kept */
};

struct cookie {
    const char *name;
    struct uuid uuid;
    const char *hostname;
    struct uuid host_uuid;
    bool lockstate;  /* <feature name='lockstate'/>, which libvirt always writes in Begin */
    const char *cpu; /* the <cpu> element as XML, or NULL */
    bool has_capabilities;
    struct cookie_capability capabilities[COOKIE_CAPABILITIES_MAX];
    uint32_t capability_count;
    bool has_statistics;
    struct cookie_statistics statistics;
    const char *domain; /* the persistent <domain> document as XML, or NULL */
    bool has_nbd;
    uint32_t nbd_port;
    bool has_baton;
    struct cookie_baton baton;
};

const char *cookie_stat_name(enum cookie_stat stat); /* the element: "time_elapsed" */
void cookie_stat_set(struct cookie_statistics *s, enum cookie_stat stat, uint64_t value);
/* The value, or 0 when it is absent. */
uint64_t cookie_stat_get(const struct cookie_statistics *s, enum cookie_stat stat);

/* No bytes at all is an empty cookie: 0, nothing written. 1: `ret_cookie`, its strings in `arena`.
 * -1 with `f`. Whether name and uuid are the guest's is for the caller to compare. */
int cookie_parse(const uint8_t *bytes, size_t size, struct arena *arena, struct cookie *ret_cookie,
                 struct fail *f);
/* Appends the document and its zero byte. 0, or -1 with `f`. */
int cookie_write(const struct cookie *cookie, struct buffer *out, struct fail *f);
