/* sequence.h - what one daemon told its QEMU and heard from it, taken out of a trace. */
#pragma once
#include "core/core.h"

enum item_kind {
    ITEM_HEAR,   /* the daemon heard: event, with what it says */
    ITEM_ORDER,  /* it ordered: action */
    ITEM_CRASH,  /* it went away */
    ITEM_RETURN, /* it is there again, with what it had recorded: cores[core] */
};

struct item {
    uint8_t kind; /* enum item_kind */
    uint8_t type; /* enum core_event_type, or enum core_action_type */
    uint8_t arg, arg2;
    uint8_t unsure; /* the daemon may have died before it gave this order */
    uint8_t core;
    unsigned line;
};

enum { ITEMS_MAX = 600, CORES_MAX = 8 };

struct sequence {
    const char *path; /* NULL: nobody recorded this end */
    unsigned count;
    struct item items[ITEMS_MAX];
    struct core cores[CORES_MAX]; /* of the headers; the first is where it begins */
    unsigned core_count;
    bool qemu10, pause_before, postcopy; /* what the notes say */
    bool outgoing, was_broken, went_well;
    char why[200]; /* it can't be read */
};

/* QEMU says with it that its migration has this status: as an event, or as its answer to a daemon that was away. */
bool item_says(const struct item *item, enum core_event_type status);

/* False: `why` says what is wrong with the file. */
bool sequence_read(struct sequence *s, const char *path);
