/*
 * The PC's I/O ports and the configuration space of its PCI bus 0.
 */
#ifndef BATON_TINY_PORT_H
#define BATON_TINY_PORT_H

#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint16_t in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

enum { PCI_ADDRESS = 0xcf8, PCI_DATA = 0xcfc };

static inline uint32_t pci_read(uint32_t device, uint32_t function, uint32_t offset)
{
    out32(PCI_ADDRESS, 0x80000000u | device << 11 | function << 8 | offset);
    return in32(PCI_DATA);
}

static inline void pci_write(uint32_t device, uint32_t function, uint32_t offset, uint32_t value)
{
    out32(PCI_ADDRESS, 0x80000000u | device << 11 | function << 8 | offset);
    out32(PCI_DATA, value);
}

#endif
