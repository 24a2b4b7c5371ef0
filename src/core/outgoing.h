/* outgoing.h - what the files of the outgoing machine share. Private to core. */
#pragma once
#include "core/machine.h"

static inline struct life *life(struct step *s)
{
    return &s->core->life;
}

static inline struct outgoing *out(struct step *s)
{
    return &s->core->out;
}

static inline void go(struct step *s, enum out_state state)
{
    out(s)->state = (uint8_t)state;
}

/* outgoing.c */
/* Before QEMU was told anything. The peer, if any, undoes its half when the connection closes. */
void out_give_up(struct step *s, enum core_result why);

/* Capabilities and parameters, and then `migrate`. */
void out_configure_again(struct step *s);

/* An abort that is to break the stream of post-copy, and there is none: true, and it is refused. */
bool out_refuse_without_postcopy(struct step *s);

/* migrate-start-postcopy, with what must come before it. */
void out_send_start_postcopy(struct step *s);

/* An I/O error's pause goes along. */
void out_goes_paused(struct step *s);

/* outgoing_undo.c */
/* The first reason for an undoing is the one that is told. */
void out_set_outcome(struct step *s, enum core_result result);
/* A cancel is safe: it can't meet an active post-copy. */
bool out_may_cancel(const struct outgoing *o);
void out_cancel(struct step *s, enum core_result why);
/* QEMU will not go on with the migration: give the vCPUs back what they had. */
void out_take_back(struct step *s);
/* The vCPUs have their run back. */
void out_runs_again(struct step *s);
/* The guest is as it was. In p2p the destination still has to hear that it is over. */
void out_guest_is_back(struct step *s);
/* The job is over, undone; everyone who waits is told the outcome. */
void out_end_undone(struct step *s);
/* The destination runs the guest: end this QEMU. */
void out_conclude(struct step *s);

/* outgoing_performed.c */
/* Ask the destination; `denied`: somebody who should know said that it does not run it. */
void out_doubt(struct step *s, bool denied);

/* outgoing_postcopy.c */
void out_tell_postcopy(struct step *s);
void out_hand_over(struct step *s);
void out_break_now(struct step *s);
void out_ask_broken(struct step *s);

/* outgoing_recover.c */
enum core_result out_resumes_nothing(const struct outgoing *o);
bool out_recovers(const struct outgoing *o);
void out_resumer_left(struct step *s);
void out_end_recovery(struct step *s);
/* Who had it broken on purpose, and who waits for its end. */
void out_answer_held(struct step *s);

/* The cells of the table. */
step_function out_abort_cancelling, out_abort_early, out_abort_migration,
    out_abort_postcopy, out_abort_recovering, out_abort_soon, out_abort_undoing, out_accepted,
    out_active, out_answer_ok, out_ask_again, out_ask_again_postcopy, out_begin, out_begin_p2p,
    out_begin_undoing, out_boot_broken, out_boot_cancelling,
    out_boot_configuring, out_boot_doubt, out_boot_early, out_boot_performed, out_boot_postcopy,
    out_boot_postcopy_done, out_boot_precopy, out_boot_returning, out_boot_undoing,
    out_break_postcopy, out_cancel_again, out_cancel_refused, out_cancelled, out_cancelled_by_qemu, out_client_left,
    out_client_left_broken, out_client_left_early, out_client_left_performed,
    out_client_left_postcopy, out_client_left_soon, out_completed, out_completed_broken,
    out_completed_despite_cancel, out_completed_postcopy, out_completed_recovering, out_configure,
    out_configure_failed, out_configured, out_confirm_cancelled_broken, out_confirm_cancelled_done,
    out_confirm_cancelled_early, out_confirm_cancelled_performed, out_confirm_cancelled_postcopy,
    out_confirm_performed, out_confirm_postcopy, out_cont_done, out_cont_refused,
    out_continue_again, out_continue_refused, out_device, out_failed, out_failed_broken, out_failed_postcopy,
    out_failed_recovering, out_finish_failed_done, out_finish_failed_postcopy,
    out_finished_postcopy, out_give_back, out_gone, out_gone_moved, out_gone_there, out_io_error,
    out_io_error_precopy, out_lost_broken, out_lost_recovering, out_lost_there, out_never_began,
    out_nobody_to_ask, out_nobody_to_ask_broken, out_not_in_doubt, out_note_client_gone,
    out_note_peer_lost, out_pause_refused, out_paused_postcopy, out_paused_recovering,
    out_peer_connected, out_peer_finish_failed, out_peer_finished, out_peer_lost,
    out_peer_lost_broken, out_peer_lost_early, out_peer_lost_performed, out_peer_lost_postcopy,
    out_peer_lost_recovering, out_peer_lost_soon, out_peer_lost_undoing, out_peer_recoverable,
    out_peer_refused, out_peer_unrecoverable, out_perform_again, out_postcopy_accepted,
    out_postcopy_active, out_postcopy_refused, out_postcopy_returning, out_powered_off,
    out_powered_off_undoing,
    out_pre_switchover, out_recover, out_recover_noted, out_recover_refused, out_recovered,
    out_refuse_abort_done, out_refuse_active, out_refuse_broken, out_refuse_doubt,
    out_refuse_migrating, out_refuse_switching, out_refused, out_refused_there,
    out_released, out_resume_begin, out_resume_connected,
    out_resume_late, out_resume_p2p, out_resume_perform, out_resumed_broken, out_resumed_early,
    out_resumed_itself, out_resumed_postcopy, out_resumed_recovering, out_resumed_undoing, out_returned,
    out_settle_end,
    out_settle_run_broken, out_settle_run_doubt, out_silent, out_stalled, out_stalled_broken,
    out_stalled_cancelling, out_stalled_early, out_stalled_recovering, out_start_postcopy, out_stats_performed,
    out_stats_postcopy, out_stats_taken, out_still_active, out_stop_answered, out_stop_done,
    out_stop_refused, out_stopped, out_stopped_early, out_stopped_postcopy, out_suspend, out_taken,
    out_tell_stopped, out_tell_undone, out_undone, out_unknown, out_user_done_undoing,
    out_user_undoing, out_want_postcopy;
