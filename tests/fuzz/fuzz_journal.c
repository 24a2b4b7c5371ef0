/* A journal: its records, and a guest's state in one.
 *
 * The bytes are taken three ways: as a whole journal; as the payload of a good record, which must
 * be found whole, or torn where it is cut; and as a guest's state, which the daemon takes over at a
 * restart only when it makes sense - then it can be written, and is the same when it is read again.
 */
#include "fuzz.h"
#include <string.h>
#include "daemon/guest_record.h"
#include "daemon/migrate.h"
#include "journal/journal.h"

static void read_journal(const uint8_t *data, size_t size)
{
    struct journal_reader r;
    struct journal_record record;
    size_t count = 0;
    journal_reader_init(&r, data, size);
    while (journal_reader_next(&r, &record)) {
        MUST(record.payload >= data && record.payload + record.size <= data + size);
        count++;
    }
    MUST(r.count == count && r.good <= size);
    MUST(r.outcome != JOURNAL_WHOLE || r.good == size);
    MUST((r.outcome == JOURNAL_WHOLE) == (r.reason[0] == '\0'));
}

static void read_framed(const uint8_t *data, size_t size)
{
    struct journal_reader r;
    struct journal_record record = {.type = 1, .sequence = 1, .payload = data, .size = size};
    struct buffer bytes = {0};
    MUST(journal_encode(&bytes, &record) == 0);
    journal_reader_init(&r, buffer_bytes(&bytes), buffer_size(&bytes));
    MUST(journal_reader_next(&r, &record) && record.size == size);
    MUST(size == 0 || memcmp(record.payload, data, size) == 0);
    MUST(!journal_reader_next(&r, &record) && r.outcome == JOURNAL_WHOLE);
    size_t cut = 1 + (size ? data[0] : 0) * (buffer_size(&bytes) - 2) / 255;
    journal_reader_init(&r, buffer_bytes(&bytes), cut);
    /* Torn, or damaged where the payload holds what looks like a record: never whole. */
    MUST(!journal_reader_next(&r, &record) && r.outcome != JOURNAL_WHOLE && r.good == 0);
    buffer_free(&bytes);
}

static void read_guest(const uint8_t *data, size_t size)
{
    static struct guest before, after;
    struct guest_moment then = {0};
    struct buffer once = {0}, twice = {0};
    struct fail f;
    before = after = (struct guest){0};
    core_init(&before.core);
    core_init(&after.core);
    if (guest_record_read(&before, data, size, &then, &f) == 0) {
        MUST(guest_record_write(&before, &then, &once) == 0);
        MUST(guest_record_read(&after, buffer_bytes(&once), buffer_size(&once), &then, &f) == 0);
        MUST(guest_record_write(&after, &then, &twice) == 0);
        MUST(buffer_size(&once) == buffer_size(&twice));
        MUST(memcmp(buffer_bytes(&once), buffer_bytes(&twice), buffer_size(&once)) == 0);
    }
    migration_free(before.migration);
    migration_free(after.migration);
    buffer_free(&once);
    buffer_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_journal(data, size);
    if (size <= JOURNAL_PAYLOAD_MAX)
        read_framed(data, size);
    read_guest(data, size);
    return 0;
}
