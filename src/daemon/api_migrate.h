/* api_migrate.h - the handlers of a migration's calls; dispatch.c has the table. */
#pragma once
#include "daemon/call.h"

/* api_migrate.c */
call_handler api_migrate_begin;
call_handler api_migrate_prepare;
call_handler api_migrate_perform;
call_handler api_migrate_finish;
call_handler api_migrate_confirm;

/* api_job.c */
call_handler api_job_abort;
call_handler api_job_abort_flags;
call_handler api_job_start_postcopy;
call_handler api_job_get_info;
call_handler api_job_get_stats;
call_handler api_job_set_max_speed;
call_handler api_job_get_max_speed;
call_handler api_job_set_max_downtime;
call_handler api_job_get_max_downtime;
