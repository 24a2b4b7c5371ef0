#include "daemon/ports.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "util/cleanup.h"

struct ports {
    uint16_t min, max, next;
    bool taken[65536];
};

int ports_new(uint16_t min, uint16_t max, struct ports **ret_ports, struct fail *f)
{
    if (min == 0 || min > max)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED, "migration ports %u to %u are no range", min,
                        max);
    struct ports *p = calloc(1, sizeof(*p));
    if (!p)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    p->min = p->next = min;
    p->max = max;
    *ret_ports = p;
    return 0;
}

void ports_free(struct ports *p)
{
    free(p);
}

/* Whether a program could listen there now. */
static bool may_listen(const struct sockaddr *address, socklen_t size)
{
    auto_close int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int both = 0, reuse = 1;
    if (fd < 0)
        return false;
    if (address->sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    return bind(fd, address, size) == 0 && listen(fd, 1) == 0;
}

/* Looked at where QEMU will listen: what another program has on another address is not in the way.
 * An address that is a name is not looked up here; then, and for all addresses, both families are
 * tried. */
static bool is_free(const char *address, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1 && v4.sin_addr.s_addr != INADDR_ANY)
        return may_listen((struct sockaddr *)&v4, sizeof(v4));
    if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
        return may_listen((struct sockaddr *)&v6, sizeof(v6));
    v4.sin_addr.s_addr = INADDR_ANY;
    v6.sin6_addr = in6addr_any;
    return may_listen((struct sockaddr *)&v6, sizeof(v6)) ||
           may_listen((struct sockaddr *)&v4, sizeof(v4));
}

int ports_take(struct ports *p, const char *address, uint16_t *ret_port, struct fail *f)
{
    unsigned count = (unsigned)(p->max - p->min) + 1;
    for (unsigned i = 0; i < count; i++) {
        uint16_t port = p->next;
        p->next = port == p->max ? p->min : (uint16_t)(port + 1);
        if (p->taken[port] || !is_free(address, port))
            continue;
        p->taken[port] = true;
        *ret_port = port;
        return 0;
    }
    return fail_set(f, VIR_ERR_OPERATION_FAILED,
                    "no free port for a migration at %s between %u and %u "
                    "(migration_port_min/max)",
                    address, p->min, p->max);
}

bool ports_claim(struct ports *p, uint16_t port)
{
    if (port == 0 || p->taken[port])
        return false;
    p->taken[port] = true;
    return true;
}

void ports_release(struct ports *p, uint16_t port)
{
    p->taken[port] = false;
}
