/* journal.h - the format of a journal: records one after another, appended, never changed.
 *
 * Pure functions over bytes; the file is io/journal_file.h's. Multi-byte numbers are little-endian.
 *
 *   offset  size
 *        0     4  magic "BTNJ"
 *        4     2  version of the payload's framing, JOURNAL_VERSION
 *        6     2  type, the caller's
 *        8     4  length of the payload
 *       12     4  CRC-32C of the payload
 *       16     8  sequence, one more than that of the record before
 *       24     4  CRC-32C of bytes 0 to 23
 *       28        payload
 *
 * This header keeps its shape in all versions, so that an old program can tell a record of a newer
 * one from a broken one.
 *
 * A record that can't be read is a torn tail when nothing that looks like a record follows it: a
 * write that was cut off by a crash, before anybody was told that it is on the disk. It is dropped
 * and reported. Anything else is damage: a bad record in the middle, a gap in the sequence, an
 * unknown version. A writer that is killed leaves the bytes of a record that end too early (`cut_off`); a
 * tail that is torn otherwise takes a crash of the host, or a bit that rotted: these two can't be told
 * apart here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/buffer.h"

enum {
    JOURNAL_VERSION = 1,
    JOURNAL_HEADER = 28,
    JOURNAL_PAYLOAD_MAX = 16 * 1024 * 1024,
};

struct journal_record {
    uint16_t type;
    uint64_t sequence;
    const uint8_t *payload; /* inside the reader's bytes */
    size_t size;
};

/* Adds the whole record to `out`. 0, -EMSGSIZE past JOURNAL_PAYLOAD_MAX, or buffer_append's. */
int journal_encode(struct buffer *out, const struct journal_record *record);

enum journal_outcome {
    JOURNAL_WHOLE,   /* every byte was a good record */
    JOURNAL_TORN,    /* good records, then the beginning of one */
    JOURNAL_DAMAGED, /* good records, then something that must not be guessed at */
};

struct journal_reader {
    const uint8_t *bytes;
    size_t size;
    size_t good;            /* bytes up to the end of the last good record */
    size_t count;           /* good records given so far */
    uint64_t next_sequence; /* of the record that would follow the last good one; 1 when none */
    /* From here on known once journal_reader_next gave false. */
    enum journal_outcome outcome;
    bool cut_off;     /* JOURNAL_TORN: the bytes are those of a record as far as they go */
    char reason[256]; /* what is wrong and where; "" for JOURNAL_WHOLE */
};

/* `bytes` stay the caller's, and must stay. */
void journal_reader_init(struct journal_reader *r, const void *bytes, size_t size);
/* The next record, in order. False at the end; see `outcome`. */
bool journal_reader_next(struct journal_reader *r, struct journal_record *ret_record);
