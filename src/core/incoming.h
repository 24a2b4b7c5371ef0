/* incoming.h - what the files of the incoming machine share. Private to core. */
#pragma once
#include "core/machine.h"

static inline struct life *life(struct step *s)
{
    return &s->core->life;
}

static inline struct incoming *in(struct step *s)
{
    return &s->core->in;
}

static inline void go(struct step *s, enum in_state state)
{
    in(s)->state = (uint8_t)state;
}

/* incoming.c */
/* Nobody is known to carry Finish any more. */
void in_wait_for_stream(struct step *s);

/* incoming_undo.c */
void in_sync(struct step *s);
void in_note_synced(struct step *s);
/* The source's daemon hears what became of it, if it has asked. */
void in_prove(struct step *s, enum core_proof proof);
void in_end_job(struct step *s, enum core_result result, enum core_proof verdict);
/* It never ran and never will: end it, make that durable, then say so. */
void in_undo(struct step *s, enum core_result why, enum core_detail detail);

/* incoming_run.c */
void in_give_cont(struct step *s);
/* Finish, or what stands for it: the guest's turn here. A guest that its user had paused stays paused. */
void in_take_over(struct step *s);
void in_take_over_unfinished(struct step *s);
/* It is the guest's host now, and the migration over. */
void in_arrived(struct step *s);
void in_tell_arrived(struct step *s);
/* `cont` was carried out. */
void in_resumed(struct step *s);
/* The guest stands still on its own account. */
void in_stopped_running(struct step *s);

/* incoming_recover.c */
/* The stream of post-copy broke, or `cont` did not come about. */
void in_break(struct step *s);
/* `cont` was refused, and the stream is not why. */
bool in_only_cont_is_missing(const struct incoming *i);
/* It stands as it does until somebody decides: for that, or because it was broken on purpose. */
bool in_is_left(const struct incoming *i);

/* The cells of the table. */
step_function in_abort_broken, in_abort_postcopy, in_abort_recovering, in_asked_idle,
    in_asked_loaded, in_asked_loading, in_asked_postcopy, in_asked_undoing, in_asked_unrun,
    in_boot_before_cont, in_boot_draining, in_boot_postcopy, in_boot_resuming, in_boot_undoing,
    in_client_left, in_client_left_loaded, in_client_left_loading, in_client_left_postcopy,
    in_client_left_prepared, in_client_left_running, in_completed_broken, in_completed_early,
    in_completed_recovering, in_cont_done, in_cont_refused, in_destroy, in_destroy_broken,
    in_drained, in_fail, in_finish, in_finish_broken, in_finish_cancelled,
    in_finish_cancelled_late, in_finish_cancelled_loaded, in_finish_cancelled_loading,
    in_finish_cancelled_running, in_finish_cancelled_undoing, in_finish_held, in_finish_late,
    in_finish_released, in_finish_starting, in_gone_broken, in_gone_resuming, in_gone_run, in_gone_undoing,
    in_gone_unrun, in_io_error, in_listen_again_failed, in_listening, in_listening_again, in_loaded,
    in_loading, in_no_stream, in_not_in_doubt, in_pause_refused, in_paused, in_paused_broken,
    in_paused_recovering, in_paused_resuming, in_peer_recover, in_peer_recover_no,
    in_postcopy_active, in_powered_off_draining, in_powered_off_resuming, in_prepare, in_prepare_resume, in_recover_noted,
    in_recovered, in_refuse_abort, in_refuse_active, in_refuse_broken, in_refuse_migrating,
    in_refuse_start, in_resume_broken, in_resumed_again, in_resumed_broken, in_resumed, in_resumed_itself, in_settle_end_broken,
    in_settle_end_loaded, in_settle_run_broken, in_settle_run_loaded, in_stalled, in_stalled_broken,
    in_stalled_prepared, in_start_failed, in_started, in_stopped_running, in_sync_failed,
    in_sync_failed_undoing, in_synced, in_synced_prepared, in_synced_undoing, in_unknown;
