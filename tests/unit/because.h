/* because.h - skipping a cmocka test with the reason, which tests/run prints. After cmocka.h. */
#ifndef BATON_TESTS_BECAUSE_H
#define BATON_TESTS_BECAUSE_H

#include <stdio.h>

#define skip_because(why)                                                                          \
    do {                                                                                           \
        printf("# because: %s\n", (why));                                                          \
        skip();                                                                                    \
    } while (0)

#endif
