/* fail.h - an error with a sentence for a person, and the number that a libvirt client gets.
 *
 * A function that can fail in a way that somebody must read takes a `struct fail *` as its last
 * argument, fills it and returns a negative value. The text is in the struct: no ownership, no
 * allocation; it is cut off when longer. Each layer may put its context in front, once.
 */
#pragma once
#include <libvirt/virterror.h> /* the numbers: VIR_ERR_XML_ERROR, VIR_ERR_OPERATION_INVALID, ... */

struct fail {
    int code;        /* a virErrorNumber */
    char text[1020]; /* UTF-8, one line, not empty once set */
};

/* Both return -1, so that a caller can write `return fail_set(...)`. A null `f` is allowed. */
int fail_set(struct fail *f, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "context: what was there"; the code stays. */
int fail_prefix(struct fail *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
