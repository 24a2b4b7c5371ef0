/*
 * The PC under the tiny guest. Theory of operation: COM ports are polled, IRQ 0 of the PIT is the
 * one interrupt, its handler counts and sends the tick. ACPI is not parsed: the power management
 * block of QEMU's two machines is found through the register of the chip that holds it (PIIX4 on
 * pc, ICH9 on q35), where the firmware has put it before a kernel runs.
 */
#include "machine.h"
#include "port.h"

enum {
    COM1 = 0x3f8,
    COM2 = 0x2f8,
    PIC1 = 0x20,
    PIC2 = 0xa0,
    PIT_CHANNEL0 = 0x40,
    PIT_COMMAND = 0x43,
    PIT_HZ = 1193182,
    RESET_CONTROL = 0xcf9,
    IRQ0_VECTOR = 32,

    /* Offsets in the power management block, and bits there. */
    PM1_STATUS = 0,
    PM1_ENABLE = 2,
    PM1_CONTROL = 4,
    PM1_POWER_BUTTON = 1 << 8,
    PM1_SLEEP_ENABLE = 1 << 13, /* sleep type 0 is "off" on QEMU's machines */
};

struct gate {
    uint16_t offset_low, selector, flags, offset_high;
};

struct gate_pointer {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

void irq0_entry(void);
void clock_tick(void);

static struct gate gates[IRQ0_VECTOR + 1];
static volatile uint32_t ticks;
static uint16_t pm_base;

static uint16_t find_power_management(void)
{
    if (pci_read(31, 0, 0) == 0x29188086) /* ICH9 LPC */
        return pci_read(31, 0, 0x40) & 0xff80;
    for (uint32_t device = 0; device < 32; device++)
        if (pci_read(device, 3, 0) == 0x71138086) /* PIIX4 ACPI */
            return pci_read(device, 3, 0x40) & 0xffc0;
    return 0;
}

static void start_interrupts(uint32_t tick_us)
{
    struct gate_pointer pointer = {sizeof(gates) - 1, (uint32_t)(uintptr_t)gates};
    uint32_t entry = (uint32_t)(uintptr_t)irq0_entry;
    uint32_t reload = PIT_HZ / 1000 * tick_us / 1000;

    gates[IRQ0_VECTOR] = (struct gate){(uint16_t)entry, 0x08, 0x8e00, (uint16_t)(entry >> 16)};
    __asm__ volatile("lidt %0" ::"m"(pointer));

    out8(PIC1, 0x11);
    out8(PIC1 + 1, IRQ0_VECTOR);
    out8(PIC1 + 1, 4);
    out8(PIC1 + 1, 1);
    out8(PIC1 + 1, 0xfe); /* all masked but IRQ 0 */
    out8(PIC2 + 1, 0xff);

    out8(PIT_COMMAND, 0x34); /* channel 0, rate generator */
    out8(PIT_CHANNEL0, (uint8_t)reload);
    out8(PIT_CHANNEL0, (uint8_t)(reload >> 8));
    __asm__ volatile("sti");
}

void machine_start(uint32_t tick_us)
{
    out8(COM1 + 1, 0);
    out8(COM2 + 1, 0);
    out8(COM1 + 2, 1); /* FIFO on: a command that comes while we stand still is kept */
    pm_base = find_power_management();
    if (pm_base)
        out16(pm_base + PM1_ENABLE, PM1_POWER_BUTTON); /* QEMU drops a press that is not enabled */
    start_interrupts(tick_us);
}

void clock_tick(void)
{
    ticks++;
    while (!(in8(COM2 + 5) & 0x20)) /* a host that is slow to read delays a tick; it must not lose it */
        continue;
    out8(COM2, (uint8_t)ticks);
}

uint32_t machine_ticks(void)
{
    return ticks;
}

void machine_wait_tick(uint32_t since)
{
    __asm__ volatile("cli");
    if (ticks != since)
        __asm__ volatile("sti");
    else
        __asm__ volatile("sti; hlt"); /* an interrupt comes no earlier than in the hlt */
}

int console_read(void)
{
    return in8(COM1 + 5) & 1 ? in8(COM1) : -1;
}

void console_text(const char *text)
{
    for (; *text; text++) {
        while (!(in8(COM1 + 5) & 0x20))
            continue;
        out8(COM1, (uint8_t)*text);
    }
}

static void console_number(const char *name, uint32_t value, uint32_t base)
{
    char digits[12];
    char *p = digits + sizeof(digits) - 1;

    *p = '\0';
    do {
        *--p = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    console_text(" ");
    console_text(name);
    console_text("=");
    console_text(p);
}

void console_value(const char *name, uint32_t value)
{
    console_number(name, value, 10);
}

void console_hex(const char *name, uint32_t value)
{
    console_number(name, value, 16);
}

bool machine_button_pressed(void)
{
    if (!pm_base || !(in16(pm_base + PM1_STATUS) & PM1_POWER_BUTTON))
        return false;
    out16(pm_base + PM1_STATUS, PM1_POWER_BUTTON); /* writing a one clears it */
    return true;
}

void machine_power_off(void)
{
    if (pm_base)
        out16(pm_base + PM1_CONTROL, PM1_SLEEP_ENABLE);
}

void machine_reset(void)
{
    out8(RESET_CONTROL, 0x06);
}

void machine_shift_clock(void)
{
    enum { INDEX = 0x70, DATA = 0x71, HOURS = 4 };
    out8(INDEX, HOURS);
    uint8_t hours = in8(DATA);
    out8(INDEX, HOURS);
    out8(DATA, hours ^ 1); /* binary-coded decimal */
}
