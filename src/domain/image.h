/* image.h - what the first bytes of a disk's image say of the image below it.
 *
 * The bytes are the guest's as much as the host's: a guest that was given the file as a raw disk has
 * written them. So a format is never guessed (a raw image's guest could make it "qcow2" and have any
 * file of the host opened as what lies below), and every offset is checked.
 */
#pragma once
#include "domain/domain.h"
#include "util/fail.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_HEAD = 64 * 1024, IMAGE_NAME_MAX = 1023 };

struct image_below {
    char path[2 * IMAGE_NAME_MAX + 2]; /* absolute */
    enum domain_disk_format format;
};

enum { IMAGE_IS_LAST, IMAGE_HAS_BELOW };

/* `head`: the first IMAGE_HEAD bytes of the file at `path` (fewer if it is shorter), read as the format
 * of a disk's <driver type=>. What is no qcow2 image at all is the last: QEMU will say what it thinks
 * of it. -1: an image below that is not supported or not named well enough, or a header that can't be
 * one; the sentence names the file. */
int image_read_below(const char *path, const uint8_t *head, size_t size, struct image_below *ret,
                     struct fail *f);
