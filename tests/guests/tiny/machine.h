/*
 * What the tiny guest needs of a PC: a console, a tick port, a clock, the power button.
 *
 * COM1 is the console: lines of text out, one-letter commands in. COM2 carries one byte a tick, the
 * low byte of the tick's number: whoever reads it knows from the gaps when the guest stood still,
 * and from the numbers whether ticks were lost, repeated, or sent by two guests at once.
 */
#ifndef BATON_TINY_MACHINE_H
#define BATON_TINY_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the clock: from here on a tick every tick_us microseconds (100..50000). */
void machine_start(uint32_t tick_us);

uint32_t machine_ticks(void);

/* Sleeps until the next tick, or not at all when the number of ticks is not `since` any more. */
void machine_wait_tick(uint32_t since);

/* The next byte that came in on the console, or -1. */
int console_read(void);
void console_text(const char *text);
/* " name=value" */
void console_value(const char *name, uint32_t value);
void console_hex(const char *name, uint32_t value);

/* True once for each press. Needs machine_start. */
bool machine_button_pressed(void);
/* Both return only when the machine has no such register. */
void machine_power_off(void);
void machine_reset(void);
/* Sets the battery-backed clock to the neighbouring hour: an even one to the next, an odd one to the one
 * before. */
void machine_shift_clock(void);
/* Never returns: a CPU with nowhere to go resets. In start.S. */
void triple_fault(void) __attribute__((noreturn));

#endif
