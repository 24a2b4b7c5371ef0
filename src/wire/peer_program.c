/* peer_program.c - the tables of Baton's private program. */
#include "wire/peer_program.h"
#include "wire/remote_tables.h"

static const struct rpc_field hello_fields[] = {
    F_OPAQUE(peer_hello, token, PEER_TOKEN_SIZE),
    F_UUID(peer_hello, guest),
    F_U32(peer_hello, flags),
    F_STRING(peer_hello, program),
};
static const struct rpc_struct t_hello = RPC_STRUCT_OF(peer_hello, hello_fields);

static const struct rpc_field hello_ret_fields[] = {
    F_STRING(peer_hello_ret, program),
    F_I32(peer_hello_ret, live),
};
static const struct rpc_struct t_hello_ret = RPC_STRUCT_OF(peer_hello_ret, hello_ret_fields);

static const struct rpc_field ask_fields[] = {
    F_I32(peer_ask, switched),
};
static const struct rpc_struct t_ask = RPC_STRUCT_OF(peer_ask, ask_fields);

static const struct rpc_field proof_fields[] = {
    F_I32(peer_proof, proof),
};
static const struct rpc_struct t_proof = RPC_STRUCT_OF(peer_proof, proof_fields);

static const struct rpc_field runs_fields[] = {
    F_U64(peer_runs, microseconds),
};
static const struct rpc_struct t_runs = RPC_STRUCT_OF(peer_runs, runs_fields);

static const struct rpc_field recover_ret_fields[] = {
    F_STRINGS(peer_recover_ret, uris, PEER_ADDRESSES_MAX),
};
static const struct rpc_struct t_recover_ret = RPC_STRUCT_OF(peer_recover_ret, recover_ret_fields);

static const struct rpc_field finish_fields[] = {
    F_U32(peer_finish, flags),
    F_I32(peer_finish, cancelled),
    F_OPAQUE(peer_finish, cookie, RPC_COOKIE_MAX),
};
static const struct rpc_struct t_finish = RPC_STRUCT_OF(peer_finish, finish_fields);

static const struct rpc_field finish_ret_fields[] = {
    F_OPAQUE(peer_finish_ret, cookie, RPC_COOKIE_MAX),
};
static const struct rpc_struct t_peer_finish_ret =
    RPC_STRUCT_OF(peer_finish_ret, finish_ret_fields);

static const struct rpc_field figures_fields[] = {
    F_OPAQUE(peer_figures, cookie, RPC_COOKIE_MAX),
};
static const struct rpc_struct t_figures = RPC_STRUCT_OF(peer_figures, figures_fields);

static const struct rpc_field settle_fields[] = {
    F_STRING(peer_settle, guest),
    F_I32(peer_settle, run),
    F_STRING(peer_settle, accepted),
};
static const struct rpc_struct t_settle = RPC_STRUCT_OF(peer_settle, settle_fields);

static const struct rpc_field settle_ret_fields[] = {
    F_STRING(peer_settle_ret, sentence),
};
static const struct rpc_struct t_settle_ret = RPC_STRUCT_OF(peer_settle_ret, settle_ret_fields);

static const struct rpc_proc peer_procs[] = {
    {PROGRAM_PEER, PEER_HELLO, "HELLO", &t_hello, &t_hello_ret, RPC_BEFORE_OPEN | RPC_PEER},
    {PROGRAM_PEER, PEER_ASK, "ASK", &t_ask, NULL, RPC_PEER},
    {PROGRAM_PEER, PEER_PROOF, "PROOF_EVENT", &t_proof, NULL, RPC_EVENT},
    {PROGRAM_PEER, PEER_RECOVER, "RECOVER", NULL, &t_recover_ret, RPC_PEER},
    {PROGRAM_PEER, PEER_FINISH, "FINISH", &t_finish, &t_peer_finish_ret, RPC_PEER},
    {PROGRAM_PEER, PEER_FIGURES, "FIGURES", &t_figures, NULL, RPC_PEER},
    {PROGRAM_PEER, PEER_PING, "PING", NULL, NULL, RPC_PEER},
    {PROGRAM_PEER, PEER_SETTLE, "SETTLE", &t_settle, &t_settle_ret, 0},
    {PROGRAM_PEER, PEER_RUNS, "RUNS_EVENT", &t_runs, NULL, RPC_EVENT},
    {PROGRAM_PEER, PEER_KEPT, "KEPT_EVENT", NULL, NULL, RPC_EVENT},
};
const struct rpc_program peer_program = {PROGRAM_PEER, peer_procs, COUNT_OF(peer_procs)};
