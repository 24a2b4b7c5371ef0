/* guest_cont.h - letting a guest's vCPUs run. */
#pragma once
#include "daemon/guest.h"

/* `cont` -> CONT_DONE or CONT_REFUSED. */
void guest_cont(struct guest *g);
