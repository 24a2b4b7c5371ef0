/* parse_clock.c - <clock>: what the guest's clock shows at its start, and its timers.
 *
 * "adjustment" moves one that begins as utc or localtime, which makes it "variable"; 0 seconds for a
 * variable one without. "reset" says that the guest's own changes are not kept, as they never are here
 * for what is not variable.
 */
#include "domain/parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ZONE_MAX = 64 };

static bool tick_fits(const struct domain_timer *t)
{
    switch (t->tickpolicy) {
    case DOMAIN_TICK_ABSENT:
        return true;
    case DOMAIN_TICK_DELAY:
        return t->name == DOMAIN_TIMER_RTC || t->name == DOMAIN_TIMER_PIT;
    case DOMAIN_TICK_CATCHUP:
        return t->name == DOMAIN_TIMER_RTC;
    case DOMAIN_TICK_DISCARD:
        return t->name == DOMAIN_TIMER_PIT;
    }
    return false;
}

static int parse_timer(struct parse *p, const struct xml_node *n)
{
    const char *text;
    unsigned name = 0, present = 0, tick = 0, track = 0;
    uint64_t frequency = 0;
    if (parse_only(p, n, "name present tickpolicy track frequency", "") < 0 ||
        parse_required(p, n, "name", &text) < 0 ||
        parse_enum(p, n, "name", &names_timer, &name) < 0 ||
        parse_enum(p, n, "present", &names_yes_no, &present) < 0 ||
        parse_enum(p, n, "tickpolicy", &names_tick, &tick) < 0 ||
        parse_enum(p, n, "track", &names_track, &track) < 0 ||
        xml_get_u64(n, "frequency", 1, INT64_MAX, &frequency, p->fail) < 0)
        return -1;
    struct domain_timer timer = {.name = name,
                                 .present = present,
                                 .tickpolicy = tick,
                                 .track = track,
                                 .frequency = frequency};
    if (!tick_fits(&timer))
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "tickpolicy='%s' of timer '%s' is not supported", xml_get(n, "tickpolicy"),
                        text);
    if (track && name != DOMAIN_TIMER_RTC)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "attribute 'track' of timer '%s' is not supported", text);
    if (frequency && name != DOMAIN_TIMER_TSC)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "attribute 'frequency' of timer '%s' is not supported", text);
    for (size_t i = 0; i < p->d->clock.timer_count; i++)
        if (p->d->clock.timers[i].name == timer.name)
            return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: second timer '%s'", n->line,
                            text);
    struct domain_timer *slot = DOMAIN_PUSH(p->d, clock.timers, clock.timer_count, p->fail);
    if (!slot)
        return -1;
    *slot = timer;
    return 0;
}

static int parse_seconds(struct parse *p, const struct xml_node *n, const char *name, int64_t *ret_seconds)
{
    const char *text = xml_get(n, name);
    char *end;
    errno = 0;
    long long seconds = strtoll(text, &end, 10);
    if (errno || end == text || *end || !strchr("-0123456789", *text) ||
        seconds < -DOMAIN_SECONDS_MAX || seconds > DOMAIN_SECONDS_MAX)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: attribute '%s' of <clock>: '%.64s' is no number of seconds", n->line,
                        name, text);
    *ret_seconds = seconds;
    return 0;
}

static int parse_adjustment(struct parse *p, const struct xml_node *n, struct domain_clock *clock)
{
    bool variable = clock->offset == DOMAIN_CLOCK_VARIABLE;
    const char *text = xml_get(n, "adjustment");
    if (text && strcmp(text, "reset") == 0) {
        clock->reset = !variable;
        return 0;
    }
    if (!text)
        return 0;
    if (!variable) {
        clock->basis = clock->offset == DOMAIN_CLOCK_UTC ? DOMAIN_BASIS_UTC : DOMAIN_BASIS_LOCALTIME;
        clock->offset = DOMAIN_CLOCK_VARIABLE;
    }
    if (parse_seconds(p, n, "adjustment", &clock->adjustment) < 0)
        return -1;
    clock->adjustment_at_start = clock->adjustment;
    return p->live && xml_get(n, "adjustment0")
               ? parse_seconds(p, n, "adjustment0", &clock->adjustment_at_start)
               : 0;
}

/* Becomes a file's name below the host's folder of time zones. */
static int parse_zone(struct parse *p, const struct xml_node *n, struct domain_clock *clock)
{
    const char *zone = xml_get(n, "timezone");
    if (!zone)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "missing 'timezone' attribute for clock with offset='timezone'");
    size_t known = strspn(zone, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/");
    if (!*zone || zone[known] || *zone == '/' || known > ZONE_MAX)
        return parse_refuse_value(p, n, "timezone", zone);
    return parse_string(p, zone, &clock->timezone);
}

static int parse_start(struct parse *p, const struct xml_node *n, struct domain_clock *clock)
{
    int r = xml_get_u64(n, "start", 0, DOMAIN_SECONDS_MAX, &clock->start, p->fail);
    if (r == 0)
        fail_set(p->fail, VIR_ERR_XML_ERROR, "missing 'start' attribute for clock with offset='absolute'");
    return r > 0 ? 0 : -1;
}

static int parse_offset(struct parse *p, const struct xml_node *n, struct domain_clock *clock)
{
    static const char *const attributes[] = {
        [DOMAIN_CLOCK_UTC] = "offset adjustment basis",
        [DOMAIN_CLOCK_LOCALTIME] = "offset adjustment basis",
        [DOMAIN_CLOCK_VARIABLE] = "offset adjustment basis",
        [DOMAIN_CLOCK_TIMEZONE] = "offset timezone",
        [DOMAIN_CLOCK_ABSOLUTE] = "offset start",
    };
    unsigned offset = DOMAIN_CLOCK_UTC;
    if (parse_enum(p, n, "offset", &names_clock_offset, &offset) < 0)
        return -1;
    const char *known = p->live && offset == DOMAIN_CLOCK_VARIABLE ? "offset adjustment basis adjustment0"
                                                                   : attributes[offset];
    if (parse_only(p, n, known, "timer") < 0)
        return -1;
    unsigned basis = offset == DOMAIN_CLOCK_LOCALTIME ? DOMAIN_BASIS_LOCALTIME : DOMAIN_BASIS_UTC;
    clock->offset = offset;
    clock->basis = basis;
    if (parse_enum(p, n, "basis", &names_clock_basis, &basis) < 0)
        return -1;
    if (offset == DOMAIN_CLOCK_VARIABLE)
        clock->basis = basis;
    else if (basis != clock->basis)
        return parse_refuse_value(p, n, "basis", xml_get(n, "basis"));
    switch (clock->offset) {
    case DOMAIN_CLOCK_UTC:
    case DOMAIN_CLOCK_LOCALTIME:
    case DOMAIN_CLOCK_VARIABLE:
        return parse_adjustment(p, n, clock);
    case DOMAIN_CLOCK_TIMEZONE:
        return parse_zone(p, n, clock);
    case DOMAIN_CLOCK_ABSOLUTE:
        return parse_start(p, n, clock);
    }
    return 0;
}

int parse_clock(struct parse *p, const struct xml_node *n)
{
    if (parse_offset(p, n, &p->d->clock) < 0)
        return -1;
    for (const struct xml_node *c = xml_first_element(n); c; c = xml_next_element(c))
        if (parse_timer(p, c) < 0)
            return -1;
    return 0;
}
