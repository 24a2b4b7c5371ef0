/* domain_stats.h - the figures of one guest as CONNECT_GET_ALL_DOMAIN_STATS names them. */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "daemon/disk_facts.h"
#include "domain/domain.h"
#include "wire/params.h"

/* What QEMU is asked for. */
enum stats_question {
    STATS_CPUS,        /* query-cpus-fast */
    STATS_BALLOON,     /* query-balloon */
    STATS_GUEST_STATS, /* qom-get of the balloon's guest-stats */
    STATS_BLOCK_STATS, /* query-blockstats */
    STATS_BLOCK,       /* query-block */
    STATS_DIRTY_RATE,  /* query-dirty-rate */
    STATS_QUESTION_COUNT
};

/* The virDomainStatsTypes that there are. */
uint32_t domain_stats_groups(void);
/* Which questions a running guest's groups need: bit 1 << enum stats_question. */
unsigned domain_stats_questions(const struct domain *d, uint32_t groups);

/* All borrowed. What is not known is left out of the statistics. */
struct domain_figures {
    const struct domain *document;
    bool active;
    int state, reason;
    pid_t pid;                                         /* 0: not known */
    struct json_object *replies[STATS_QUESTION_COUNT]; /* NULL: none */
    /* Shut off: of each disk that could be looked at. */
    const struct disk_facts *(*find_facts)(const struct domain_disk *disk, void *userdata);
    void *userdata;
};

void domain_stats_add(struct params_builder *b, const struct domain_figures *f, uint32_t groups);
