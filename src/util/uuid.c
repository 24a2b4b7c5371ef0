#include "util/uuid.h"
#include <ctype.h>
#include <string.h>
#include <systemd/sd-id128.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(const char *text, struct uuid *ret_uuid)
{
    struct uuid u;
    unsigned digits = 0;
    for (; *text; text++) {
        if (*text == '-')
            continue;
        int d = hex(*text);
        if (d < 0 || digits == 32)
            return false;
        uint8_t *b = &u.byte[digits / 2];
        *b = (uint8_t)(digits % 2 ? *b | d : d << 4);
        digits++;
    }
    if (digits != 32)
        return false;
    *ret_uuid = u;
    return true;
}

void uuid_format(const struct uuid *uuid, char ret_text[static UUID_TEXT])
{
    static const char digit[] = "0123456789abcdef";
    char *p = ret_text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digit[uuid->byte[i] >> 4];
        *p++ = digit[uuid->byte[i] & 15];
    }
    *p = '\0';
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->byte, b->byte, sizeof(a->byte)) == 0;
}

void uuid_generate(struct uuid *ret_uuid)
{
    sd_id128_t id = SD_ID128_NULL;
    /* fails only where the kernel has no random numbers at all; then nothing else works either */
    if (sd_id128_randomize(&id) < 0)
        __builtin_trap();
    memcpy(ret_uuid->byte, id.bytes, sizeof(ret_uuid->byte));
}

bool uuid_is_placeholder(const struct uuid *uuid)
{
    for (int i = 1; i < 16; i++)
        if (uuid->byte[i] != uuid->byte[0])
            return false;
    return uuid->byte[0] >> 4 == (uuid->byte[0] & 0xf);
}
