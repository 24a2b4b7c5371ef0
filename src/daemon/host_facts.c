/* host_facts.c - files of /proc and /sys, read at the moment of the question. */
#include "daemon/host_facts.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "io/file.h"
#include "util/buffer.h"

enum { TEXT_MAX = 16 * 1024 * 1024 /* /proc/cpuinfo has 1.5 KiB for each processor */ };

/* The whole file, ended by zero. False when there is none. */
static bool read_text(const char *path, struct buffer *ret_text)
{
    ret_text->end = ret_text->start;
    return file_read(path, TEXT_MAX, ret_text, NULL) == 0 && buffer_append(ret_text, "", 1) == 0;
}

static const char *text_of(const struct buffer *b)
{
    return (const char *)buffer_bytes(b);
}

/* ---- "0-3,8" --------------------------------------------------------------------------------- */

typedef void range_fn(unsigned first, unsigned last, void *userdata);

static void walk_list(const char *list, range_fn *range, void *userdata)
{
    while (isdigit((unsigned char)*list)) {
        char *rest;
        unsigned long first = strtoul(list, &rest, 10), last = first;
        if (*rest == '-')
            last = strtoul(rest + 1, &rest, 10);
        if (first <= last && last < HOST_CPUS_MAX)
            range((unsigned)first, (unsigned)last, userdata);
        list = *rest == ',' ? rest + 1 : "";
    }
}

static void mark_online(unsigned first, unsigned last, void *userdata)
{
    struct host_map *map = userdata;
    for (unsigned i = first; i <= last; i++)
        map->online[i / 8] |= (uint8_t)(1 << i % 8);
    map->online_count += last - first + 1;
}

static void mark_present(unsigned first, unsigned last, void *userdata)
{
    struct host_map *map = userdata;
    (void)first;
    if (last >= map->present)
        map->present = last + 1;
}

int host_facts_read_map(struct host_map *ret_map, struct fail *f)
{
    struct buffer text = {0};
    *ret_map = (struct host_map){0};
    if (read_text("/sys/devices/system/cpu/online", &text))
        walk_list(text_of(&text), mark_online, ret_map);
    if (read_text("/sys/devices/system/cpu/present", &text))
        walk_list(text_of(&text), mark_present, ret_map);
    buffer_free(&text);
    if (ret_map->online_count && ret_map->present)
        return 0;
    return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                    "/sys/devices/system/cpu does not say which processors there are");
}

/* ---- cells ----------------------------------------------------------------------------------- */

static bool read_cell_file(unsigned cell, const char *name, struct buffer *ret_text)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/%s", cell, name);
    return read_text(path, ret_text);
}

struct cells {
    struct host_info *host;
    struct fail *fail;
    int result;
};

static void add_cells(unsigned first, unsigned last, void *userdata)
{
    struct cells *cells = userdata;
    struct buffer cpus = {0}, memory = {0};
    for (unsigned i = first; i <= last && cells->result == 0; i++)
        if (read_cell_file(i, "cpulist", &cpus) && read_cell_file(i, "meminfo", &memory))
            cells->result =
                host_info_add_cell(cells->host, i, text_of(&cpus), text_of(&memory), cells->fail);
    buffer_free(&cpus);
    buffer_free(&memory);
}

static int read_cells(struct host_info *host, struct buffer *text, struct fail *f)
{
    struct cells cells = {.host = host, .fail = f};
    if (read_text("/sys/devices/system/node/online", text))
        walk_list(text_of(text), add_cells, &cells);
    if (cells.result < 0 || host->cell_count)
        return cells.result;
    if (!read_text("/proc/meminfo", text))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "/proc/meminfo can't be read");
    return host_info_add_cell(host, 0, NULL, text_of(text), f);
}

/* A folder for each size: "hugepages-2048kB". */
static void read_page_sizes(struct host_info *host)
{
    host_info_add_page_size(host, (unsigned)(sysconf(_SC_PAGESIZE) / 1024));
    DIR *folder = opendir("/sys/kernel/mm/hugepages");
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        unsigned kib;
        if (sscanf(entry->d_name, "hugepages-%ukB", &kib) == 1)
            host_info_add_page_size(host, kib);
    }
    if (folder)
        closedir(folder);
}

int host_facts_read(struct host_info *ret_host, struct fail *f)
{
    struct utsname names;
    struct buffer text = {0};
    if (uname(&names) < 0 || host_info_init(ret_host, names.machine, f) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "ask for the host's architecture");
    int r = read_text("/proc/cpuinfo", &text)
                ? host_info_parse_cpuinfo(ret_host, text_of(&text), f)
                : fail_set(f, VIR_ERR_INTERNAL_ERROR, "/proc/cpuinfo can't be read");
    if (r == 0)
        r = read_cells(ret_host, &text, f);
    if (r == 0)
        read_page_sizes(ret_host);
    buffer_free(&text);
    if (r < 0)
        host_info_free(ret_host);
    return r;
}

/* ---- free memory ----------------------------------------------------------------------------- */

/* "MemFree:  123 kB", in a node's file with "Node 0 " in front. */
static bool find_size(const char *meminfo, const char *name, uint64_t *ret_bytes)
{
    const char *at = strstr(meminfo, name);
    if (!at)
        return false;
    *ret_bytes = strtoull(at + strlen(name), NULL, 10) * 1024;
    return true;
}

bool host_facts_free_memory(unsigned cell, uint64_t *ret_bytes)
{
    struct buffer text = {0};
    bool found = (read_cell_file(cell, "meminfo", &text) ||
                  (cell == 0 && read_text("/proc/meminfo", &text))) &&
                 find_size(text_of(&text), "MemFree:", ret_bytes);
    buffer_free(&text);
    return found;
}

uint64_t host_facts_all_free_memory(void)
{
    return (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool host_facts_available_memory(uint64_t *ret_bytes)
{
    struct buffer text = {0};
    uint64_t free_now, swap;
    bool found = read_text("/proc/meminfo", &text) &&
                 find_size(text_of(&text), "MemAvailable:", &free_now) &&
                 find_size(text_of(&text), "SwapFree:", &swap);
    if (found)
        *ret_bytes = free_now + swap;
    buffer_free(&text);
    return found;
}
