/* api.h - the handlers of the procedures, by family. dispatch.c has the table. */
#pragma once
#include "daemon/call.h"

/* ---- api_connect.c: the connection and the host ---- */
call_handler api_auth_list;
call_handler api_connect_open;
call_handler api_connect_close;
call_handler api_connect_supports_feature;
call_handler api_connect_get_type;
call_handler api_connect_get_version;
call_handler api_connect_get_lib_version;
call_handler api_connect_get_hostname;
call_handler api_connect_get_uri;
call_handler api_connect_is_secure;
call_handler api_connect_register_close_callback;
call_handler api_connect_unregister_close_callback;

/* ---- api_node.c: the host and what it can do ---- */
call_handler api_node_get_info;
call_handler api_node_get_cpu_map;
call_handler api_node_get_free_memory;
call_handler api_node_get_cells_free_memory;
call_handler api_node_get_security_model;
call_handler api_connect_get_max_vcpus;
call_handler api_connect_get_capabilities;
call_handler api_connect_get_domain_capabilities;

/* ---- api_list.c: which guests there are ---- */
call_handler api_connect_list_all_domains;
call_handler api_connect_list_domains;
call_handler api_connect_num_of_domains;
call_handler api_connect_list_defined_domains;
call_handler api_connect_num_of_defined_domains;
call_handler api_domain_lookup_by_id;
call_handler api_domain_lookup_by_name;
call_handler api_domain_lookup_by_uuid;
/* Does the guest match these virConnectListAllDomainsFlags? */
bool api_list_matches(const struct guest *g, unsigned flags);
/* All of those flags that there are. */
unsigned api_list_flags(void);

/* ---- api_event.c: who wants to hear what ---- */
call_handler api_event_register;
call_handler api_event_deregister;
call_handler api_monitor_event_register;
call_handler api_monitor_event_deregister;

/* ---- console.c ---- */
call_handler api_domain_open_console;

/* ---- api_domain_life.c: starting, pausing, ending ---- */
call_handler api_domain_create;
call_handler api_domain_create_with_flags;
call_handler api_domain_create_xml;
call_handler api_domain_suspend;
call_handler api_domain_resume;
call_handler api_domain_destroy;
call_handler api_domain_destroy_flags;
call_handler api_domain_shutdown;
call_handler api_domain_shutdown_flags;
call_handler api_domain_reboot;
call_handler api_domain_reset;

/* ---- api_domain_define.c: definitions ---- */
call_handler api_domain_define_xml;
call_handler api_domain_define_xml_flags;
call_handler api_domain_undefine;
call_handler api_domain_undefine_flags;
call_handler api_domain_get_autostart;
call_handler api_domain_set_autostart;

/* ---- api_domain_info.c: short questions ---- */
call_handler api_domain_get_state;
call_handler api_domain_is_active;
call_handler api_domain_is_persistent;
call_handler api_domain_is_updated;
call_handler api_domain_get_control_info;
call_handler api_domain_get_os_type;
call_handler api_domain_get_info;
call_handler api_domain_get_max_memory;
call_handler api_domain_has_managed_save_image;
call_handler api_domain_snapshot_num;
call_handler api_domain_get_security_label;
call_handler api_domain_get_messages;

/* ---- api_domain_vcpu.c ---- */
call_handler api_domain_get_vcpus_flags;
call_handler api_domain_get_max_vcpus;
call_handler api_domain_get_vcpus;

/* ---- api_domain_xml.c, api_domain_metadata.c: the document ---- */
call_handler api_domain_get_xml_desc;
call_handler api_domain_get_metadata;
call_handler api_domain_set_metadata;

/* ---- api_domain_device.c, api_domain_stats.c: counters ---- */
call_handler api_domain_block_stats;
call_handler api_domain_block_stats_flags;
call_handler api_domain_get_block_info;
call_handler api_domain_interface_stats;
call_handler api_domain_memory_stats;
call_handler api_connect_get_all_domain_stats;

/* ---- api_domain_monitor.c: the qemu program ---- */
call_handler api_domain_monitor_command;
