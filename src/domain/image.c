/* image.c - the header of a qcow2 image, big-endian:
 *
 *    0  "QFI" 0xfb            20  size of a cluster, as a power of 2
 *    4  version               72  (version 3) features that must be understood
 *    8  where the name of     100 (version 3) size of this header
 *       the image below is    then extensions: type, size, bytes up to a multiple of 8;
 *   16  the name's size       one of them is the format of the image below
 */
#include "domain/image.h"
#include "domain/names.h"
#include <endian.h>
#include <stdio.h>
#include <string.h>

enum {
    HEADER_V2 = 72,
    HEADER_V3 = 104,
    NAME_AT = 8,
    NAME_SIZE_AT = 16,
    FEATURES_AT = 72,
    HEADER_SIZE_AT = 100,
    EXTENSION_HEAD = 8,
    FEATURE_DATA_FILE = 1 << 2,
    FORMAT_NAME_MAX = 15,
};
static const uint32_t EXTENSION_END = 0, EXTENSION_FORMAT_BELOW = 0xe2792aca;

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return be64toh(value);
}

static int malformed(const char *path, struct fail *f)
{
    return fail_set(f, VIR_ERR_OPERATION_FAILED, "the qcow2 header of '%s' is malformed", path);
}

/* The extension's text; 0 when there is none. */
static int find_format(const char *path, const uint8_t *head, size_t at, size_t end,
                       char *ret_format, struct fail *f)
{
    while (end - at >= EXTENSION_HEAD) {
        uint32_t type = get_u32(head + at), size = get_u32(head + at + 4);
        at += EXTENSION_HEAD;
        if (type == EXTENSION_END)
            return 0;
        if (size > end - at)
            return malformed(path, f);
        if (type == EXTENSION_FORMAT_BELOW) {
            if (size > FORMAT_NAME_MAX || memchr(head + at, '\0', size))
                return malformed(path, f);
            memcpy(ret_format, head + at, size);
            ret_format[size] = '\0';
            return 1;
        }
        size_t padded = ((size_t)size + 7) / 8 * 8;
        if (padded > end - at)
            return 0;
        at += padded;
    }
    return 0;
}

/* It goes into messages, documents and QEMU's arguments. */
static bool is_text(const char *s)
{
    while ((uint8_t)*s >= 0x20 && *s != 0x7f)
        s++;
    return *s == '\0';
}

/* As QEMU reads it: what has a ':' before any '/' is no path; a relative one begins where its image is. */
static int place(const char *path, const char *name, char *ret, size_t size, struct fail *f)
{
    if (name[strcspn(name, ":/")] == ':')
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "backing image '%.200s' of image '%s' is not supported: only files and block "
                        "devices are",
                        name, path);
    const char *slash = strrchr(path, '/');
    int folder = *name == '/' || !slash ? 0 : (int)(slash + 1 - path);
    int n = snprintf(ret, size, "%.*s%s", folder, path, name);
    if (n < 0 || (size_t)n >= size || *ret != '/')
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "the path of backing image '%.200s' of '%s' is too long",
                        name, path);
    return 0;
}

static int read_format(const char *path, const char *below, const char *text, bool found,
                       enum domain_disk_format *ret, struct fail *f)
{
    int format = found ? names_find(&names_disk_format, text) : 0;
    if (!found)
        return fail_set(f, VIR_ERR_OPERATION_INVALID,
                        "format of backing image '%s' of image '%s' was not specified in the image "
                        "metadata (name it: qemu-img rebase -u -F, or <backingStore> in the disk)",
                        below, path);
    if (format < 0)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "format '%s' of backing image '%s' of image '%s' is not supported", text, below,
                        path);
    *ret = (enum domain_disk_format)format;
    return 0;
}

static size_t header_size(const uint8_t *head, size_t size)
{
    bool v3 = get_u32(head + 4) >= 3;
    if (!v3)
        return HEADER_V2;
    return size < HEADER_V3 ? SIZE_MAX : get_u32(head + HEADER_SIZE_AT);
}

int image_read_below(const char *path, const uint8_t *head, size_t size, struct image_below *ret,
                     struct fail *f)
{
    char name[IMAGE_NAME_MAX + 1], format[FORMAT_NAME_MAX + 1] = "";
    if (size < HEADER_V2 || memcmp(head, "QFI\xfb", 4) != 0 || get_u32(head + 4) < 2)
        return IMAGE_IS_LAST;
    size_t start = header_size(head, size);
    uint64_t name_at = get_u64(head + NAME_AT);
    uint32_t name_size = get_u32(head + NAME_SIZE_AT);
    if (start > size)
        return malformed(path, f);
    if (start >= HEADER_V3 && get_u64(head + FEATURES_AT) & FEATURE_DATA_FILE)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "image '%s' keeps its data in another file, which is not supported", path);
    if (!name_at)
        return IMAGE_IS_LAST;
    if (name_at < start || name_at > size || name_size > size - name_at || !name_size ||
        name_size > IMAGE_NAME_MAX || memchr(head + name_at, '\0', name_size))
        return malformed(path, f);
    memcpy(name, head + name_at, name_size);
    name[name_size] = '\0';
    int found = find_format(path, head, start, name_at, format, f);
    if (!is_text(name) || !is_text(format))
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "the name or format of the backing image of '%s' has a control character", path);
    if (found < 0 || place(path, name, ret->path, sizeof(ret->path), f) < 0 ||
        read_format(path, ret->path, format, found, &ret->format, f) < 0)
        return -1;
    return IMAGE_HAS_BELOW;
}
