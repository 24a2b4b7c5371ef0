#include "core/quirks.h"

enum { FIRST = 7002000, V8 = 8000000, V9 = 9000000, V9_1 = 9001000, V10 = 10000000 };

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
    /* a post-copy that is broken, or stands still */
    [QUIRK_SILENCE_IS_NO_EVENT] =
        {FIRST, 0, "a network that swallows everything is never noticed",
         "progress and the other daemon's answers are watched; migrate-pause on both ends", "black_hole_is_noticed"},
    [QUIRK_LAST_PAGE_ONCE] =
        {FIRST, 0, "a stream that ends behind the last page, on its way yet, can't be resumed: 10 says failed",
         "no stream is broken for silence there; the destination is asked", "black_hole_behind_the_last_page"},
    [QUIRK_HANGS_BEHIND_LAST_PAGE] =
        {FIRST, V10, "the source stays postcopy-active for ever when the stream ends behind the last page",
         "the destination is asked when nothing has gone on for a while", "cut_behind_the_last_page"},
    [QUIRK_DEVICE_FOR_EVER] =
        {V10, 0, "a stream that ends as post-copy begins leaves the source in `device`, with an error and no event",
         "query-migrate once a second there; its error, twice, is taken for a break", "cut_in_post_copy"},
    [QUIRK_ACTIVE_FOR_EVER] =
        {V10, 0,
         "with preempt it waits before post-copy for the destination's first answer, for ever if that is lost, and is not cancelled",
         "query-migrate once a second there; its error, twice, is taken for the end: cancelled, and then `cont`",
         "lost_before_post_copy"},
    [QUIRK_CONT_REFUSED_FOR_EVER] =
        {FIRST, 0, "a source whose destination never ran its guest refuses `cont` in postcopy-paused and `device`",
         "on proof its debugger's door lets it run (guest_door.c)", "a_guest_that_never_left_goes_on"},
    [QUIRK_DISKS_STAY_INACTIVE] =
        {FIRST, V10, "no command makes its disks active again; a write then ends QEMU with an assertion",
         "the beginning of an NBD export does, before the vCPUs run", "post_copy_that_never_arrived"},
    [QUIRK_RESUME_DIES_OF_STREAM] =
        {FIRST, V10, "the destination dies of a stream that ends while post-copy is being resumed",
         "the daemon connects it when the other one answers, and hands it to QEMU", "stream_that_is_closed_at_once"},
    [QUIRK_RESUME_WAITS_FOR_STREAM] =
        {FIRST, V10, "the destination waits for ever for what comes over the connection that it took to resume",
         "after a crash in between the source resumes with the one that its QEMU keeps",
         "descriptor_outlives_its_daemon"},
    [QUIRK_RESUME_WAITS_FOR_ANSWER] =
        {FIRST, V10, "the source waits for ever for an answer that was lost while it resumed, and takes no pause and no resume",
         "told to give it up, and given up itself when it still stands still: both ends say that post-copy failed",
         "answer_that_is_lost"},
    [QUIRK_RESUME_SAYS_NOTHING] =
        {FIRST, V9_1, "a source that can't connect to resume says nothing, ever",
         "it is given a stream that is connected; one that stands still is asked", "connection_that_fails"},
    [QUIRK_PREEMPT_RESUMES_BY_ITSELF] =
        {V8, 0, "with preempt QEMU connects by itself to resume, and nothing ends that before TCP does",
         "one address an attempt, that of the network over which the daemons talk first",
         "with_preempt_qemu_connects_by_itself"},
    [QUIRK_PREEMPT_DIES_AS_IT_RESUMES] =
        {V10, 0, "with preempt the destination can die of a cut within milliseconds of being resumed (2 of 40)",
         "none: the guest is lost, and both ends say so", "stream_is_resumed_by_itself"},
    [QUIRK_PAUSE_AS_IT_WAKES] =
        {V10, 0, "the destination can die of a pause that meets it as it notices the end of its stream (1 of 10)",
         "one that answers has 0.2 s to notice by itself first", "destination_stood_still"},
};

bool quirk_applies(enum quirk quirk, uint32_t version)
{
    const struct quirk_row *row = &quirk_table[quirk];
    return version >= row->from && (row->below == 0 || version < row->below);
}
