/* address.h - socket addresses from and to text. */
#pragma once
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "util/fail.h"

/* -1 when `path` is empty or longer than the 107 bytes that a unix socket's path may have. */
int address_unix(const char *path, struct sockaddr_un *ret_address, struct fail *f);
/* "192.0.2.7:40000", "[::1]:40000"; "unknown" for what is neither IPv4 nor IPv6. */
void address_format(const struct sockaddr *address, char *ret_text, size_t room);
/* 0 for what is neither IPv4 nor IPv6. */
uint16_t address_port(const struct sockaddr *address);
