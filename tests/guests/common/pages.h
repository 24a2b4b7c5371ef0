/*
 * The guest's memory as a witness. Every page is written again and again, in rounds; what a page
 * must hold follows from its number and its round, so a page that a migration lost, tore or took
 * from the past is known by looking at it. Each visit first checks what the last one left.
 *
 * Both guests, the tiny one and Linux's, write by these rules. No C library is needed.
 */
#ifndef BATON_GUESTS_PAGES_H
#define BATON_GUESTS_PAGES_H

#include <stdbool.h>
#include <stdint.h>

struct pages {
    uint32_t *base;                   /* of the first page */
    uint32_t count;                   /* pages of 4 KiB */
    uint32_t stride;                  /* of the order in which they are visited: 1, or scattered */
    uint32_t round;                   /* that is being written, from 1 */
    uint32_t visited;                 /* pages of this round that are written already */
    uint32_t next;                    /* the page to visit */
    uint32_t written, checked, wrong; /* since the start */
};

struct pages_wrong {
    uint32_t page, round; /* the page, and the round that it should be in */
    bool is_old; /* it holds a round of the past: `held`; if not, `held` is its first word */
    uint32_t held;
};

/* Writes round 0 of `mib` MiB of pages at `base`. */
void pages_fill(struct pages *pages, void *base, uint32_t mib, uint32_t scattered);

/* Checks and rewrites the next page. False when it was wrong: it counts once, is described in
 * ret_wrong, and is right again. */
bool pages_visit(struct pages *pages, struct pages_wrong *ret_wrong);

/* Checks each word of each page; returns how many pages are wrong now. Changes no page. */
uint32_t pages_verify(const struct pages *pages);

#endif
