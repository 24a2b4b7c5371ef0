/*
 * A driver for virtio-blk by the old ("legacy") interface, which QEMU offers for a device on PCI
 * bus 0. Theory of operation: one queue, one request at a time, three descriptors that never change
 * (head, record, status), no interrupt: the ring is looked at once a tick.
 *
 * Record n (from 1) fills the sector at SPREAD * (n % RECORDS): so each place is written again and
 * again, and on a qcow2 image the first round allocates. Its words: MAGIC, n, then a mix of n and
 * the word's number.
 */
#include "disk.h"
#include <stddef.h>
#include "port.h"

enum {
    DISKS_MAX = 4,
    QUEUE_MAX = 256,
    PAGE = 4096,
    RECORDS = 64,
    SPREAD = 64 * 1024,
    RECORD_WORDS = 128, /* one sector */
    MAGIC = 0x42544e44,

    PCI_COMMAND = 0x04,
    PCI_BAR0 = 0x10,
    PCI_COMMAND_IO_AND_MASTER = 5,
    VIRTIO_BLK = 0x10011af4, /* device and vendor of one that speaks both protocols */

    /* The old interface's registers, from BAR 0 on. */
    GUEST_FEATURES = 4,
    QUEUE_PAGE = 8,
    QUEUE_SIZE = 12,
    QUEUE_SELECT = 14,
    QUEUE_NOTIFY = 16,
    STATUS = 18,
    STATUS_ACKNOWLEDGED = 1,
    STATUS_DRIVER = 2,
    STATUS_READY = 4,

    DESCRIPTOR_NEXT = 1,
    DESCRIPTOR_DEVICE_WRITES = 2,
    TYPE_OUT = 1,
};

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

struct head {
    uint32_t type, priority;
    uint64_t sector;
};

struct disk {
    uint16_t port;
    uint16_t size;  /* of the queue */
    uint16_t asked; /* requests so far, as the ring counts */
    uint32_t written;
    uint32_t waited; /* ticks since the last one was ordered */
    struct head head;
    uint32_t record[RECORD_WORDS];
    volatile uint8_t status;
};

/* Descriptors, the ring of what is available and, from the next page on, the ring of what is used.
 */
enum { RING_BYTES = 3 * PAGE };
static uint8_t rings[DISKS_MAX][RING_BYTES] __attribute__((aligned(PAGE)));
static struct disk disks[DISKS_MAX];
static uint32_t count, failed;

static volatile uint16_t *available(uint32_t number)
{
    return (volatile uint16_t *)(rings[number] + disks[number].size * sizeof(struct descriptor));
}

static volatile uint16_t *used(uint32_t number)
{
    size_t end = disks[number].size * (sizeof(struct descriptor) + sizeof(uint16_t)) + 3 * 2;
    return (volatile uint16_t *)(rings[number] + (end + PAGE - 1) / PAGE * PAGE);
}

static void describe(uint32_t number)
{
    struct descriptor *d = (struct descriptor *)rings[number];
    struct disk *disk = &disks[number];
    d[0] = (struct descriptor){(uintptr_t)&disk->head, sizeof(disk->head), DESCRIPTOR_NEXT, 1};
    d[1] = (struct descriptor){(uintptr_t)disk->record, sizeof(disk->record), DESCRIPTOR_NEXT, 2};
    d[2] = (struct descriptor){(uintptr_t)&disk->status, 1, DESCRIPTOR_DEVICE_WRITES, 0};
    available(number)[0] = 1; /* no interrupts, please */
}

static void start(uint32_t device)
{
    struct disk *disk = &disks[count];
    uint16_t port = (uint16_t)(pci_read(device, 0, PCI_BAR0) & ~3u);
    if (!port || count == DISKS_MAX)
        return;
    pci_write(device, 0, PCI_COMMAND, pci_read(device, 0, PCI_COMMAND) | PCI_COMMAND_IO_AND_MASTER);
    out8(port + STATUS, 0);
    out8(port + STATUS, STATUS_ACKNOWLEDGED | STATUS_DRIVER);
    out32(port + GUEST_FEATURES,
          0); /* no flush: what is written is on the host's disk, killed QEMU or not */
    out16(port + QUEUE_SELECT, 0);
    disk->size = in16(port + QUEUE_SIZE);
    if (!disk->size || disk->size > QUEUE_MAX)
        return;
    disk->port = port;
    describe(count);
    out32(port + QUEUE_PAGE, (uint32_t)(uintptr_t)rings[count] / PAGE);
    out8(port + STATUS, STATUS_ACKNOWLEDGED | STATUS_DRIVER | STATUS_READY);
    count++;
}

uint32_t disks_start(void)
{
    for (uint32_t device = 0; device < 32; device++)
        if (pci_read(device, 0, 0) == VIRTIO_BLK)
            start(device);
    return count;
}

/* Compiler barriers are enough: x86 keeps the order of writes. */
static void order(uint32_t number)
{
    struct disk *disk = &disks[number];
    uint32_t n = disk->written + 1;
    volatile uint16_t *ring = available(number);
    disk->head = (struct head){TYPE_OUT, 0, (uint64_t)(n % RECORDS) * (SPREAD / 512)};
    disk->record[0] = MAGIC;
    disk->record[1] = n;
    for (uint32_t k = 2; k < RECORD_WORDS; k++)
        disk->record[k] = n * 0x9e3779b1u + k * 0x85ebca6bu;
    disk->status = 0xff;
    ring[2 + disk->asked % disk->size] = 0;
    __asm__ volatile("" ::: "memory");
    ring[1] = ++disk->asked;
    __asm__ volatile("" ::: "memory");
    disk->waited = 0;
    out16(disk->port + QUEUE_NOTIFY, 0);
}

static void disk_tick(uint32_t number, uint32_t elapsed, uint32_t period)
{
    struct disk *disk = &disks[number];
    disk->waited += elapsed;
    if (used(number)[1] != disk->asked)
        return;
    if (disk->asked && disk->status != 0xff) {
        if (disk->status == 0)
            disk->written++;
        else
            failed++;
        disk->status = 0xff;
    }
    if (disk->waited >= period)
        order(number);
}

void disks_tick(uint32_t elapsed, uint32_t period)
{
    for (uint32_t number = 0; number < count; number++)
        disk_tick(number, elapsed, period);
}

uint32_t disk_written(uint32_t number)
{
    return number < count ? disks[number].written : 0;
}

uint32_t disks_failed(void)
{
    return failed;
}
