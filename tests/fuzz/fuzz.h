/* fuzz.h - what the fuzzers share.
 *
 * Each target is one file with LLVMFuzzerTestOneInput: bytes from outside in, and what must hold of
 * the outcome checked. A violation traps, as a sanitizer's finding does. Inputs that found
 * something stay in corpus/TARGET, which `make check` runs.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold. Not assert(): that it holds is what is being looked for. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)
