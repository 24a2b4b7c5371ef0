/* host.c - reading /proc/cpuinfo, /proc/meminfo and the NUMA nodes' texts. */
#include "domain/host.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_ARENA_MAX = 1 << 20 };

int host_info_init(struct host_info *host, const char *arch, struct fail *f)
{
    *host = (struct host_info){0};
    arena_init(&host->arena, HOST_ARENA_MAX);
    host->arch = arena_strdup(&host->arena, arch);
    host->cpus = arena_array(&host->arena, HOST_CPUS_MAX, sizeof(*host->cpus));
    host->cells = arena_array(&host->arena, HOST_CELLS_MAX, sizeof(*host->cells));
    if (host->arch && host->cpus && host->cells)
        return 0;
    host_info_free(host);
    return fail_set(f, VIR_ERR_NO_MEMORY, "host: no memory");
}

void host_info_free(struct host_info *host)
{
    arena_free(&host->arena);
    *host = (struct host_info){0};
}

/* ---- /proc/cpuinfo: "key<tabs>: value" lines, an empty line after each processor ---- */

/* The value when `line` begins with `key`; NULL otherwise. */
static const char *line_value(const char *line, const char *key)
{
    size_t length = strlen(key);
    if (strncmp(line, key, length) != 0)
        return NULL;
    line += length;
    line += strspn(line, " \t");
    return *line == ':' ? line + 1 + strspn(line + 1, " \t") : NULL;
}

static bool read_number(const char *text, unsigned *ret_number)
{
    if (!text || !isdigit((unsigned char)*text))
        return false;
    unsigned long number = strtoul(text, NULL, 10);
    if (number > INT32_MAX)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

static void read_vendor(struct host_info *host, const char *value)
{
    if (!strncmp(value, "AuthenticAMD", 12))
        host->vendor = "AMD";
    else if (!strncmp(value, "GenuineIntel", 12))
        host->vendor = "Intel";
}

static void read_signature(struct host_info *host, const char *line)
{
    const char *value;
    if ((value = line_value(line, "cpu family")))
        host->has_signature = read_number(value, &host->family);
    else if ((value = line_value(line, "model")))
        (void)read_number(value, &host->model);
    else if ((value = line_value(line, "stepping")))
        (void)read_number(value, &host->stepping);
    else if ((value = line_value(line, "microcode")) && strncmp(value, "0x", 2) == 0)
        host->microcode = (unsigned)strtoul(value, NULL, 16);
    else if ((value = line_value(line, "address sizes")))
        (void)read_number(value, &host->physical_bits);
}

static void read_cpu_line(struct host_info *host, struct host_cpu *cpu, const char *line)
{
    const char *value;
    if ((value = line_value(line, "physical id")))
        (void)read_number(value, &cpu->socket); /* absent or odd: 0, as for one socket */
    else if ((value = line_value(line, "core id")))
        (void)read_number(value, &cpu->core);
    else if ((value = line_value(line, "cpu MHz")) && !host->mhz)
        (void)read_number(value, &host->mhz);
    else if ((value = line_value(line, "vendor_id")))
        read_vendor(host, value);
    else if (host->cpu_count == 1)
        read_signature(host, line);
}

int host_info_parse_cpuinfo(struct host_info *host, const char *cpuinfo, struct fail *f)
{
    struct host_cpu *cpu = NULL;
    for (const char *line = cpuinfo; *line;) {
        unsigned id;
        if (read_number(line_value(line, "processor"), &id)) {
            if (host->cpu_count == HOST_CPUS_MAX)
                return fail_set(f, VIR_ERR_INTERNAL_ERROR, "host: more than %d processors",
                                HOST_CPUS_MAX);
            cpu = &host->cpus[host->cpu_count++];
            *cpu = (struct host_cpu){.id = id, .core = id};
        } else if (cpu) {
            read_cpu_line(host, cpu, line);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    if (!host->cpu_count)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "host: no processor in /proc/cpuinfo");
    return 0;
}

void host_info_add_page_size(struct host_info *host, unsigned kib)
{
    size_t at = 0;
    while (at < host->page_size_count && host->page_kib[at] < kib)
        at++;
    bool known = at < host->page_size_count && host->page_kib[at] == kib;
    if (!kib || known || host->page_size_count == HOST_PAGE_SIZES_MAX)
        return;
    for (size_t i = host->page_size_count++; i > at; i--)
        host->page_kib[i] = host->page_kib[i - 1];
    host->page_kib[at] = kib;
}

/* ---- cells ---- */

/* "MemTotal:  4810964 kB", with "Node 0 " in front in a node's file. */
static bool read_memory(const char *meminfo, uint64_t *ret_kib)
{
    const char *line = strstr(meminfo, "MemTotal:");
    if (!line)
        return false;
    line += strlen("MemTotal:");
    line += strspn(line, " \t");
    if (!isdigit((unsigned char)*line))
        return false;
    *ret_kib = strtoull(line, NULL, 10);
    return true;
}

static void claim_cpus(struct host_info *host, unsigned cell, unsigned first, unsigned last)
{
    for (size_t i = 0; i < host->cpu_count; i++)
        if (host->cpus[i].id >= first && host->cpus[i].id <= last)
            host->cpus[i].cell = cell;
}

/* "0-3,8" */
static bool read_cpulist(struct host_info *host, unsigned cell, const char *list)
{
    while (*list && *list != '\n') {
        unsigned first, last;
        if (!read_number(list, &first))
            return false;
        list += strspn(list, "0123456789");
        last = first;
        if (*list == '-') {
            if (!read_number(++list, &last) || last < first)
                return false;
            list += strspn(list, "0123456789");
        }
        claim_cpus(host, cell, first, last);
        if (*list == ',')
            list++;
        else if (*list && *list != '\n')
            return false;
    }
    return true;
}

int host_info_add_cell(struct host_info *host, unsigned id, const char *cpulist,
                       const char *meminfo, struct fail *f)
{
    uint64_t memory = 0;
    if (host->cell_count == HOST_CELLS_MAX)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "host: more than %d NUMA cells", HOST_CELLS_MAX);
    if (!read_memory(meminfo, &memory))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "host: no memory size of NUMA cell %u", id);
    if (cpulist ? !read_cpulist(host, id, cpulist) : false)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "host: no list of processors of NUMA cell %u",
                        id);
    if (!cpulist)
        claim_cpus(host, id, 0, UINT32_MAX);
    host->cells[host->cell_count++] = (struct host_cell){.id = id, .memory_kib = memory};
    return 0;
}

