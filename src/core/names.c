/* names.c - every event, action, result and state by its name, for traces and logs. */
#include "core/core.h"
#include <stddef.h>

#define NAME(name) #name,
#define TABLE(function, type, count, list)                                                         \
    const char *function(enum type value)                                                          \
    {                                                                                              \
        static const char *const names[] = {list};                                                 \
        _Static_assert(sizeof(names) / sizeof(names[0]) == (count), "a name for each");            \
        return (unsigned)value < (count) ? names[value] : "?";                                     \
    }

TABLE(core_event_name, core_event_type, EV_COUNT,
      CORE_OUTGOING_EVENTS(NAME) CORE_INCOMING_EVENTS(NAME) CORE_SHARED_EVENTS(NAME))
TABLE(core_action_name, core_action_type, ACT_COUNT, CORE_ACTIONS(NAME))
TABLE(core_call_name, core_call, CALL_COUNT, CORE_CALLS(NAME))
TABLE(core_result_name, core_result, RESULT_COUNT, CORE_RESULTS(NAME))
TABLE(core_incident_name, core_incident, INCIDENT_COUNT, CORE_INCIDENTS(NAME))
TABLE(life_phase_name, life_phase, LIFE_COUNT, LIFE_PHASES(NAME))
TABLE(out_state_name, out_state, OUT_COUNT, OUT_STATES(NAME))
TABLE(in_state_name, in_state, IN_COUNT, IN_STATES(NAME))

/* Details and reasons count from 0 for each event and state: the number alone names nothing. */
struct pair {
    uint8_t first, second;
    const char *name;
};

static const char *find_pair(const struct pair *pairs, size_t count, unsigned first, unsigned second)
{
    for (size_t i = 0; i < count; i++)
        if (pairs[i].first == first && pairs[i].second == second)
            return pairs[i].name;
    return "?";
}

const char *core_told_name(enum core_told told, enum core_detail detail)
{
    static const struct pair pairs[] = {
        {TOLD_STARTED, STARTED_BOOTED, "STARTED/BOOTED"},
        {TOLD_STARTED, STARTED_MIGRATED, "STARTED/MIGRATED"},
        {TOLD_SUSPENDED, SUSPENDED_PAUSED, "SUSPENDED/PAUSED"},
        {TOLD_SUSPENDED, SUSPENDED_MIGRATED, "SUSPENDED/MIGRATED"},
        {TOLD_SUSPENDED, SUSPENDED_IOERROR, "SUSPENDED/IOERROR"},
        {TOLD_SUSPENDED, SUSPENDED_API_ERROR, "SUSPENDED/API_ERROR"},
        {TOLD_SUSPENDED, SUSPENDED_POSTCOPY, "SUSPENDED/POSTCOPY"},
        {TOLD_SUSPENDED, SUSPENDED_POSTCOPY_FAILED, "SUSPENDED/POSTCOPY_FAILED"},
        {TOLD_RESUMED, RESUMED_UNPAUSED, "RESUMED/UNPAUSED"},
        {TOLD_RESUMED, RESUMED_MIGRATED, "RESUMED/MIGRATED"},
        {TOLD_RESUMED, RESUMED_POSTCOPY, "RESUMED/POSTCOPY"},
        {TOLD_RESUMED, RESUMED_POSTCOPY_FAILED, "RESUMED/POSTCOPY_FAILED"},
        {TOLD_STOPPED, STOPPED_SHUTDOWN, "STOPPED/SHUTDOWN"},
        {TOLD_STOPPED, STOPPED_DESTROYED, "STOPPED/DESTROYED"},
        {TOLD_STOPPED, STOPPED_CRASHED, "STOPPED/CRASHED"},
        {TOLD_STOPPED, STOPPED_MIGRATED, "STOPPED/MIGRATED"},
        {TOLD_STOPPED, STOPPED_FAILED, "STOPPED/FAILED"},
        {TOLD_SHUTDOWN, SHUTDOWN_FINISHED, "SHUTDOWN/FINISHED"},
        {TOLD_SHUTDOWN, SHUTDOWN_GUEST, "SHUTDOWN/GUEST"},
        {TOLD_SHUTDOWN, SHUTDOWN_HOST, "SHUTDOWN/HOST"},
    };
    return find_pair(pairs, sizeof(pairs) / sizeof(pairs[0]), told, detail);
}

const char *core_state_name(enum core_state state, enum core_reason reason)
{
    static const struct pair pairs[] = {
        {CORE_RUNNING, REASON_UNKNOWN, "RUNNING/UNKNOWN"},
        {CORE_RUNNING, RUNNING_BOOTED, "RUNNING/BOOTED"},
        {CORE_RUNNING, RUNNING_MIGRATED, "RUNNING/MIGRATED"},
        {CORE_RUNNING, RUNNING_UNPAUSED, "RUNNING/UNPAUSED"},
        {CORE_RUNNING, RUNNING_MIGRATION_CANCELED, "RUNNING/MIGRATION_CANCELED"},
        {CORE_RUNNING, RUNNING_POSTCOPY, "RUNNING/POSTCOPY"},
        {CORE_RUNNING, RUNNING_POSTCOPY_FAILED, "RUNNING/POSTCOPY_FAILED"},
        {CORE_PAUSED, REASON_UNKNOWN, "PAUSED/UNKNOWN"},
        {CORE_PAUSED, PAUSED_USER, "PAUSED/USER"},
        {CORE_PAUSED, PAUSED_MIGRATION, "PAUSED/MIGRATION"},
        {CORE_PAUSED, PAUSED_IOERROR, "PAUSED/IOERROR"},
        {CORE_PAUSED, PAUSED_STARTING_UP, "PAUSED/STARTING_UP"},
        {CORE_PAUSED, PAUSED_POSTCOPY, "PAUSED/POSTCOPY"},
        {CORE_PAUSED, PAUSED_POSTCOPY_FAILED, "PAUSED/POSTCOPY_FAILED"},
        {CORE_PAUSED, PAUSED_API_ERROR, "PAUSED/API_ERROR"},
        {CORE_SHUTDOWN, SHUTDOWN_USER, "SHUTDOWN/USER"},
        {CORE_SHUTOFF, SHUTOFF_UNKNOWN, "SHUTOFF/UNKNOWN"},
        {CORE_SHUTOFF, SHUTOFF_SHUTDOWN, "SHUTOFF/SHUTDOWN"},
        {CORE_SHUTOFF, SHUTOFF_DESTROYED, "SHUTOFF/DESTROYED"},
        {CORE_SHUTOFF, SHUTOFF_CRASHED, "SHUTOFF/CRASHED"},
        {CORE_SHUTOFF, SHUTOFF_MIGRATED, "SHUTOFF/MIGRATED"},
        {CORE_SHUTOFF, SHUTOFF_FAILED, "SHUTOFF/FAILED"},
    };
    return find_pair(pairs, sizeof(pairs) / sizeof(pairs[0]), state, reason);
}
