/* core_fields.h - every field of the machines' state, for those who write it down.
 *
 * The tag is the field's in the journal, never used again for another one; the path is its name in
 * a trace. `waiting`, the two bytes after them, is not in the list: the callers die with the
 * daemon.
 */
#pragma once
#include "core/core.h"

/* X(tag, path in struct core) */
#define CORE_FIELDS(X)                                                                             \
    X(100, life.phase)                                                                             \
    X(101, life.state)                                                                             \
    X(102, life.reason)                                                                            \
    X(103, life.vcpus)                                                                             \
    X(104, life.stay_paused)                                                                       \
    X(105, life.io_error)                                                                          \
    X(106, life.rebooting)                                                                         \
    X(107, life.end_reason)                                                                        \
    X(108, life.end_detail)                                                                        \
    X(109, life.by_door)                                                                           \
    X(120, out.state)                                                                              \
    X(121, out.p2p)                                                                                \
    X(122, out.postcopy_allowed)                                                                   \
    X(123, out.pause_before)                                                                       \
    X(124, out.postcopy_wanted)                                                                    \
    X(125, out.postcopy_sent)                                                                      \
    X(126, out.continued)                                                                          \
    X(127, out.ran_before)                                                                         \
    X(128, out.reason_before)                                                                      \
    X(129, out.suspended)                                                                          \
    X(130, out.client)                                                                             \
    X(131, out.confirmed)                                                                          \
    X(132, out.stats_read)                                                                         \
    X(133, out.finish_sent)                                                                        \
    X(134, out.cancelled)                                                                          \
    X(135, out.outcome)                                                                            \
    X(136, out.not_live)                                                                           \
    X(137, out.denied)                                                                             \
    X(138, out.itself)                                                                             \
    X(139, out.paused)                                                                             \
    X(140, out.channel)                                                                            \
    X(141, out.require_proof)                                                                      \
    X(142, out.no_recovery)                                                                        \
    X(143, out.abort_on_error)                                                                     \
    X(144, out.completed)                                                                          \
    X(145, out.held)                                                                               \
    X(146, out.resuming)                                                                           \
    X(147, out.recovery)                                                                           \
    X(148, out.stood_still)                                                                        \
    X(149, out.own_stop)                                                                           \
    X(150, in.state)                                                                               \
    X(151, in.postcopy_allowed)                                                                    \
    X(152, in.stay_paused)                                                                         \
    X(153, in.postcopied)                                                                          \
    X(154, in.completed)                                                                           \
    X(155, in.broken)                                                                              \
    X(156, in.finish)                                                                              \
    X(157, in.client)                                                                              \
    X(158, in.syncs)                                                                               \
    X(159, in.gone)                                                                                \
    X(160, in.outcome)                                                                             \
    X(161, in.unseen)                                                                              \
    X(162, in.asked)                                                                               \
    X(163, in.verdict)                                                                             \
    X(164, in.channel)                                                                             \
    X(165, in.taken)                                                                               \
    X(166, in.reason)                                                                              \
    X(167, in.held)                                                                                \
    X(168, in.peer_waits)                                                                          \
    X(169, in.p2p)                                                                                 \
    X(170, in.listening)                                                                           \
    X(171, in.failed)
