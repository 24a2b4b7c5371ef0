/* qemu.h - what the files of the model QEMU share. */
#pragma once
#include "world.h"

void qemu_say_status(struct world *w, enum host h, enum core_event_type status);
void qemu_run(struct world *w, enum host h);
void qemu_halt(struct world *w, enum host h);
/* Its end of the stream closes. */
void qemu_hang_up(struct world *w);
/* From its SHUTDOWN to its STOP nothing else stops it or lets it run. */
bool qemu_is_powering_off(const struct qemu *q);
/* Its migration is over, with this as the last word. */
void qemu_over(struct world *w, enum host h, enum core_event_type status);
/* What QEMU says keeps its order within a row, and has none with the others: events, said by the thread that they happen
 * in; answers of the monitor; answers to what it executes out of band. */
enum row { ROW_EVENTS, ROW_ANSWERS, ROW_URGENT, ROW_ALONE /* nothing is said beside it */ };
enum row qemu_row_of(enum core_event_type type);
/* The next of its queue. */
enum command qemu_take_command(struct qemu *q);
