/* uuid.h - a guest's uuid: 16 bytes on the wire, 36 characters in text. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { UUID_TEXT = 37 /* with the ending zero */ };

struct uuid {
    uint8_t byte[16];
};

/* Accepts 32 hexadecimal digits, hyphens anywhere between them, as libvirt does. */
bool uuid_parse(const char *text, struct uuid *ret_uuid);
void uuid_format(const struct uuid *uuid, char ret_text[static UUID_TEXT]);
bool uuid_equal(const struct uuid *a, const struct uuid *b);
/* A random (version 4) uuid. */
void uuid_generate(struct uuid *ret_uuid);
/* All its digits are the same: whoever wrote it had none. */
bool uuid_is_placeholder(const struct uuid *uuid);
