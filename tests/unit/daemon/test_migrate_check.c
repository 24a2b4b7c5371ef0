/* Which disks a guest may move with: their caches must not hide from one host what the other wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include "daemon/guest.h"
#include "daemon/migrate.h"
#include "domain/emulator.h"

static int check(const char *driver, const char *more, uint64_t flags, struct fail *f)
{
    char xml[512];
    int n = snprintf(xml, sizeof(xml),
                     "<domain type='qemu'><name>g</name><memory>1024</memory><os><type>hvm</type></os>"
                     "<devices><disk type='block'><driver %s/><source dev='/dev/lun'/><target dev='vda'/>"
                     "%s</disk></devices></domain>",
                     driver, more);
    auto_domain struct domain *d = NULL;
    assert_int_equal(domain_parse(xml, (size_t)n, 0, &d, f), 0);
    assert_int_equal(domain_prepare_start(d, f), 0);
    struct emulator emulator = {.version = 10000000};
    struct guest g = {.live = d, .emulator = &emulator};
    struct migration m = {.outgoing = true, .flags = (uint32_t)flags};
    return migrate_check_source(&g, &m, f);
}

static void a_cache_is_unsafe_on_storage_that_is_only_shared(void **state)
{
    static const struct {
        const char *driver, *more;
        bool safe;
    } rows[] = {
        {"cache='none'", "", true},
        {"cache='directsync'", "", true},
        {"cache='writeback'", "", false},
        {"cache='writethrough'", "", false},
        {"cache='unsafe'", "", false},
        {"name='qemu'", "", false},
        {"cache='writeback'", "<readonly/>", true},
        {"name='qemu'", "<shareable/>", true}, /* gets no cache at its start */
        {"cache='none'", "<shareable/>", true},
        {"cache='writeback'", "<shareable/>", false},
        {"cache='writethrough'", "<shareable/><readonly/>", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fail f = {0};
        assert_int_equal(check(rows[i].driver, rows[i].more, 0, &f), rows[i].safe ? 0 : -1);
        assert_int_equal(f.code, rows[i].safe ? 0 : VIR_ERR_MIGRATE_UNSAFE);
        assert_int_equal(check(rows[i].driver, rows[i].more, VIR_MIGRATE_UNSAFE, &f), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_cache_is_unsafe_on_storage_that_is_only_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
