/* remote_domain.c - structures of one domain: its state, statistics and jobs. */
#include "wire/remote.h"
#include "wire/remote_tables.h"

static const struct rpc_field domain_info_fields[] = {
    F_U8(remote_domain_info, state),     F_U64(remote_domain_info, max_memory),
    F_U64(remote_domain_info, memory),   F_U16(remote_domain_info, vcpus),
    F_U64(remote_domain_info, cpu_time),
};
const struct rpc_struct t_domain_info = RPC_STRUCT_OF(remote_domain_info, domain_info_fields);

static const struct rpc_field state_fields[] = {
    F_I32(remote_state, state),
    F_I32(remote_state, reason),
};
const struct rpc_struct t_state = RPC_STRUCT_OF(remote_state, state_fields);

static const struct rpc_field control_info_fields[] = {
    F_U32(remote_control_info, state),
    F_U32(remote_control_info, details),
    F_U64(remote_control_info, state_time),
};
const struct rpc_struct t_control_info = RPC_STRUCT_OF(remote_control_info, control_info_fields);

static const struct rpc_field vcpus_args_fields[] = {
    F_STRUCT(remote_vcpus_args, dom, remote_domain, t_domain),
    F_I32(remote_vcpus_args, max_info),
    F_I32(remote_vcpus_args, map_length),
};
const struct rpc_struct t_vcpus_args = RPC_STRUCT_OF(remote_vcpus_args, vcpus_args_fields);

static const struct rpc_field vcpu_fields[] = {
    F_U32(remote_vcpu, number),
    F_I32(remote_vcpu, state),
    F_U64(remote_vcpu, cpu_time),
    F_I32(remote_vcpu, cpu),
};
static const struct rpc_struct vcpu = RPC_STRUCT_OF(remote_vcpu, vcpu_fields);

static const struct rpc_field vcpus_fields[] = {
    F_STRUCTS(remote_vcpus, info, remote_vcpu, 16384, vcpu),
    F_OPAQUE(remote_vcpus, maps, 8388608),
};
const struct rpc_struct t_vcpus = RPC_STRUCT_OF(remote_vcpus, vcpus_fields);

static const struct rpc_field set_vcpus_fields[] = {
    F_STRUCT(remote_set_vcpus, dom, remote_domain, t_domain),
    F_U32(remote_set_vcpus, vcpus),
    F_U32(remote_set_vcpus, flags),
};
const struct rpc_struct t_set_vcpus = RPC_STRUCT_OF(remote_set_vcpus, set_vcpus_fields);

static const struct rpc_field open_device_fields[] = {
    F_STRUCT(remote_open_device, dom, remote_domain, t_domain),
    F_OPTIONAL_STRING(remote_open_device, device),
    F_U32(remote_open_device, flags),
};
const struct rpc_struct t_open_device = RPC_STRUCT_OF(remote_open_device, open_device_fields);

static const struct rpc_field set_metadata_fields[] = {
    F_STRUCT(remote_set_metadata, dom, remote_domain, t_domain),
    F_I32(remote_set_metadata, type),
    F_OPTIONAL_STRING(remote_set_metadata, metadata),
    F_OPTIONAL_STRING(remote_set_metadata, key),
    F_OPTIONAL_STRING(remote_set_metadata, uri),
    F_U32(remote_set_metadata, flags),
};
const struct rpc_struct t_set_metadata = RPC_STRUCT_OF(remote_set_metadata, set_metadata_fields);

static const struct rpc_field get_metadata_fields[] = {
    F_STRUCT(remote_get_metadata, dom, remote_domain, t_domain),
    F_I32(remote_get_metadata, type),
    F_OPTIONAL_STRING(remote_get_metadata, uri),
    F_U32(remote_get_metadata, flags),
};
const struct rpc_struct t_get_metadata = RPC_STRUCT_OF(remote_get_metadata, get_metadata_fields);

static const struct rpc_field messages_fields[] = {
    F_STRINGS(remote_messages, messages, 2048),
};
const struct rpc_struct t_messages = RPC_STRUCT_OF(remote_messages, messages_fields);

static const struct rpc_field block_stats_fields[] = {
    F_I64(remote_block_stats, rd_req), F_I64(remote_block_stats, rd_bytes),
    F_I64(remote_block_stats, wr_req), F_I64(remote_block_stats, wr_bytes),
    F_I64(remote_block_stats, errs),
};
const struct rpc_struct t_block_stats = RPC_STRUCT_OF(remote_block_stats, block_stats_fields);

