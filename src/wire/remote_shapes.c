/* remote_shapes.c - structures that many procedures share. */
#include "wire/remote.h"
#include "wire/remote_tables.h"

static const struct rpc_field domain_fields[] = {
    F_STRING(remote_domain, name),
    F_UUID(remote_domain, uuid),
    F_I32(remote_domain, id),
};
const struct rpc_struct t_domain = RPC_STRUCT_OF(remote_domain, domain_fields);

static const struct rpc_field network_fields[] = {
    F_STRING(remote_network, name),
    F_UUID(remote_network, uuid),
};
const struct rpc_struct t_network = RPC_STRUCT_OF(remote_network, network_fields);

static const struct rpc_field int_fields[] = {F_I32(remote_int, value)};
const struct rpc_struct t_int = RPC_STRUCT_OF(remote_int, int_fields);

static const struct rpc_field u64_fields[] = {F_U64(remote_u64, value)};
const struct rpc_struct t_u64 = RPC_STRUCT_OF(remote_u64, u64_fields);

static const struct rpc_field string_fields[] = {F_STRING(remote_string, value)};
const struct rpc_struct t_string = RPC_STRUCT_OF(remote_string, string_fields);

static const struct rpc_field optional_string_fields[] = {
    F_OPTIONAL_STRING(remote_optional_string, value),
};
const struct rpc_struct t_optional_string =
    RPC_STRUCT_OF(remote_optional_string, optional_string_fields);

static const struct rpc_field uuid_fields[] = {F_UUID(remote_uuid, uuid)};
const struct rpc_struct t_uuid = RPC_STRUCT_OF(remote_uuid, uuid_fields);

static const struct rpc_field xml_flags_fields[] = {
    F_STRING(remote_xml_flags, xml),
    F_U32(remote_xml_flags, flags),
};
const struct rpc_struct t_xml_flags = RPC_STRUCT_OF(remote_xml_flags, xml_flags_fields);

static const struct rpc_field domain_flags_fields[] = {
    F_STRUCT(remote_domain_flags, dom, remote_domain, t_domain),
    F_U32(remote_domain_flags, flags),
};
const struct rpc_struct t_domain_flags = RPC_STRUCT_OF(remote_domain_flags, domain_flags_fields);

static const struct rpc_field domain_int_fields[] = {
    F_STRUCT(remote_domain_int, dom, remote_domain, t_domain),
    F_I32(remote_domain_int, value),
};
const struct rpc_struct t_domain_int = RPC_STRUCT_OF(remote_domain_int, domain_int_fields);

static const struct rpc_field domain_u64_flags_fields[] = {
    F_STRUCT(remote_domain_u64_flags, dom, remote_domain, t_domain),
    F_U64(remote_domain_u64_flags, value),
    F_U32(remote_domain_u64_flags, flags),
};
const struct rpc_struct t_domain_u64_flags =
    RPC_STRUCT_OF(remote_domain_u64_flags, domain_u64_flags_fields);

static const struct rpc_field domain_string_fields[] = {
    F_STRUCT(remote_domain_string, dom, remote_domain, t_domain),
    F_STRING(remote_domain_string, value),
};
const struct rpc_struct t_domain_string = RPC_STRUCT_OF(remote_domain_string, domain_string_fields);

static const struct rpc_field domain_string_flags_fields[] = {
    F_STRUCT(remote_domain_string_flags, dom, remote_domain, t_domain),
    F_STRING(remote_domain_string_flags, value),
    F_U32(remote_domain_string_flags, flags),
};
const struct rpc_struct t_domain_string_flags =
    RPC_STRUCT_OF(remote_domain_string_flags, domain_string_flags_fields);

static const struct rpc_field param_fields[] = {
    F_STRING(rpc_param, field),
    F_PARAM_VALUE(rpc_param, value),
};
const struct rpc_struct t_param = RPC_STRUCT_OF(rpc_param, param_fields);

static const struct rpc_field error_fields[] = {
    F_I32(rpc_error, code),
    F_I32(rpc_error, domain),
    F_OPTIONAL_STRING(rpc_error, message),
    F_I32(rpc_error, level),
    F_OPTIONAL_STRUCT(rpc_error, dom, remote_domain, t_domain),
    F_OPTIONAL_STRING(rpc_error, str1),
    F_OPTIONAL_STRING(rpc_error, str2),
    F_OPTIONAL_STRING(rpc_error, str3),
    F_I32(rpc_error, int1),
    F_I32(rpc_error, int2),
    F_OPTIONAL_STRUCT(rpc_error, net, remote_network, t_network),
};
const struct rpc_struct rpc_error_struct = RPC_STRUCT_OF(rpc_error, error_fields);
