/* remote.h - the structures of libvirt's remote and qemu programs that Baton serves,
 * calls or sends, as C.
 *
 * Numbers, order and types are the protocol's. Many procedures have the same few shapes of
 * arguments and results ("a domain and flags", "one string"): those share one structure. An
 * argument list of just a domain is a struct remote_domain, a result of one string a struct
 * remote_string, and so on. Which procedure has which is said beside its number (arguments ->
 * result) and declared once, in the tables of remote_*.c, where rpc_find looks.
 *
 * Strings, arrays and what pointers point to are borrowed: after decoding they lie in the message's
 * arena; for encoding they must live for the call only.
 */
#pragma once
#include "util/uuid.h"
#include "wire/params.h"
#include "wire/remote_numbers.h"
#include "wire/rpc.h"
#include <stdint.h>

/* ---- shapes shared by many procedures ---- */

struct remote_domain {
    const char *name;
    struct uuid uuid;
    int32_t id; /* -1: not running */
};

struct remote_network {
    const char *name;
    struct uuid uuid;
};

struct remote_int {
    int32_t value;
};

struct remote_u64 {
    uint64_t value;
};

struct remote_string {
    const char *value;
};

struct remote_optional_string {
    const char *value; /* or NULL */
};

struct remote_uuid {
    struct uuid uuid;
};

struct remote_xml_flags {
    const char *xml;
    uint32_t flags;
};

struct remote_domain_flags {
    struct remote_domain dom;
    uint32_t flags;
};

struct remote_domain_int {
    struct remote_domain dom;
    int32_t value;
};

struct remote_domain_u64_flags {
    struct remote_domain dom;
    uint64_t value;
    uint32_t flags;
};

struct remote_domain_string {
    struct remote_domain dom;
    const char *value; /* a path or a device */
};

struct remote_domain_string_flags {
    struct remote_domain dom;
    const char *value;
    uint32_t flags;
};

/* ---- arrays ---- */

struct remote_domains {
    struct remote_domain *items;
    uint32_t count;
};

struct remote_strings {
    const char **items;
    uint32_t count;
};

struct remote_ints {
    int32_t *items;
    uint32_t count;
};

struct remote_u64s {
    uint64_t *items;
    uint32_t count;
};

/* ---- the connection and the host ---- */

struct remote_open {
    const char *name; /* the URI, or NULL */
    uint32_t flags;   /* 1 = read-only */
};

struct remote_auth_types {
    struct remote_ints types; /* 0 = none, 1 = SASL, 2 = polkit */
};

struct remote_node_info {
    char model[32];  /* ended by zero */
    uint64_t memory; /* KiB */
    int32_t cpus, mhz, nodes, sockets, cores, threads;
};

struct remote_cells_args {
    int32_t start, max;
};

struct remote_cells {
    struct remote_u64s cells; /* bytes */
};

struct remote_cpu_map_args {
    int32_t need_map, need_online;
    uint32_t flags;
};

struct remote_cpu_map {
    struct rpc_bytes map;
    uint32_t online;
    int32_t ret; /* CPUs present */
};

struct remote_security_label {
    const char *label;
    int32_t enforcing;
};

struct remote_security_model {
    const char *model;
    const char *doi;
};

struct remote_domain_caps_args {
    const char *emulator, *arch, *machine, *virttype; /* each or NULL */
    uint32_t flags;
};

/* ---- lists of domains ---- */

struct remote_names {
    struct remote_strings names;
};

struct remote_ids {
    struct remote_ints ids;
};

struct remote_list_args {
    int32_t need_results;
    uint32_t flags; /* virConnectListAllDomainsFlags */
};

struct remote_list {
    struct remote_domains domains;
    uint32_t ret; /* how many there are, also when no results were wanted */
};

/* ---- one domain ---- */

struct remote_domain_info {
    uint8_t state;
    uint64_t max_memory, memory; /* KiB */
    uint16_t vcpus;
    uint64_t cpu_time; /* ns */
};

struct remote_state {
    int32_t state, reason;
};

struct remote_control_info {
    uint32_t state, details;
    uint64_t state_time; /* ms */
};

struct remote_vcpus_args {
    struct remote_domain dom;
    int32_t max_info, map_length;
};

struct remote_vcpu {
    uint32_t number;
    int32_t state;
    uint64_t cpu_time; /* ns */
    int32_t cpu;
};

struct remote_vcpus {
    struct {
        struct remote_vcpu *items;
        uint32_t count;
    } info;
    struct rpc_bytes maps; /* one map of map_length bytes for each */
};

struct remote_set_vcpus {
    struct remote_domain dom;
    uint32_t vcpus;
    uint32_t flags;
};

struct remote_open_device {
    struct remote_domain dom;
    const char *device; /* alias, or NULL for the first */
    uint32_t flags;
};

struct remote_set_metadata {
    struct remote_domain dom;
    int32_t type;
    const char *metadata, *key, *uri; /* each or NULL */
    uint32_t flags;
};

struct remote_get_metadata {
    struct remote_domain dom;
    int32_t type;
    const char *uri; /* or NULL */
    uint32_t flags;
};

struct remote_messages {
    struct remote_strings messages;
};

/* ---- statistics ---- */

