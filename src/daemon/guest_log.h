/* guest_log.h - the file that a guest's QEMU writes its standard output and error to. */
#pragma once
#include "daemon/guest.h"

/* LOG_DIR/NAME.log; the caller's to free. NULL without memory. */
char *guest_log_path(const struct guest *g);
/* Write the line that separates this start from what the file held before. */
void guest_log_begin(const struct guest *g);
/* g->trouble := `what`, and QEMU's last words since its start, where it left any. */
void guest_log_note_end(struct guest *g, const char *what);