uint64_t host_info_memory_kib(const struct host_info *host)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < host->cell_count; i++)
        sum += host->cells[i].memory_kib;
    return sum;
}

/* ---- topology ---- */

static bool same_core(const struct host_cpu *a, const struct host_cpu *b)
{
    return a->socket == b->socket && a->core == b->core && a->cell == b->cell;
}

/* How many processors before number `i` are of the same socket and cell (or core)? */
static bool is_first_of_socket(const struct host_info *host, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (host->cpus[j].socket == host->cpus[i].socket &&
            host->cpus[j].cell == host->cpus[i].cell)
            return false;
    return true;
}

static bool is_first_of_core(const struct host_info *host, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_core(&host->cpus[j], &host->cpus[i]))
            return false;
    return true;
}

void host_info_topology(const struct host_info *host, struct host_topology *ret_topology)
{
    unsigned cells = host->cell_count ? (unsigned)host->cell_count : 1;
    unsigned total = (unsigned)host->cpu_count, sockets = 0, cores = 0;
    for (size_t i = 0; i < host->cpu_count; i++) {
        sockets += is_first_of_socket(host, i);
        cores += is_first_of_core(host, i);
    }
    bool regular = sockets && sockets % cells == 0 && cores % sockets == 0 && total % cores == 0;
    if (regular)
        *ret_topology =
            (struct host_topology){cells, sockets / cells, cores / sockets, total / cores};
    else
        *ret_topology = (struct host_topology){1, 1, total, 1};
}
