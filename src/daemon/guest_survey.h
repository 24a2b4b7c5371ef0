/* guest_survey.h - ask a QEMU what is true now; the machine gets EV_BOOT. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "io/timer.h"

struct guest;

/* Of a guest; starts zeroed. */
struct guest_survey {
    bool under_way;
    bool is_old;     /* something happened since the first answer */
    bool running;    /* the first answer */
    uint8_t state;   /* ... enum qmp_run_state */
    struct timer patience;
};

/* Calls are put off until it is over (guest_settle). One at a time. */
void guest_survey(struct guest *g);
/* Its monitor is being connected to: for a while nobody is told that it does not answer. */
void guest_survey_wait(struct guest *g);
