#include "core/quirks.h"

enum { FIRST = 7002000, V8 = 8000000, V9 = 9000000, V10 = 10000000 };

const struct quirk_row quirk_table[QUIRK_COUNT] = {
    [QUIRK_STOP_BEFORE_POSTCOPY] =
        {FIRST, 0,
         "STOP comes before postcopy-active: on QEMU 10 always, before it with pause-before-switchover",
         "STOP tells SUSPENDED/MIGRATED; postcopy-active corrects it with SUSPENDED/POSTCOPY",
         "events_postcopy_stop_first"},
    [QUIRK_CANCEL_OBEYED_IN_POSTCOPY] =
        {FIRST, V10, "migrate_cancel in post-copy destroys the migration and the source could run again",
         "migrate_cancel is never sent once post-copy may be active", "abort_in_postcopy_refused"},
    [QUIRK_CANCEL_LEAVES_STOPPED] =
        {FIRST, V10, "cancelled in pre-switchover of a post-copy, the source stays in postmigrate",
         "`cancelled` with still vCPUs that ran before is followed by `cont`",
         "cancel_in_pre_switchover_of_postcopy"},
    [QUIRK_CANCEL_LOSES_DISKS] =
        {FIRST, V10,
         "migrate_cancel in the switchover gives the vCPUs their run back, but not the disks: QEMU dies of the next write",
         "from the switchover on, or where it may have begun, the stream is ended (`yank`), which QEMU takes for a failure",
         "cancelled_in_the_switchover"},
    [QUIRK_SOURCE_RESUMES_ITSELF] =
        {V10, 0, "a channel lost at the very end of post-copy: failed, and the source restarts its guest",
         "the guest is stopped by us before post-copy (own_the_stop); RESUME after postcopy-active "
         "is met with `stop` at once; POSTCOPY_FAILED",
         "source_resumes_itself_is_stopped"},
    [QUIRK_MONITOR_BLOCKS] =
        {FIRST, 0, "QMP can block while post-copy stands still",
         "out-of-band is negotiated on every monitor", "monitor_is_out_of_band"},
    [QUIRK_TCG_LOSES_DIRTY_PAGES] =
        {FIRST, V9, "TCG: dirty pages are lost where RAM is a multiple of 256 KiB",
         "refused as unsafe, unless --unsafe or the RAM size escapes it", "tcg_migration_is_unsafe"},
    [QUIRK_CAPABILITIES_NOT_COMPARED] =
        {FIRST, 0, "the two ends' capabilities are not compared: preempt or multifd on one hangs both",
         "the daemons agree on them in the cookie", "capabilities_are_agreed"},
    [QUIRK_POSTCOPY_WITH_MULTIFD] =
        {FIRST, 0, "post-copy with multifd: 7.2 accepts it and the destination aborts at the end",
         "refused before anything starts", "postcopy_with_parallel_refused"},
    [QUIRK_POSTCOPY_WITH_FILE_RAM] =
        {FIRST, 0, "post-copy with RAM in a disk file: 7.2 accepts it and loses the guest",
         "refused before anything starts", "postcopy_with_file_memory_refused"},
    [QUIRK_START_POSTCOPY_ALWAYS_SUCCEEDS] =
        {FIRST, 0, "migrate-start-postcopy succeeds at any time, also without effect",
         "only postcopy-active is believed", "postcopy_allowed_never_entered"},
    [QUIRK_CONT_AFTER_COMPLETED] =
        {FIRST, 0, "`cont` on the source after completed succeeds",
         "no user's command reaches QEMU between the switchover and the end",
         "resume_refused_during_migration"},
    [QUIRK_NO_RETURN_PATH_NO_TRUTH] =
        {FIRST, 0, "without return-path `completed` may come although the destination failed to load",
         "return-path is always on", "capabilities_are_agreed"},
    [QUIRK_EVENTS_ARE_OFF] =
        {FIRST, 0, "migration events are off until asked for", "events are always on, on both ends",
         "capabilities_are_agreed"},
    [QUIRK_STATISTICS_DIE_WITH_QEMU] =
        {FIRST, 0, "statistics exist only as long as the source's process",
         "read after completed and before QEMU is ended", "statistics_cover_postcopy"},
    [QUIRK_DOWNTIME_LEAVES_OUT_DESTINATION] =
        {FIRST, 0, "QEMU's downtime ends when the state is sent; a 0 may become the post-copy's length",
         "downtime is measured from STOP to RESUME, each on its own clock", "statistics_cover_postcopy"},
    [QUIRK_PREEMPT_CHANNEL_ABORTS] =
        {FIRST, V8,
         "the preempt channel connects beside the stream: a migration that fails first ends the source",
         "no preempt; from 8 on older machine types are told to connect as post-copy begins",
         "preempt_channel_comes_too_late"},
    [QUIRK_PAUSED_ARRIVAL_ABORTS] =
        {FIRST, V10,
         "a guest that arrived paused has its disks inactive until it runs: migrated on before, QEMU ends of an assertion",
         "refused until it has run", "paused_arrival_moves_on"},
};

bool quirk_applies(enum quirk quirk, uint32_t version)
{
    const struct quirk_row *row = &quirk_table[quirk];
    return version >= row->from && (row->below == 0 || version < row->below);
}
