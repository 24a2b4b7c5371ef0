/*
 * The tiny guest: a kernel of a few KiB that boots in milliseconds, writes its memory all the time,
 * checks every page it wrote, and ticks. It is the passenger of the tests' migrations.
 *
 * Its command line, all optional:
 *   mib=N          MiB to write, above the first 2 MiB of RAM (16)
 *   rate=N         pages visited in a second; 0 as fast as it can (2000)
 *   tick_us=N      microseconds from tick to tick (1000)
 *   report_ms=N    a status line every so often; 0 none (0)
 *   scatter=1      visit the pages in a scattered order
 *   button=0       do not answer the power button
 *   disk_ticks=N   ticks from one record on each disk to the next (10)
 *
 * What disks it has it writes records on (disk.h).
 *
 * On COM1 it says "ready ..." once its pages are filled and then answers one-letter commands:
 *   s  "status ..."        v  check every word of every page: "verdict ..."
 *   p  stop writing        g  go on        w  write a record on each disk, paused or not
 *   o  power off           r  reset            x  triple fault
 *   c  set the battery-backed clock an hour forward or back
 */
#include "../common/pages.h"
#include "disk.h"
#include "machine.h"

enum { FIRST_PAGE = 2 << 20, WRONG_TOLD_MAX = 8 };

struct config {
    uint32_t mib, rate, tick_us, report_ms, scatter, button, disk_ticks;
};

struct guest {
    struct config config;
    struct pages pages;
    bool paused;
    uint32_t disks;
    uint32_t ticks; /* that the main loop has seen */
    uint32_t owed;  /* pages to visit in this tick, in units of 1/10000 */
    uint32_t to_visit;
    uint32_t to_report; /* microseconds until the next status line */
};

/* What the loader says about us; the flag tells whether there is a command line. */
struct multiboot {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
};
enum { MULTIBOOT_HAS_CMDLINE = 1 << 2 };

void guest_main(const struct multiboot *info);

static struct guest guest;

/* Reads "name=123" at `text` into ret_value and returns true; false when another word is there. */
static bool read_option(const char *text, const char *name, uint32_t *ret_value)
{
    uint32_t value = 0;

    while (*name && *text == *name)
        text++, name++;
    if (*name || *text != '=')
        return false;
    for (text++; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint32_t)(*text - '0');
    *ret_value = value;
    return true;
}

static void read_config(struct config *config, const char *text)
{
    struct {
        const char *name;
        uint32_t *value;
    } options[] = {
        {"mib", &config->mib},
        {"rate", &config->rate},
        {"tick_us", &config->tick_us},
        {"report_ms", &config->report_ms},
        {"scatter", &config->scatter},
        {"button", &config->button},
        {"disk_ticks", &config->disk_ticks},
    };

    while (*text) {
        for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
            if (read_option(text, options[i].name, options[i].value))
                break;
        while (*text && *text != ' ')
            text++;
        while (*text == ' ')
            text++;
    }
}

static void say_state(const char *what, uint32_t wrong)
{
    const struct pages *pages = &guest.pages;

    console_text(what);
    console_value("ticks", machine_ticks());
    console_value("pages", pages->count);
    console_value("round", pages->round);
    console_value("written", pages->written);
    console_value("checked", pages->checked);
    console_value("wrong", wrong);
    console_value("paused", guest.paused);
    if (guest.disks) {
        console_value("disks", guest.disks);
        console_value("disk0", disk_written(0));
        console_value("disk1", disk_written(1));
        console_value("disk_failed", disks_failed());
    }
    console_text("\n");
}

static void obey(int command)
{
    switch (command) {
    case 's':
        say_state("status", guest.pages.wrong);
        return;
    case 'v':
        /* Pages that were found wrong before are right again by now: both counts matter. */
        say_state("verdict", guest.pages.wrong + pages_verify(&guest.pages));
        return;
    case 'p':
        guest.paused = true;
        console_text("paused\n");
        return;
    case 'g':
        guest.paused = false;
        console_text("going\n");
        return;
    case 'w':
        disks_tick(guest.config.disk_ticks, guest.config.disk_ticks);
        console_text("ordered\n");
        return;
    case 'o':
        console_text("off\n");
        machine_power_off();
        return;
    case 'r':
        console_text("reset\n");
        machine_reset();
        return;
    case 'c':
        machine_shift_clock();
        console_text("clock\n");
        return;
    case 'x':
        console_text("crash\n");
        triple_fault();
    default:
        return;
    }
}

/* What is due once a tick. */
static void on_tick(uint32_t elapsed)
{
    const struct config *config = &guest.config;
    uint32_t us = elapsed * config->tick_us;

    if (config->rate) {
        /* After a stop of the machine there is nothing to catch up with: one tick's worth is due.
         */
        guest.owed += config->rate * (config->tick_us / 100);
        guest.to_visit = guest.owed / 10000;
        guest.owed %= 10000;
    }
    if (config->report_ms && (guest.to_report += us) >= config->report_ms * 1000) {
        guest.to_report = 0;
        say_state("status", guest.pages.wrong);
    }
    if (!guest.paused)
        disks_tick(elapsed, config->disk_ticks);
    obey(console_read());
    if (machine_button_pressed() && config->button) {
        console_text("button\n");
        machine_power_off();
    }
}

static void visit_page(void)
{
    struct pages_wrong wrong;

    if (pages_visit(&guest.pages, &wrong) || guest.pages.wrong > WRONG_TOLD_MAX)
        return;
    console_text("wrong");
    console_value("page", wrong.page);
    console_value("round", wrong.round);
    if (wrong.is_old)
        console_value("holds_round", wrong.held);
    else
        console_hex("word", wrong.held);
    console_text("\n");
}

static void run(void)
{
    for (;;) {
        uint32_t now = machine_ticks();

        if (now != guest.ticks) {
            on_tick(now - guest.ticks);
            guest.ticks = now;
        }
        if (guest.paused || (guest.config.rate && !guest.to_visit)) {
            machine_wait_tick(now);
            continue;
        }
        visit_page();
        if (guest.config.rate)
            guest.to_visit--;
    }
}

void guest_main(const struct multiboot *info)
{
    guest.config =
        (struct config){.mib = 16, .rate = 2000, .tick_us = 1000, .button = 1, .disk_ticks = 10};
    if (info->flags & MULTIBOOT_HAS_CMDLINE)
        read_config(&guest.config, (const char *)(uintptr_t)info->cmdline);
    if (guest.config.mib == 0)
        guest.config.mib = 1;
    if (guest.config.tick_us < 100 || guest.config.tick_us > 50000)
        guest.config.tick_us = 1000;

    pages_fill(&guest.pages, (void *)FIRST_PAGE, guest.config.mib, guest.config.scatter);
    guest.disks = disks_start();
    machine_start(guest.config.tick_us);
    say_state("ready", 0);
    run();
}
