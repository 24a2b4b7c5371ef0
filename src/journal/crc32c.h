/* crc32c.h - the CRC-32C (Castagnoli) checksum: reflected polynomial 0x82F63B78. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* `crc` is 0 to begin, or the result so far. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);
