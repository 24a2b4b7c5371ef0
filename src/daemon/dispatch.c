/* dispatch.c - which handler serves which procedure. To add one: its shapes in wire/remote.h and
 * the tables there, its handler in the family's file and header, its row here. */
#include "daemon/api.h"
#include "daemon/api_migrate.h"
#include "daemon/api_peer.h"
#include "wire/frame.h"
#include "wire/peer_program.h"

struct row {
    int32_t procedure;
    call_handler *handler;
};

static const struct row remote_rows[] = {
    /* the connection */
    {REMOTE_AUTH_LIST, api_auth_list},
    {REMOTE_CONNECT_OPEN, api_connect_open},
    {REMOTE_CONNECT_CLOSE, api_connect_close},
    {REMOTE_CONNECT_SUPPORTS_FEATURE, api_connect_supports_feature},
    {REMOTE_CONNECT_GET_TYPE, api_connect_get_type},
    {REMOTE_CONNECT_GET_VERSION, api_connect_get_version},
    {REMOTE_CONNECT_GET_LIB_VERSION, api_connect_get_lib_version},
    {REMOTE_CONNECT_GET_HOSTNAME, api_connect_get_hostname},
    {REMOTE_CONNECT_GET_URI, api_connect_get_uri},
    {REMOTE_CONNECT_IS_SECURE, api_connect_is_secure},
    {REMOTE_CONNECT_REGISTER_CLOSE_CALLBACK, api_connect_register_close_callback},
    {REMOTE_CONNECT_UNREGISTER_CLOSE_CALLBACK, api_connect_unregister_close_callback},
    /* the host */
    {REMOTE_NODE_GET_INFO, api_node_get_info},
    {REMOTE_NODE_GET_CPU_MAP, api_node_get_cpu_map},
    {REMOTE_NODE_GET_FREE_MEMORY, api_node_get_free_memory},
    {REMOTE_NODE_GET_CELLS_FREE_MEMORY, api_node_get_cells_free_memory},
    {REMOTE_NODE_GET_SECURITY_MODEL, api_node_get_security_model},
    {REMOTE_CONNECT_GET_MAX_VCPUS, api_connect_get_max_vcpus},
    {REMOTE_CONNECT_GET_CAPABILITIES, api_connect_get_capabilities},
    {REMOTE_CONNECT_GET_DOMAIN_CAPABILITIES, api_connect_get_domain_capabilities},
    /* which guests there are */
    {REMOTE_CONNECT_LIST_ALL_DOMAINS, api_connect_list_all_domains},
    {REMOTE_CONNECT_LIST_DOMAINS, api_connect_list_domains},
    {REMOTE_CONNECT_NUM_OF_DOMAINS, api_connect_num_of_domains},
    {REMOTE_CONNECT_LIST_DEFINED_DOMAINS, api_connect_list_defined_domains},
    {REMOTE_CONNECT_NUM_OF_DEFINED_DOMAINS, api_connect_num_of_defined_domains},
    {REMOTE_DOMAIN_LOOKUP_BY_ID, api_domain_lookup_by_id},
    {REMOTE_DOMAIN_LOOKUP_BY_NAME, api_domain_lookup_by_name},
    {REMOTE_DOMAIN_LOOKUP_BY_UUID, api_domain_lookup_by_uuid},
    /* events */
    {REMOTE_EVENT_REGISTER, api_event_register},
    {REMOTE_EVENT_DEREGISTER, api_event_deregister},
    /* a guest's life */
    {REMOTE_DOMAIN_CREATE, api_domain_create},
    {REMOTE_DOMAIN_CREATE_WITH_FLAGS, api_domain_create_with_flags},
    {REMOTE_DOMAIN_CREATE_XML, api_domain_create_xml},
    {REMOTE_DOMAIN_SUSPEND, api_domain_suspend},
    {REMOTE_DOMAIN_RESUME, api_domain_resume},
    {REMOTE_DOMAIN_DESTROY, api_domain_destroy},
    {REMOTE_DOMAIN_DESTROY_FLAGS, api_domain_destroy_flags},
    {REMOTE_DOMAIN_SHUTDOWN, api_domain_shutdown},
    {REMOTE_DOMAIN_SHUTDOWN_FLAGS, api_domain_shutdown_flags},
    {REMOTE_DOMAIN_REBOOT, api_domain_reboot},
    {REMOTE_DOMAIN_RESET, api_domain_reset},
    /* definitions */
    {REMOTE_DOMAIN_DEFINE_XML, api_domain_define_xml},
    {REMOTE_DOMAIN_DEFINE_XML_FLAGS, api_domain_define_xml_flags},
    {REMOTE_DOMAIN_UNDEFINE, api_domain_undefine},
    {REMOTE_DOMAIN_UNDEFINE_FLAGS, api_domain_undefine_flags},
    {REMOTE_DOMAIN_GET_AUTOSTART, api_domain_get_autostart},
    {REMOTE_DOMAIN_SET_AUTOSTART, api_domain_set_autostart},
    /* short questions */
    {REMOTE_DOMAIN_GET_STATE, api_domain_get_state},
    {REMOTE_DOMAIN_IS_ACTIVE, api_domain_is_active},
    {REMOTE_DOMAIN_IS_PERSISTENT, api_domain_is_persistent},
    {REMOTE_DOMAIN_IS_UPDATED, api_domain_is_updated},
    {REMOTE_DOMAIN_GET_CONTROL_INFO, api_domain_get_control_info},
    {REMOTE_DOMAIN_GET_OS_TYPE, api_domain_get_os_type},
    {REMOTE_DOMAIN_GET_INFO, api_domain_get_info},
    {REMOTE_DOMAIN_GET_MAX_MEMORY, api_domain_get_max_memory},
    {REMOTE_DOMAIN_HAS_MANAGED_SAVE_IMAGE, api_domain_has_managed_save_image},
    {REMOTE_DOMAIN_SNAPSHOT_NUM, api_domain_snapshot_num},
    {REMOTE_DOMAIN_GET_SECURITY_LABEL, api_domain_get_security_label},
    {REMOTE_DOMAIN_GET_MESSAGES, api_domain_get_messages},
    {REMOTE_DOMAIN_GET_VCPUS_FLAGS, api_domain_get_vcpus_flags},
    {REMOTE_DOMAIN_GET_MAX_VCPUS, api_domain_get_max_vcpus},
    {REMOTE_DOMAIN_GET_VCPUS, api_domain_get_vcpus},
    /* documents */
    {REMOTE_DOMAIN_GET_XML_DESC, api_domain_get_xml_desc},
    {REMOTE_DOMAIN_GET_METADATA, api_domain_get_metadata},
    {REMOTE_DOMAIN_SET_METADATA, api_domain_set_metadata},
    /* counters and devices */
    {REMOTE_DOMAIN_BLOCK_STATS, api_domain_block_stats},
    {REMOTE_DOMAIN_BLOCK_STATS_FLAGS, api_domain_block_stats_flags},
    {REMOTE_DOMAIN_GET_BLOCK_INFO, api_domain_get_block_info},
    {REMOTE_DOMAIN_INTERFACE_STATS, api_domain_interface_stats},
    {REMOTE_DOMAIN_MEMORY_STATS, api_domain_memory_stats},
    {REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, api_connect_get_all_domain_stats},
    {REMOTE_DOMAIN_OPEN_CONSOLE, api_domain_open_console},
    /* migration and its job */
    {REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS, api_migrate_begin},
    {REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS, api_migrate_prepare},
    {REMOTE_DOMAIN_MIGRATE_PERFORM3_PARAMS, api_migrate_perform},
    {REMOTE_DOMAIN_MIGRATE_FINISH3_PARAMS, api_migrate_finish},
    {REMOTE_DOMAIN_MIGRATE_CONFIRM3_PARAMS, api_migrate_confirm},
    {REMOTE_DOMAIN_ABORT_JOB, api_job_abort},
    {REMOTE_DOMAIN_ABORT_JOB_FLAGS, api_job_abort_flags},
    {REMOTE_DOMAIN_MIGRATE_START_POST_COPY, api_job_start_postcopy},
    {REMOTE_DOMAIN_GET_JOB_INFO, api_job_get_info},
    {REMOTE_DOMAIN_GET_JOB_STATS, api_job_get_stats},
    {REMOTE_DOMAIN_MIGRATE_SET_MAX_SPEED, api_job_set_max_speed},
    {REMOTE_DOMAIN_MIGRATE_GET_MAX_SPEED, api_job_get_max_speed},
    {REMOTE_DOMAIN_MIGRATE_SET_MAX_DOWNTIME, api_job_set_max_downtime},
    {REMOTE_DOMAIN_MIGRATE_GET_MAX_DOWNTIME, api_job_get_max_downtime},
};

