/* qemu.h - what the files of the model QEMU share. */
#pragma once
#include "world.h"

void qemu_say_status(struct world *w, enum host h, enum core_event_type status);
void qemu_run(struct world *w, enum host h);
void qemu_halt(struct world *w, enum host h);
/* Its end of the stream closes. */
void qemu_hang_up(struct world *w);
/* Its migration is over, with this as the last word. */
void qemu_over(struct world *w, enum host h, enum core_event_type status);
/* The next of its queue. */
enum command qemu_take_command(struct qemu *q);
