/* remote_migrate.c - structures of migration, version 3 with parameters. */
#include "wire/remote.h"
#include "wire/remote_tables.h"

static const struct rpc_field begin_args_fields[] = {
    F_STRUCT(remote_begin_args, dom, remote_domain, t_domain),
    F_STRUCTS(remote_begin_args, params, rpc_param, 64, t_param),
    F_U32(remote_begin_args, flags),
};
const struct rpc_struct t_begin_args = RPC_STRUCT_OF(remote_begin_args, begin_args_fields);

static const struct rpc_field begin_ret_fields[] = {
    F_OPAQUE(remote_begin_ret, cookie_out, RPC_COOKIE_MAX),
    F_STRING(remote_begin_ret, xml),
};
const struct rpc_struct t_begin_ret = RPC_STRUCT_OF(remote_begin_ret, begin_ret_fields);

static const struct rpc_field prepare_args_fields[] = {
    F_STRUCTS(remote_prepare_args, params, rpc_param, 64, t_param),
    F_OPAQUE(remote_prepare_args, cookie_in, RPC_COOKIE_MAX),
    F_U32(remote_prepare_args, flags),
};
const struct rpc_struct t_prepare_args = RPC_STRUCT_OF(remote_prepare_args, prepare_args_fields);

static const struct rpc_field prepare_ret_fields[] = {
    F_OPAQUE(remote_prepare_ret, cookie_out, RPC_COOKIE_MAX),
    F_OPTIONAL_STRING(remote_prepare_ret, uri_out),
};
const struct rpc_struct t_prepare_ret = RPC_STRUCT_OF(remote_prepare_ret, prepare_ret_fields);

static const struct rpc_field perform_args_fields[] = {
    F_STRUCT(remote_perform_args, dom, remote_domain, t_domain),
    F_OPTIONAL_STRING(remote_perform_args, dconnuri),
    F_STRUCTS(remote_perform_args, params, rpc_param, 64, t_param),
    F_OPAQUE(remote_perform_args, cookie_in, RPC_COOKIE_MAX),
    F_U32(remote_perform_args, flags),
};
const struct rpc_struct t_perform_args = RPC_STRUCT_OF(remote_perform_args, perform_args_fields);

static const struct rpc_field perform_ret_fields[] = {
    F_OPAQUE(remote_perform_ret, cookie_out, RPC_COOKIE_MAX),
};
const struct rpc_struct t_perform_ret = RPC_STRUCT_OF(remote_perform_ret, perform_ret_fields);

static const struct rpc_field finish_args_fields[] = {
    F_STRUCTS(remote_finish_args, params, rpc_param, 64, t_param),
    F_OPAQUE(remote_finish_args, cookie_in, RPC_COOKIE_MAX),
    F_U32(remote_finish_args, flags),
    F_I32(remote_finish_args, cancelled),
};
const struct rpc_struct t_finish_args = RPC_STRUCT_OF(remote_finish_args, finish_args_fields);

static const struct rpc_field finish_ret_fields[] = {
    F_STRUCT(remote_finish_ret, dom, remote_domain, t_domain),
    F_OPAQUE(remote_finish_ret, cookie_out, RPC_COOKIE_MAX),
};
const struct rpc_struct t_finish_ret = RPC_STRUCT_OF(remote_finish_ret, finish_ret_fields);

static const struct rpc_field confirm_args_fields[] = {
    F_STRUCT(remote_confirm_args, dom, remote_domain, t_domain),
    F_STRUCTS(remote_confirm_args, params, rpc_param, 64, t_param),
    F_OPAQUE(remote_confirm_args, cookie_in, RPC_COOKIE_MAX),
    F_U32(remote_confirm_args, flags),
    F_I32(remote_confirm_args, cancelled),
};
const struct rpc_struct t_confirm_args = RPC_STRUCT_OF(remote_confirm_args, confirm_args_fields);
