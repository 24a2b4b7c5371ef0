/* The header has a checksum of its own, apart from the payload's: with a header that is known to be
 * good its length can be believed, and a record that reaches past the end of the file is a write
 * that was cut off, never a corrupt length. Without that, a flipped bit in a length could hide all
 * the good records behind it and look like a torn tail. */
#include "journal/journal.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "journal/crc32c.h"
#include "journal/little_endian.h"

static const uint8_t MAGIC[4] = {'B', 'T', 'N', 'J'};

enum offset {
    AT_VERSION = 4,
    AT_TYPE = 6,
    AT_LENGTH = 8,
    AT_PAYLOAD_CRC = 12,
    AT_SEQUENCE = 16,
    AT_HEADER_CRC = 24,
};

int journal_encode(struct buffer *out, const struct journal_record *record)
{
    if (record->size > JOURNAL_PAYLOAD_MAX)
        return -EMSGSIZE;
    uint8_t *p = buffer_reserve(out, JOURNAL_HEADER + record->size);
    if (!p)
        return -errno;
    memcpy(p, MAGIC, sizeof(MAGIC));
    put_le16(p + AT_VERSION, JOURNAL_VERSION);
    put_le16(p + AT_TYPE, record->type);
    put_le32(p + AT_LENGTH, (uint32_t)record->size);
    put_le32(p + AT_PAYLOAD_CRC, crc32c(0, record->payload, record->size));
    put_le64(p + AT_SEQUENCE, record->sequence);
    put_le32(p + AT_HEADER_CRC, crc32c(0, p, AT_HEADER_CRC));
    if (record->size)
        memcpy(p + JOURNAL_HEADER, record->payload, record->size);
    buffer_commit(out, JOURNAL_HEADER + record->size);
    return 0;
}

/* Of any version. */
static bool is_header(const uint8_t *p)
{
    return memcmp(p, MAGIC, sizeof(MAGIC)) == 0 &&
           get_le32(p + AT_HEADER_CRC) == crc32c(0, p, AT_HEADER_CRC);
}

/* Does the beginning of some record follow the bad one? */
static bool header_follows(const struct journal_reader *r)
{
    for (size_t at = r->good + 1; at + JOURNAL_HEADER <= r->size; at++) {
        const uint8_t *p = memchr(r->bytes + at, MAGIC[0], r->size - at);
        if (!p)
            return false;
        at = (size_t)(p - r->bytes);
        if (at + JOURNAL_HEADER <= r->size && is_header(p))
            return true;
    }
    return false;
}

static bool stop(struct journal_reader *r, enum journal_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool stop(struct journal_reader *r, enum journal_outcome outcome, const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    r->outcome = outcome;
    snprintf(r->reason, sizeof(r->reason), "%s at byte %zu of %zu, after %zu good records", what,
             r->good, r->size, r->count);
    return false;
}

/* The record at the reader's place is not whole: what does that mean? */
static bool stop_at_bad(struct journal_reader *r, const char *what)
{
    if (header_follows(r))
        return stop(r, JOURNAL_DAMAGED, "%s, with records behind it,", what);
    return stop(r, JOURNAL_TORN, "%s", what);
}

void journal_reader_init(struct journal_reader *r, const void *bytes, size_t size)
{
    *r = (struct journal_reader){
        .bytes = bytes,
        .size = size,
        .next_sequence = 1,
        .outcome = JOURNAL_WHOLE,
    };
}

bool journal_reader_next(struct journal_reader *r, struct journal_record *ret_record)
{
    size_t left = r->size - r->good;
    if (r->outcome != JOURNAL_WHOLE || left == 0)
        return false;
    const uint8_t *p = r->bytes + r->good;
    if (left < JOURNAL_HEADER) {
        r->cut_off = memcmp(p, MAGIC, left < sizeof(MAGIC) ? left : sizeof(MAGIC)) == 0;
        return stop(r, JOURNAL_TORN, "incomplete header");
    }
    if (!is_header(p))
        return stop_at_bad(r, "broken header");

    unsigned version = get_le16(p + AT_VERSION);
    uint64_t sequence = get_le64(p + AT_SEQUENCE);
    size_t length = get_le32(p + AT_LENGTH);
    if (version != JOURNAL_VERSION)
        return stop(r, JOURNAL_DAMAGED, "record of unknown version %u", version);
    if (length > JOURNAL_PAYLOAD_MAX)
        return stop(r, JOURNAL_DAMAGED, "record of %zu bytes", length);
    if (r->count && sequence != r->next_sequence)
        return stop(r, JOURNAL_DAMAGED, "record %llu where %llu should be",
                    (unsigned long long)sequence, (unsigned long long)r->next_sequence);
    if (left - JOURNAL_HEADER < length) {
        r->cut_off = true;
        return stop_at_bad(r, "incomplete record");
    }
    if (get_le32(p + AT_PAYLOAD_CRC) != crc32c(0, p + JOURNAL_HEADER, length))
        return stop_at_bad(r, "broken record");

    *ret_record = (struct journal_record){
        .type = get_le16(p + AT_TYPE),
        .sequence = sequence,
        .payload = p + JOURNAL_HEADER,
        .size = length,
    };
    r->good += JOURNAL_HEADER + length;
    r->count++;
    r->next_sequence = sequence + 1;
    return true;
}
