/* remote_numbers.h - the procedures of libvirt's remote and qemu programs that Baton serves, calls
 * or sends. Beside each number: the structures (remote.h) of its arguments -> its result; of an
 * event, its payload.
 */
#pragma once

enum remote_procedure {
    REMOTE_CONNECT_OPEN = 1,                    /* remote_open -> */
    REMOTE_CONNECT_CLOSE = 2,                   /* -> */
    REMOTE_CONNECT_GET_TYPE = 3,                /* -> remote_string */
    REMOTE_CONNECT_GET_VERSION = 4,             /* -> remote_u64 */
    REMOTE_CONNECT_GET_MAX_VCPUS = 5,           /* remote_optional_string (type) -> remote_int */
    REMOTE_NODE_GET_INFO = 6,                   /* -> remote_node_info */
    REMOTE_CONNECT_GET_CAPABILITIES = 7,        /* -> remote_string */
    REMOTE_DOMAIN_CREATE = 9,                   /* remote_domain -> */
    REMOTE_DOMAIN_CREATE_XML = 10,              /* remote_xml_flags -> remote_domain */
    REMOTE_DOMAIN_DEFINE_XML = 11,              /* remote_string (xml) -> remote_domain */
    REMOTE_DOMAIN_DESTROY = 12,                 /* remote_domain -> */
    REMOTE_DOMAIN_GET_XML_DESC = 14,            /* remote_domain_flags -> remote_string */
    REMOTE_DOMAIN_GET_AUTOSTART = 15,           /* remote_domain -> remote_int */
    REMOTE_DOMAIN_GET_INFO = 16,                /* remote_domain -> remote_domain_info */
    REMOTE_DOMAIN_GET_MAX_MEMORY = 17,          /* remote_domain -> remote_u64 (KiB) */
    REMOTE_DOMAIN_GET_MAX_VCPUS = 18,           /* remote_domain -> remote_int */
    REMOTE_DOMAIN_GET_OS_TYPE = 19,             /* remote_domain -> remote_string */
    REMOTE_DOMAIN_GET_VCPUS = 20,               /* remote_vcpus_args -> remote_vcpus */
    REMOTE_CONNECT_LIST_DEFINED_DOMAINS = 21,   /* remote_int (max) -> remote_names */
    REMOTE_DOMAIN_LOOKUP_BY_ID = 22,            /* remote_int -> remote_domain */
    REMOTE_DOMAIN_LOOKUP_BY_NAME = 23,          /* remote_string -> remote_domain */
    REMOTE_DOMAIN_LOOKUP_BY_UUID = 24,          /* remote_uuid -> remote_domain */
    REMOTE_CONNECT_NUM_OF_DEFINED_DOMAINS = 25, /* -> remote_int */
    REMOTE_DOMAIN_REBOOT = 27,                  /* remote_domain_flags -> */
    REMOTE_DOMAIN_RESUME = 28,                  /* remote_domain -> */
    REMOTE_DOMAIN_SET_AUTOSTART = 29,           /* remote_domain_int -> */
    REMOTE_DOMAIN_SHUTDOWN = 33,                /* remote_domain -> */
    REMOTE_DOMAIN_SUSPEND = 34,                 /* remote_domain -> */
    REMOTE_DOMAIN_UNDEFINE = 35,                /* remote_domain -> */
    REMOTE_CONNECT_LIST_DOMAINS = 37,           /* remote_int (max) -> remote_ids */
    REMOTE_CONNECT_NUM_OF_DOMAINS = 51,         /* -> remote_int */
    REMOTE_CONNECT_GET_HOSTNAME = 59,           /* -> remote_string */
    REMOTE_CONNECT_SUPPORTS_FEATURE = 60,       /* remote_int -> remote_int */
    REMOTE_DOMAIN_BLOCK_STATS = 64,             /* remote_domain_string -> remote_block_stats */
    REMOTE_DOMAIN_INTERFACE_STATS = 65,         /* remote_domain_string -> remote_interface_stats */
    REMOTE_AUTH_LIST = 66,                      /* -> remote_auth_types */
    REMOTE_AUTH_POLKIT = 70,                    /* -> remote_int */
    REMOTE_NODE_GET_CELLS_FREE_MEMORY = 101,    /* remote_cells_args -> remote_cells */
    REMOTE_NODE_GET_FREE_MEMORY = 102,          /* -> remote_u64 (bytes) */
    REMOTE_CONNECT_GET_URI = 110,               /* -> remote_string */
    REMOTE_DOMAIN_GET_SECURITY_LABEL = 121,     /* remote_domain -> remote_security_label */
    REMOTE_NODE_GET_SECURITY_MODEL = 122,       /* -> remote_security_model */
    REMOTE_CONNECT_IS_SECURE = 149,             /* -> remote_int */
    REMOTE_DOMAIN_IS_ACTIVE = 150,              /* remote_domain -> remote_int */
    REMOTE_DOMAIN_IS_PERSISTENT = 151,          /* remote_domain -> remote_int */
    REMOTE_CONNECT_GET_LIB_VERSION = 157,       /* -> remote_u64 */
    REMOTE_DOMAIN_MEMORY_STATS = 159, /* remote_memory_stats_args -> remote_memory_stats */
    REMOTE_DOMAIN_GET_JOB_INFO = 163, /* remote_domain -> remote_job_info */
    REMOTE_DOMAIN_ABORT_JOB = 164,    /* remote_domain -> */
    REMOTE_DOMAIN_MIGRATE_SET_MAX_DOWNTIME = 166, /* remote_domain_u64_flags (ms) -> */
    REMOTE_DOMAIN_HAS_MANAGED_SAVE_IMAGE = 183,   /* remote_domain_flags -> remote_int */
    REMOTE_DOMAIN_SNAPSHOT_NUM = 187,             /* remote_domain_flags -> remote_int */
    REMOTE_DOMAIN_GET_BLOCK_INFO = 194,        /* remote_domain_string_flags -> remote_block_info */
    REMOTE_DOMAIN_CREATE_WITH_FLAGS = 196,     /* remote_domain_flags -> remote_domain */
    REMOTE_DOMAIN_SET_VCPUS_FLAGS = 199,       /* remote_set_vcpus -> */
    REMOTE_DOMAIN_GET_VCPUS_FLAGS = 200,       /* remote_domain_flags -> remote_int */
    REMOTE_DOMAIN_OPEN_CONSOLE = 201,          /* remote_open_device -> ; a stream */
    REMOTE_DOMAIN_IS_UPDATED = 202,            /* remote_domain -> remote_int */
    REMOTE_DOMAIN_MIGRATE_SET_MAX_SPEED = 207, /* remote_domain_u64_flags (MiB/s) -> */
    REMOTE_DOMAIN_GET_STATE = 212,             /* remote_domain_flags -> remote_state */
    REMOTE_DOMAIN_GET_CONTROL_INFO = 229,      /* remote_domain_flags -> remote_control_info */
    REMOTE_DOMAIN_UNDEFINE_FLAGS = 231,        /* remote_domain_flags -> */
    REMOTE_DOMAIN_DESTROY_FLAGS = 234,         /* remote_domain_flags -> */
    REMOTE_DOMAIN_MIGRATE_GET_MAX_SPEED = 242, /* remote_domain_flags -> remote_u64 */
    REMOTE_DOMAIN_BLOCK_STATS_FLAGS = 243, /* remote_block_stats_args -> remote_counted_params */
    REMOTE_DOMAIN_RESET = 245,             /* remote_domain_flags -> */
    REMOTE_DOMAIN_SHUTDOWN_FLAGS = 258,    /* remote_domain_flags -> */
    REMOTE_DOMAIN_SET_METADATA = 264,      /* remote_set_metadata -> */
    REMOTE_DOMAIN_GET_METADATA = 265,      /* remote_get_metadata -> remote_string */
    REMOTE_CONNECT_LIST_ALL_DOMAINS = 273, /* remote_list_args -> remote_list */
    REMOTE_NODE_GET_CPU_MAP = 293,         /* remote_cpu_map_args -> remote_cpu_map */
    REMOTE_DOMAIN_GET_JOB_STATS = 298,     /* remote_domain_flags -> remote_job_stats */
    REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS = 302,   /* remote_begin_args -> remote_begin_ret */
    REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS = 303, /* remote_prepare_args -> remote_prepare_ret */
    REMOTE_DOMAIN_MIGRATE_PERFORM3_PARAMS = 305, /* remote_perform_args -> remote_perform_ret */
    REMOTE_DOMAIN_MIGRATE_FINISH3_PARAMS = 306,  /* remote_finish_args -> remote_finish_ret */
    REMOTE_DOMAIN_MIGRATE_CONFIRM3_PARAMS = 307, /* remote_confirm_args -> */
    REMOTE_EVENT_REGISTER = 316,        /* remote_event_register -> remote_int (callback id) */
    REMOTE_EVENT_DEREGISTER = 317,      /* remote_int (callback id) -> */
    REMOTE_EVENT_LIFECYCLE = 318,       /* remote_event_lifecycle */
    REMOTE_EVENT_REBOOT = 319,          /* remote_event */
    REMOTE_EVENT_RTC_CHANGE = 320,      /* remote_event_i64 (offset) */
    REMOTE_EVENT_WATCHDOG = 321,        /* remote_event_int (action) */
    REMOTE_EVENT_IO_ERROR = 322,        /* remote_event_io_error */
    REMOTE_EVENT_IO_ERROR_REASON = 324, /* remote_event_io_error_reason */
    REMOTE_EVENT_CONTROL_ERROR = 325,   /* remote_event */
    REMOTE_EVENT_BLOCK_JOB = 326,       /* remote_event_block_job */
    REMOTE_EVENT_BALLOON_CHANGE = 331,  /* remote_event_u64 (KiB) */
    REMOTE_EVENT_DEVICE_REMOVED = 333,  /* remote_event_string (alias) */
    REMOTE_CONNECT_GET_DOMAIN_CAPABILITIES = 342,   /* remote_domain_caps_args -> remote_string */
    REMOTE_CONNECT_GET_ALL_DOMAIN_STATS = 344,      /* remote_stats_args -> remote_stats */
    REMOTE_EVENT_AGENT_LIFECYCLE = 348,             /* remote_event_agent */
    REMOTE_DOMAIN_DEFINE_XML_FLAGS = 350,           /* remote_xml_flags -> remote_domain */
    REMOTE_EVENT_MIGRATION_ITERATION = 359,         /* remote_event_int (iteration) */
    REMOTE_CONNECT_REGISTER_CLOSE_CALLBACK = 360,   /* -> */
    REMOTE_CONNECT_UNREGISTER_CLOSE_CALLBACK = 361, /* -> */
    REMOTE_EVENT_CONNECTION_CLOSED = 362,           /* remote_int (reason) */
    REMOTE_EVENT_JOB_COMPLETED = 363,               /* remote_event_params */
    REMOTE_DOMAIN_MIGRATE_START_POST_COPY = 364,    /* remote_domain_flags -> */
    REMOTE_EVENT_METADATA_CHANGE = 379,             /* remote_event_metadata */
    REMOTE_DOMAIN_MIGRATE_GET_MAX_DOWNTIME = 387,   /* remote_domain_flags -> remote_u64 (ms) */
    REMOTE_DOMAIN_GET_MESSAGES = 426,               /* remote_domain_flags -> remote_messages */
    REMOTE_DOMAIN_ABORT_JOB_FLAGS = 442,            /* remote_domain_flags -> */
};

