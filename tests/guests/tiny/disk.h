/*
 * Disks as witnesses: each gets records with sequence numbers, one after the other, each when the
 * one before is on the disk. Whoever reads the disk later can tell whether a write was lost, came
 * late, or was somebody else's: see disk.c for the layout, tests/lib/disks.py for the reader.
 */
#ifndef BATON_TINY_DISK_H
#define BATON_TINY_DISK_H

#include <stdint.h>

/* Finds the virtio disks of PCI bus 0 (those that speak the old protocol); how many there are. */
uint32_t disks_start(void);

/* Notes what is done and orders what is due; once a tick. `period` is in ticks. */
void disks_tick(uint32_t elapsed, uint32_t period);

/* How many records are on the disk; of no more than so many has the guest been told. */
uint32_t disk_written(uint32_t number);
/* Requests that the device refused or failed. */
uint32_t disks_failed(void);

#endif