static const struct rpc_field interface_stats_fields[] = {
    F_I64(remote_interface_stats, rx_bytes), F_I64(remote_interface_stats, rx_packets),
    F_I64(remote_interface_stats, rx_errs),  F_I64(remote_interface_stats, rx_drop),
    F_I64(remote_interface_stats, tx_bytes), F_I64(remote_interface_stats, tx_packets),
    F_I64(remote_interface_stats, tx_errs),  F_I64(remote_interface_stats, tx_drop),
};
const struct rpc_struct t_interface_stats =
    RPC_STRUCT_OF(remote_interface_stats, interface_stats_fields);

static const struct rpc_field block_info_fields[] = {
    F_U64(remote_block_info, allocation),
    F_U64(remote_block_info, capacity),
    F_U64(remote_block_info, physical),
};
const struct rpc_struct t_block_info = RPC_STRUCT_OF(remote_block_info, block_info_fields);

static const struct rpc_field block_stats_args_fields[] = {
    F_STRUCT(remote_block_stats_args, dom, remote_domain, t_domain),
    F_STRING(remote_block_stats_args, path),
    F_I32(remote_block_stats_args, nparams),
    F_U32(remote_block_stats_args, flags),
};
const struct rpc_struct t_block_stats_args =
    RPC_STRUCT_OF(remote_block_stats_args, block_stats_args_fields);

static const struct rpc_field counted_params_fields[] = {
    F_STRUCTS(remote_counted_params, params, rpc_param, 16, t_param),
    F_I32(remote_counted_params, nparams),
};
const struct rpc_struct t_counted_params =
    RPC_STRUCT_OF(remote_counted_params, counted_params_fields);

static const struct rpc_field memory_stats_args_fields[] = {
    F_STRUCT(remote_memory_stats_args, dom, remote_domain, t_domain),
    F_U32(remote_memory_stats_args, max),
    F_U32(remote_memory_stats_args, flags),
};
const struct rpc_struct t_memory_stats_args =
    RPC_STRUCT_OF(remote_memory_stats_args, memory_stats_args_fields);

static const struct rpc_field memory_stat_fields[] = {
    F_I32(remote_memory_stat, tag),
    F_U64(remote_memory_stat, value),
};
static const struct rpc_struct memory_stat = RPC_STRUCT_OF(remote_memory_stat, memory_stat_fields);

static const struct rpc_field memory_stats_fields[] = {
    F_STRUCTS(remote_memory_stats, stats, remote_memory_stat, 1024, memory_stat),
};
const struct rpc_struct t_memory_stats = RPC_STRUCT_OF(remote_memory_stats, memory_stats_fields);

static const struct rpc_field stats_args_fields[] = {
    F_STRUCTS(remote_stats_args, domains, remote_domain, 16384, t_domain),
    F_U32(remote_stats_args, stats),
    F_U32(remote_stats_args, flags),
};
const struct rpc_struct t_stats_args = RPC_STRUCT_OF(remote_stats_args, stats_args_fields);

static const struct rpc_field stats_record_fields[] = {
    F_STRUCT(remote_stats_record, dom, remote_domain, t_domain),
    F_STRUCTS(remote_stats_record, params, rpc_param, 262144, t_param),
};
static const struct rpc_struct stats_record =
    RPC_STRUCT_OF(remote_stats_record, stats_record_fields);

static const struct rpc_field stats_fields[] = {
    F_STRUCTS(remote_stats, records, remote_stats_record, 16384, stats_record),
};
const struct rpc_struct t_stats = RPC_STRUCT_OF(remote_stats, stats_fields);

static const struct rpc_field job_info_fields[] = {
    F_I32(remote_job_info, type),           F_U64(remote_job_info, time_elapsed),
    F_U64(remote_job_info, time_remaining), F_U64(remote_job_info, data_total),
    F_U64(remote_job_info, data_processed), F_U64(remote_job_info, data_remaining),
    F_U64(remote_job_info, mem_total),      F_U64(remote_job_info, mem_processed),
    F_U64(remote_job_info, mem_remaining),  F_U64(remote_job_info, file_total),
    F_U64(remote_job_info, file_processed), F_U64(remote_job_info, file_remaining),
};
const struct rpc_struct t_job_info = RPC_STRUCT_OF(remote_job_info, job_info_fields);

static const struct rpc_field job_stats_fields[] = {
    F_I32(remote_job_stats, type),
    F_STRUCTS(remote_job_stats, params, rpc_param, 64, t_param),
};
const struct rpc_struct t_job_stats = RPC_STRUCT_OF(remote_job_stats, job_stats_fields);
