/* remote_tables.h - the tables of remote_*.c, for rpc.c. Private to wire/. */
#pragma once
#include "wire/rpc_table.h"

/* Shared shapes (remote_shapes.c). */
extern const struct rpc_struct t_domain, t_network, t_int, t_u64, t_string, t_optional_string,
    t_uuid, t_xml_flags, t_domain_flags, t_domain_int, t_domain_u64_flags, t_domain_string,
    t_domain_string_flags, t_param;
/* The connection and the host, lists (remote_connect.c). */
extern const struct rpc_struct t_open, t_auth_types, t_node_info, t_cells_args, t_cells,
    t_cpu_map_args, t_cpu_map, t_security_label, t_security_model, t_domain_caps_args, t_names,
    t_ids, t_list_args, t_list;
/* One domain, its statistics and jobs (remote_domain.c). */
extern const struct rpc_struct t_domain_info, t_state, t_control_info, t_vcpus_args, t_vcpus,
    t_set_vcpus, t_open_device, t_set_metadata, t_get_metadata, t_messages, t_block_stats,
    t_interface_stats, t_block_info, t_block_stats_args, t_counted_params, t_memory_stats_args,
    t_memory_stats, t_stats_args, t_stats, t_job_info, t_job_stats;
/* Migration (remote_migrate.c). */
extern const struct rpc_struct t_begin_args, t_begin_ret, t_prepare_args, t_prepare_ret,
    t_perform_args, t_perform_ret, t_finish_args, t_finish_ret, t_confirm_args;
/* Events and the qemu program (remote_event.c). */
extern const struct rpc_struct t_event_register, t_event, t_event_lifecycle, t_event_int,
    t_event_i64, t_event_u64, t_event_string, t_event_params, t_event_io_error,
    t_event_io_error_reason, t_event_block_job, t_event_agent, t_event_metadata, t_monitor_command,
    t_monitor_event_register, t_monitor_event;

/* The procedures (remote_procs.c). */
extern const struct rpc_program remote_program, qemu_program;
/* Baton's own (peer_program.c). */
extern const struct rpc_program peer_program;
