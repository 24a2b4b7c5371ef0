#include "util/fail.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail_set(struct fail *f, int code, const char *format, ...)
{
    if (!f)
        return -1;
    f->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
    return -1;
}

int fail_prefix(struct fail *f, const char *format, ...)
{
    if (!f)
        return -1;
    char was[sizeof(f->text)];
    memcpy(was, f->text, sizeof(was));
    va_list args;
    va_start(args, format);
    int n = vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(f->text))
        snprintf(f->text + n, sizeof(f->text) - (size_t)n, ": %s", was);
    return -1;
}
