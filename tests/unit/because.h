/* because.h - skipping a cmocka test with the reason, which tests/run prints. After cmocka.h. */
#pragma once

#include <stdio.h>

#define skip_because(why)                                                                          \
    do {                                                                                           \
        printf("# because: %s\n", (why));                                                          \
        skip();                                                                                    \
    } while (0)
