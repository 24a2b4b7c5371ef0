/* main.c - the explorer's command line: which scenarios, with which faults, on how many processors.
 *
 * A run is a budget of faults, over every scenario: client-managed and p2p, QEMU 7.2 and 10, with
 * and without pause-before-switchover, pre-copy and post-copy, a guest that runs and one that its
 * user had paused. Each scenario is a job of its own, taken by the next free process; what they
 * report is printed in the order of the scenarios.
 */
#include "report.h"
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "explore [OPTION]...   tries every order of events, with the machines that run\n"
    "  --check             every single fault, and every pair (default)\n"
    "  --all               and two crashes with two cuts and a death\n"
    "  --singles           every single fault, and no more after the first that breaks a rule\n"
    "  --pairs             the pairs only, likewise\n"
    "  --faults N --crashes N --cuts N --deaths N --oddities N --operations N\n"
    "                      one run with these budgets instead: in all, and of each kind\n"
    "  --only NAME         only the scenario of this name\n"
    "  --stock             the peer has no channel for proof\n"
    "  --states N          memory for so many states of one scenario, some 60 bytes each (20000000; of --all\n"
    "                      150000000)\n"
    "  --jobs N            processes (2)\n"
    "  --traces FOLDER     write a finding's traces there, in the format of production\n"
    "  --document          print docs/STATES.md\n"
    "  --quiet             no progress\n";

static const struct budget singles[] = {
    {.name = "no fault"},
    {.name = "one fault", .faults = 1, .crashes = 1, .cuts = 1, .deaths = 1, .oddities = 1,
     .operations = 1, .beyond = true},
};
static const struct budget pairs[] = {
    {.name = "stock peer, a cut", .faults = 1, .cuts = 1, .stock = true},
    {.name = "stock peer, resumed by hand", .faults = 2, .cuts = 1, .operations = 1, .stock = true, .postcopy = true},
    {.name = "two faults", .faults = 2, .crashes = 2, .cuts = 2, .deaths = 2, .oddities = 2, .operations = 2},
};
static const struct budget heavy[] = {
    {.name = "two crashes, two cuts, a death", .faults = 5, .crashes = 2, .cuts = 2, .deaths = 1},
};

static bool run_all(struct report *r, const struct budget *budgets, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count; i++)
        if (good || !r->first)
            good &= report_run(r, &budgets[i]);
    return good;
}
#define RUN(r, budgets) run_all(r, budgets, sizeof(budgets) / sizeof(budgets[0]))

enum { OPTION_CHECK = 256, OPTION_ALL, OPTION_SINGLES, OPTION_PAIRS, OPTION_ONLY, OPTION_STOCK, OPTION_STATES, OPTION_JOBS,
       OPTION_TRACES, OPTION_DOCUMENT, OPTION_QUIET, OPTION_HELP,
       OPTION_BUDGET = 512 /* + the member */ };

static bool read_options(int argc, char **argv, struct report *r, struct budget *ret_budget)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, OPTION_CHECK},
        {"all", no_argument, NULL, OPTION_ALL},
        {"singles", no_argument, NULL, OPTION_SINGLES},
        {"pairs", no_argument, NULL, OPTION_PAIRS},
        {"only", required_argument, NULL, OPTION_ONLY},
        {"stock", no_argument, NULL, OPTION_STOCK},
        {"states", required_argument, NULL, OPTION_STATES},
        {"jobs", required_argument, NULL, OPTION_JOBS},
        {"traces", required_argument, NULL, OPTION_TRACES},
        {"document", no_argument, NULL, OPTION_DOCUMENT},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, OPTION_HELP},
        {"crashes", required_argument, NULL, OPTION_BUDGET + offsetof(struct budget, crashes)},
        {"cuts", required_argument, NULL, OPTION_BUDGET + offsetof(struct budget, cuts)},
        {"deaths", required_argument, NULL, OPTION_BUDGET + offsetof(struct budget, deaths)},
        {"oddities", required_argument, NULL, OPTION_BUDGET + offsetof(struct budget, oddities)},
        {"operations", required_argument, NULL,
         OPTION_BUDGET + offsetof(struct budget, operations)},
        {"faults", required_argument, NULL, OPTION_BUDGET + offsetof(struct budget, faults)},
        {NULL, 0, NULL, 0}};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == OPTION_ONLY)
            r->only = optarg;
        else if (o == OPTION_ALL)
            r->all = true;
        else if (o == OPTION_SINGLES)
            r->first = true;
        else if (o == OPTION_PAIRS)
            r->first = r->pairs = true;
        else if (o == OPTION_STOCK)
            r->stock = true;
        else if (o == OPTION_STATES)
            r->capacity = strtoull(optarg, NULL, 10);
        else if (o == OPTION_JOBS)
            r->jobs = (unsigned)atoi(optarg);
        else if (o == OPTION_TRACES)
            r->traces = optarg;
        else if (o == OPTION_DOCUMENT)
            r->document = true;
        else if (o == OPTION_QUIET)
            r->quiet = true;
        else if (o >= OPTION_BUDGET) {
            ((uint8_t *)ret_budget)[o - OPTION_BUDGET] = (uint8_t)atoi(optarg);
            ret_budget->name = "as asked";
        } else if (o != OPTION_CHECK) {
            fputs(usage, o == OPTION_HELP ? stdout : stderr);
            return false;
        }
    }
    if (!r->capacity)
        r->capacity = r->all ? 150000000 : 20000000;
    return optind == argc && r->capacity < UINT32_MAX;
}

int main(int argc, char **argv)
{
    struct report r = {.jobs = 2};
    struct budget asked = {0};
    if (!read_options(argc, argv, &r, &asked))
        return 2;
    if (!report_open(&r))
        return 2;
    bool good;
    if (asked.name) {
        good = report_run(&r, &asked);
    } else {
        good = r.pairs || RUN(&r, singles);
        if (r.pairs || (!r.document && !r.first))
            good &= RUN(&r, pairs);
        if (r.all)
            good &= RUN(&r, heavy);
    }
    if (r.document)
        report_document(stdout);
    else
        good &= report_end(&r, !asked.name && !r.only && !r.stock && !r.first);
    return good ? 0 : 1;
}
