#include "io/address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int address_unix(const char *path, struct sockaddr_un *ret_address, struct fail *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0)
        return fail_set(f, VIR_ERR_INVALID_ARG, "the path of the socket is empty");
    if (size >= sizeof(address.sun_path))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "the path of the socket has %zu bytes; at most %zu are possible", size,
                        sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, size);
    *ret_address = address;
    return 0;
}

void address_format(const struct sockaddr *address, char *ret_text, size_t room)
{
    char host[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(ret_text, room, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(ret_text, room, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        snprintf(ret_text, room, "unknown");
    }
}

uint16_t address_port(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    if (address->sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    return 0;
}
