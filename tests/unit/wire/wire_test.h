/* wire_test.h - what all tests of the folder include. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "util/arena.h"
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/fail.h"

#define auto_buffer cleanup(buffer_free) struct buffer
#define auto_arena  cleanup(arena_free) struct arena

#define assert_says(f, words)                                                                      \
    do {                                                                                           \
        if (!strstr((f)->text, (words)))                                                           \
            fail_msg("\"%s\" does not say \"%s\"", (f)->text, (words));                            \
    } while (0)
