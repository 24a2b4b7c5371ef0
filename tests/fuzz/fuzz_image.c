/* A disk image's header, which its guest may have written: no answer reaches outside. */
#include "fuzz.h"
#include <string.h>
#include "domain/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_below below;
    struct fail f = {0};
    int r = image_read_below("/images/a.qcow2", data, size < IMAGE_HEAD ? size : IMAGE_HEAD, &below, &f);
    MUST(r == IMAGE_IS_LAST || r == IMAGE_HAS_BELOW || (r == -1 && f.text[0]));
    if (r == IMAGE_HAS_BELOW)
        MUST(below.path[0] == '/' && memchr(below.path, '\0', sizeof(below.path)) &&
             below.format <= DOMAIN_DISK_QCOW2);
    return 0;
}
