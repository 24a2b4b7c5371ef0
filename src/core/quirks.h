/* quirks.h - what QEMU gets wrong, or does unexpectedly, in a migration, and what is done about it.
 *
 * One table. A row has the versions that it was measured on or is known for (`below` 0: no version
 * is known that does it right), the defect, the answer, and the test on the real QEMU that shows
 * that both still hold. Versions are major * 1000000 + minor * 1000 + micro.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum quirk {
    QUIRK_STOP_BEFORE_POSTCOPY,
    QUIRK_CANCEL_OBEYED_IN_POSTCOPY,
    QUIRK_CANCEL_LEAVES_STOPPED,
    QUIRK_CANCEL_LOSES_DISKS,
    QUIRK_SOURCE_RESUMES_ITSELF,
    QUIRK_MONITOR_BLOCKS,
    QUIRK_TCG_LOSES_DIRTY_PAGES,
    QUIRK_CAPABILITIES_NOT_COMPARED,
    QUIRK_POSTCOPY_WITH_MULTIFD,
    QUIRK_POSTCOPY_WITH_FILE_RAM,
    QUIRK_START_POSTCOPY_ALWAYS_SUCCEEDS,
    QUIRK_CONT_AFTER_COMPLETED,
    QUIRK_NO_RETURN_PATH_NO_TRUTH,
    QUIRK_EVENTS_ARE_OFF,
    QUIRK_STATISTICS_DIE_WITH_QEMU,
    QUIRK_DOWNTIME_LEAVES_OUT_DESTINATION,
    QUIRK_PREEMPT_CHANNEL_ABORTS,
    QUIRK_PAUSED_ARRIVAL_ABORTS,
    QUIRK_SILENCE_IS_NO_EVENT,
    QUIRK_LAST_PAGE_ONCE,
    QUIRK_HANGS_BEHIND_LAST_PAGE,
    QUIRK_DEVICE_FOR_EVER,
    QUIRK_ACTIVE_FOR_EVER,
    QUIRK_CONT_REFUSED_FOR_EVER,
    QUIRK_DISKS_STAY_INACTIVE,
    QUIRK_RESUME_DIES_OF_STREAM,
    QUIRK_RESUME_WAITS_FOR_STREAM,
    QUIRK_RESUME_WAITS_FOR_ANSWER,
    QUIRK_RESUME_SAYS_NOTHING,
    QUIRK_PREEMPT_RESUMES_BY_ITSELF,
    QUIRK_PREEMPT_DIES_AS_IT_RESUMES,
    QUIRK_PAUSE_AS_IT_WAKES,
    QUIRK_COUNT
};

struct quirk_row {
    uint32_t from;  /* first version that does it */
    uint32_t below; /* first version that does not; 0 = none known */
    const char *defect;
    const char *answer;
    const char *test; /* in tests/qemu; of what only the answer can be shown, in tests/unit */
};

extern const struct quirk_row quirk_table[QUIRK_COUNT];

bool quirk_applies(enum quirk quirk, uint32_t version);
/* Quirk TCG_LOSES_DIRTY_PAGES spares guests whose RAM is no multiple of this. */
enum { QUIRK_TCG_SAFE_UNIT_KIB = 256 };
