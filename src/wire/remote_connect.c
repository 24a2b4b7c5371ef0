/* remote_connect.c - structures of the connection, the host, and lists of domains. */
#include "wire/remote.h"
#include "wire/remote_tables.h"

static const struct rpc_field open_fields[] = {
    F_OPTIONAL_STRING(remote_open, name),
    F_U32(remote_open, flags),
};
const struct rpc_struct t_open = RPC_STRUCT_OF(remote_open, open_fields);

static const struct rpc_field auth_types_fields[] = {
    F_INTS(remote_auth_types, types, 20),
};
const struct rpc_struct t_auth_types = RPC_STRUCT_OF(remote_auth_types, auth_types_fields);

static const struct rpc_field node_info_fields[] = {
    F_FIXED_CHARS(remote_node_info, model, 32),
    F_U64(remote_node_info, memory),
    F_I32(remote_node_info, cpus),
    F_I32(remote_node_info, mhz),
    F_I32(remote_node_info, nodes),
    F_I32(remote_node_info, sockets),
    F_I32(remote_node_info, cores),
    F_I32(remote_node_info, threads),
};
const struct rpc_struct t_node_info = RPC_STRUCT_OF(remote_node_info, node_info_fields);

static const struct rpc_field cells_args_fields[] = {
    F_I32(remote_cells_args, start),
    F_I32(remote_cells_args, max),
};
const struct rpc_struct t_cells_args = RPC_STRUCT_OF(remote_cells_args, cells_args_fields);

static const struct rpc_field cells_fields[] = {
    F_U64S(remote_cells, cells, 1024),
};
const struct rpc_struct t_cells = RPC_STRUCT_OF(remote_cells, cells_fields);

static const struct rpc_field cpu_map_args_fields[] = {
    F_I32(remote_cpu_map_args, need_map),
    F_I32(remote_cpu_map_args, need_online),
    F_U32(remote_cpu_map_args, flags),
};
const struct rpc_struct t_cpu_map_args = RPC_STRUCT_OF(remote_cpu_map_args, cpu_map_args_fields);

static const struct rpc_field cpu_map_fields[] = {
    F_OPAQUE(remote_cpu_map, map, 2048),
    F_U32(remote_cpu_map, online),
    F_I32(remote_cpu_map, ret),
};
const struct rpc_struct t_cpu_map = RPC_STRUCT_OF(remote_cpu_map, cpu_map_fields);

static const struct rpc_field security_label_fields[] = {
    F_CHARS(remote_security_label, label, 4097),
    F_I32(remote_security_label, enforcing),
};
const struct rpc_struct t_security_label =
    RPC_STRUCT_OF(remote_security_label, security_label_fields);

static const struct rpc_field security_model_fields[] = {
    F_CHARS(remote_security_model, model, 257),
    F_CHARS(remote_security_model, doi, 257),
};
const struct rpc_struct t_security_model =
    RPC_STRUCT_OF(remote_security_model, security_model_fields);

static const struct rpc_field domain_caps_args_fields[] = {
    F_OPTIONAL_STRING(remote_domain_caps_args, emulator),
    F_OPTIONAL_STRING(remote_domain_caps_args, arch),
    F_OPTIONAL_STRING(remote_domain_caps_args, machine),
    F_OPTIONAL_STRING(remote_domain_caps_args, virttype),
    F_U32(remote_domain_caps_args, flags),
};
const struct rpc_struct t_domain_caps_args =
    RPC_STRUCT_OF(remote_domain_caps_args, domain_caps_args_fields);

static const struct rpc_field names_fields[] = {
    F_STRINGS(remote_names, names, 16384),
};
const struct rpc_struct t_names = RPC_STRUCT_OF(remote_names, names_fields);

static const struct rpc_field ids_fields[] = {
    F_INTS(remote_ids, ids, 16384),
};
const struct rpc_struct t_ids = RPC_STRUCT_OF(remote_ids, ids_fields);

static const struct rpc_field list_args_fields[] = {
    F_I32(remote_list_args, need_results),
    F_U32(remote_list_args, flags),
};
const struct rpc_struct t_list_args = RPC_STRUCT_OF(remote_list_args, list_args_fields);

static const struct rpc_field list_fields[] = {
    F_STRUCTS(remote_list, domains, remote_domain, 16384, t_domain),
    F_U32(remote_list, ret),
};
const struct rpc_struct t_list = RPC_STRUCT_OF(remote_list, list_fields);