static const struct row qemu_rows[] = {
    {QEMU_DOMAIN_MONITOR_COMMAND, api_domain_monitor_command},
    {QEMU_MONITOR_EVENT_REGISTER, api_monitor_event_register},
    {QEMU_MONITOR_EVENT_DEREGISTER, api_monitor_event_deregister},
};

static const struct row peer_rows[] = {
    {PEER_HELLO, api_peer_hello},     {PEER_ASK, api_peer_ask},   {PEER_FINISH, api_peer_finish},
    {PEER_FIGURES, api_peer_figures}, {PEER_PING, api_peer_ping}, {PEER_RECOVER, api_peer_recover},
    {PEER_SETTLE, api_peer_settle},
};

static call_handler *find(const struct row *rows, size_t count, int32_t procedure)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].procedure == procedure)
            return rows[i].handler;
    return NULL;
}

call_handler *call_find_handler(uint32_t program, int32_t procedure)
{
    if (program == PROGRAM_REMOTE)
        return find(remote_rows, sizeof(remote_rows) / sizeof(remote_rows[0]), procedure);
    if (program == PROGRAM_QEMU)
        return find(qemu_rows, sizeof(qemu_rows) / sizeof(qemu_rows[0]), procedure);
    if (program == PROGRAM_PEER)
        return find(peer_rows, sizeof(peer_rows) / sizeof(peer_rows[0]), procedure);
    return NULL;
}
