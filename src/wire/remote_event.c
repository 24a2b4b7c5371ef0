/* remote_event.c - structures of events, and the qemu program. */
#include "wire/remote.h"
#include "wire/remote_tables.h"

static const struct rpc_field event_register_fields[] = {
    F_I32(remote_event_register, event_id),
    F_OPTIONAL_STRUCT(remote_event_register, dom, remote_domain, t_domain),
};
const struct rpc_struct t_event_register =
    RPC_STRUCT_OF(remote_event_register, event_register_fields);

static const struct rpc_field event_fields[] = {
    F_I32(remote_event, callback_id),
    F_STRUCT(remote_event, dom, remote_domain, t_domain),
};
const struct rpc_struct t_event = RPC_STRUCT_OF(remote_event, event_fields);

static const struct rpc_field event_lifecycle_fields[] = {
    F_I32(remote_event_lifecycle, callback_id),
    F_STRUCT(remote_event_lifecycle, dom, remote_domain, t_domain),
    F_I32(remote_event_lifecycle, event),
    F_I32(remote_event_lifecycle, detail),
};
const struct rpc_struct t_event_lifecycle =
    RPC_STRUCT_OF(remote_event_lifecycle, event_lifecycle_fields);

static const struct rpc_field event_int_fields[] = {
    F_I32(remote_event_int, callback_id),
    F_STRUCT(remote_event_int, dom, remote_domain, t_domain),
    F_I32(remote_event_int, value),
};
const struct rpc_struct t_event_int = RPC_STRUCT_OF(remote_event_int, event_int_fields);

static const struct rpc_field event_i64_fields[] = {
    F_I32(remote_event_i64, callback_id),
    F_STRUCT(remote_event_i64, dom, remote_domain, t_domain),
    F_I64(remote_event_i64, value),
};
const struct rpc_struct t_event_i64 = RPC_STRUCT_OF(remote_event_i64, event_i64_fields);

static const struct rpc_field event_u64_fields[] = {
    F_I32(remote_event_u64, callback_id),
    F_STRUCT(remote_event_u64, dom, remote_domain, t_domain),
    F_U64(remote_event_u64, value),
};
const struct rpc_struct t_event_u64 = RPC_STRUCT_OF(remote_event_u64, event_u64_fields);

static const struct rpc_field event_string_fields[] = {
    F_I32(remote_event_string, callback_id),
    F_STRUCT(remote_event_string, dom, remote_domain, t_domain),
    F_STRING(remote_event_string, value),
};
const struct rpc_struct t_event_string = RPC_STRUCT_OF(remote_event_string, event_string_fields);

static const struct rpc_field event_params_fields[] = {
    F_I32(remote_event_params, callback_id),
    F_STRUCT(remote_event_params, dom, remote_domain, t_domain),
    F_STRUCTS(remote_event_params, params, rpc_param, 64, t_param),
};
const struct rpc_struct t_event_params = RPC_STRUCT_OF(remote_event_params, event_params_fields);

static const struct rpc_field event_io_error_fields[] = {
    F_I32(remote_event_io_error, callback_id),
    F_STRUCT(remote_event_io_error, dom, remote_domain, t_domain),
    F_STRING(remote_event_io_error, path),
    F_STRING(remote_event_io_error, alias),
    F_I32(remote_event_io_error, action),
};
const struct rpc_struct t_event_io_error =
    RPC_STRUCT_OF(remote_event_io_error, event_io_error_fields);

static const struct rpc_field event_io_error_reason_fields[] = {
    F_I32(remote_event_io_error_reason, callback_id),
    F_STRUCT(remote_event_io_error_reason, dom, remote_domain, t_domain),
    F_STRING(remote_event_io_error_reason, path),
    F_STRING(remote_event_io_error_reason, alias),
    F_I32(remote_event_io_error_reason, action),
    F_STRING(remote_event_io_error_reason, reason),
};
const struct rpc_struct t_event_io_error_reason =
    RPC_STRUCT_OF(remote_event_io_error_reason, event_io_error_reason_fields);

static const struct rpc_field event_block_job_fields[] = {
    F_I32(remote_event_block_job, callback_id),
    F_STRUCT(remote_event_block_job, dom, remote_domain, t_domain),
    F_STRING(remote_event_block_job, path),
    F_I32(remote_event_block_job, type),
    F_I32(remote_event_block_job, status),
};
const struct rpc_struct t_event_block_job =
    RPC_STRUCT_OF(remote_event_block_job, event_block_job_fields);

static const struct rpc_field event_agent_fields[] = {
    F_I32(remote_event_agent, callback_id),
    F_STRUCT(remote_event_agent, dom, remote_domain, t_domain),
    F_I32(remote_event_agent, state),
    F_I32(remote_event_agent, reason),
};
const struct rpc_struct t_event_agent = RPC_STRUCT_OF(remote_event_agent, event_agent_fields);

static const struct rpc_field event_metadata_fields[] = {
    F_I32(remote_event_metadata, callback_id),
    F_STRUCT(remote_event_metadata, dom, remote_domain, t_domain),
    F_I32(remote_event_metadata, type),
    F_OPTIONAL_STRING(remote_event_metadata, uri),
};
const struct rpc_struct t_event_metadata =
    RPC_STRUCT_OF(remote_event_metadata, event_metadata_fields);

static const struct rpc_field monitor_command_fields[] = {
    F_STRUCT(remote_monitor_command, dom, remote_domain, t_domain),
    F_STRING(remote_monitor_command, command),
    F_U32(remote_monitor_command, flags),
};
const struct rpc_struct t_monitor_command =
    RPC_STRUCT_OF(remote_monitor_command, monitor_command_fields);

static const struct rpc_field monitor_event_register_fields[] = {
    F_OPTIONAL_STRUCT(remote_monitor_event_register, dom, remote_domain, t_domain),
    F_OPTIONAL_STRING(remote_monitor_event_register, event),
    F_U32(remote_monitor_event_register, flags),
};
const struct rpc_struct t_monitor_event_register =
    RPC_STRUCT_OF(remote_monitor_event_register, monitor_event_register_fields);

static const struct rpc_field monitor_event_fields[] = {
    F_I32(remote_monitor_event, callback_id),
    F_STRUCT(remote_monitor_event, dom, remote_domain, t_domain),
    F_STRING(remote_monitor_event, event),
    F_I64(remote_monitor_event, seconds),
    F_U32(remote_monitor_event, micros),
    F_OPTIONAL_STRING(remote_monitor_event, details),
};
const struct rpc_struct t_monitor_event = RPC_STRUCT_OF(remote_monitor_event, monitor_event_fields);