struct remote_block_stats {
    int64_t rd_req, rd_bytes, wr_req, wr_bytes, errs; /* -1: not known */
};

struct remote_interface_stats {
    int64_t rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop;
};

struct remote_block_info {
    uint64_t allocation, capacity, physical; /* bytes */
};

struct remote_block_stats_args {
    struct remote_domain dom;
    const char *path; /* "" = all disks */
    int32_t nparams;  /* 0 asks how many there are */
    uint32_t flags;
};

struct remote_counted_params {
    struct rpc_params params;
    int32_t nparams;
};

struct remote_memory_stats_args {
    struct remote_domain dom;
    uint32_t max;
    uint32_t flags;
};

struct remote_memory_stat {
    int32_t tag;
    uint64_t value;
};

struct remote_memory_stats {
    struct {
        struct remote_memory_stat *items;
        uint32_t count;
    } stats;
};

struct remote_stats_args {
    struct remote_domains domains; /* none: all, filtered by the flags */
    uint32_t stats;                /* virDomainStatsTypes; 0 = all that there are */
    uint32_t flags;
};

struct remote_stats_record {
    struct remote_domain dom;
    struct rpc_params params;
};

struct remote_stats {
    struct {
        struct remote_stats_record *items;
        uint32_t count;
    } records;
};

/* ---- jobs ---- */

struct remote_job_info { /* times in ms, sizes in bytes */
    int32_t type;
    uint64_t time_elapsed, time_remaining;
    uint64_t data_total, data_processed, data_remaining;
    uint64_t mem_total, mem_processed, mem_remaining;
    uint64_t file_total, file_processed, file_remaining;
};

struct remote_job_stats {
    int32_t type;
    struct rpc_params params;
};

/* ---- migration, version 3 with parameters. Cookies are what cookie.h reads and writes ---- */

struct remote_begin_args {
    struct remote_domain dom;
    struct rpc_params params;
    uint32_t flags;
};

struct remote_begin_ret {
    struct rpc_bytes cookie_out;
    const char *xml;
};

struct remote_prepare_args {
    struct rpc_params params;
    struct rpc_bytes cookie_in;
    uint32_t flags;
};

struct remote_prepare_ret {
    struct rpc_bytes cookie_out;
    const char *uri_out; /* or NULL */
};

struct remote_perform_args {
    struct remote_domain dom;
    const char *dconnuri; /* p2p: the destination daemon; else NULL */
    struct rpc_params params;
    struct rpc_bytes cookie_in;
    uint32_t flags;
};

struct remote_perform_ret {
    struct rpc_bytes cookie_out;
};

struct remote_finish_args {
    struct rpc_params params;
    struct rpc_bytes cookie_in;
    uint32_t flags;
    int32_t cancelled;
};

struct remote_finish_ret {
    struct remote_domain dom;
    struct rpc_bytes cookie_out;
};

struct remote_confirm_args {
    struct remote_domain dom;
    struct rpc_params params;
    struct rpc_bytes cookie_in;
    uint32_t flags;
    int32_t cancelled;
};

/* ---- events. Each begins with the id that the registration was answered with ---- */

struct remote_event_register {
    int32_t event_id;
    const struct remote_domain *dom; /* NULL: of all domains */
};

struct remote_event {
    int32_t callback_id;
    struct remote_domain dom;
};

struct remote_event_lifecycle {
    int32_t callback_id;
    struct remote_domain dom;
    int32_t event, detail;
};

struct remote_event_int {
    int32_t callback_id;
    struct remote_domain dom;
    int32_t value;
};

struct remote_event_i64 {
    int32_t callback_id;
    struct remote_domain dom;
    int64_t value;
};

struct remote_event_u64 {
    int32_t callback_id;
    struct remote_domain dom;
    uint64_t value;
};

struct remote_event_string {
    int32_t callback_id;
    struct remote_domain dom;
    const char *value;
};

struct remote_event_params {
    int32_t callback_id;
    struct remote_domain dom;
    struct rpc_params params;
};

struct remote_event_io_error {
    int32_t callback_id;
    struct remote_domain dom;
    const char *path, *alias;
    int32_t action;
};

struct remote_event_io_error_reason {
    int32_t callback_id;
    struct remote_domain dom;
    const char *path, *alias;
    int32_t action;
    const char *reason;
};

struct remote_event_block_job {
    int32_t callback_id;
    struct remote_domain dom;
    const char *path;
    int32_t type, status;
};

struct remote_event_agent {
    int32_t callback_id;
    struct remote_domain dom;
    int32_t state, reason;
};

struct remote_event_metadata {
    int32_t callback_id;
    struct remote_domain dom;
    int32_t type;
    const char *uri; /* or NULL */
};

/* ---- the qemu program ---- */

struct remote_monitor_command {
    struct remote_domain dom;
    const char *command;
    uint32_t flags; /* 1 = a line for the human monitor */
};

struct remote_monitor_event_register {
    const struct remote_domain *dom; /* NULL: of all domains */
    const char *event;               /* NULL: all events */
    uint32_t flags;
};

struct remote_monitor_event {
    int32_t callback_id;
    struct remote_domain dom;
    const char *event;
    int64_t seconds;
    uint32_t micros;
    const char *details; /* JSON, or NULL */
};
