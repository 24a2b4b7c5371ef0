/* process_child.h - what happens between fork and exec. Only for process_start.c. */
#pragma once
#include "io/process.h"

enum process_stage {
    PROCESS_STAGE_PID, /* no failure: the value is the pid */
    PROCESS_STAGE_FORK,
    PROCESS_STAGE_FDS,
    PROCESS_STAGE_SETUP,
    PROCESS_STAGE_EXECUTE,
    PROCESS_STAGES,
};

/* "execute", for an error message. */
const char *process_stage_name(enum process_stage stage);

/* What the children write to the report pipe, as one. */
struct process_report {
    enum process_stage stage;
    int value; /* the pid, or errno */
};

struct process_child {
    const struct process_spec *spec;
    int report_fd;
    int go_fd;
    int close_fd; /* the daemon's end of the go pipe: open here, it would never read its end */
    int null_fd;
    int log_fd;
};

/* The life of the intermediate process. */
_Noreturn void process_child_intermediate(struct process_child *c);