enum qemu_procedure {
    QEMU_DOMAIN_MONITOR_COMMAND = 1, /* remote_monitor_command -> remote_string */
    QEMU_MONITOR_EVENT_REGISTER = 4, /* remote_monitor_event_register -> remote_int (callback id) */
    QEMU_MONITOR_EVENT_DEREGISTER = 5, /* remote_int (callback id) -> */
    QEMU_MONITOR_EVENT = 6,            /* remote_monitor_event */
};

/* What CONNECT_SUPPORTS_FEATURE asks for. */
enum remote_feature {
    REMOTE_FEATURE_MIGRATION_V1 = 1,
    REMOTE_FEATURE_REMOTE = 2,
    REMOTE_FEATURE_MIGRATION_V2 = 3,
    REMOTE_FEATURE_MIGRATION_P2P = 4,
    REMOTE_FEATURE_MIGRATION_DIRECT = 5,
    REMOTE_FEATURE_MIGRATION_V3 = 6,
    REMOTE_FEATURE_CHANGE_PROTECTION = 7,
    REMOTE_FEATURE_FD_PASSING = 8,
    REMOTE_FEATURE_TYPED_PARAM_STRING = 9,
    REMOTE_FEATURE_PROGRAM_KEEPALIVE = 10,
    REMOTE_FEATURE_XML_MIGRATABLE = 11,
    REMOTE_FEATURE_MIGRATION_OFFLINE = 12,
    REMOTE_FEATURE_MIGRATION_PARAMS = 13,
    REMOTE_FEATURE_EVENT_CALLBACK = 14,
    REMOTE_FEATURE_CLOSE_CALLBACK = 15,
    REMOTE_FEATURE_NETWORK_UPDATE_ORDER = 16,
};
