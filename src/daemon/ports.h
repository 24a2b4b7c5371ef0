/* ports.h - the TCP ports of incoming migrations: from one range, none twice at a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "util/fail.h"

struct ports;

int ports_new(uint16_t min, uint16_t max, struct ports **ret_ports, struct fail *f);
void ports_free(struct ports *p);
/* One that is neither given out nor listened on by another program at that address. They are given
 * out in turn, so that a late stream of an earlier attempt meets nobody. */
int ports_take(struct ports *p, const char *address, uint16_t *ret_port, struct fail *f);
/* This very one, as after a restart; false if somebody has it. */
bool ports_claim(struct ports *p, uint16_t port);
/* 0 is no port, and harmless. */
void ports_release(struct ports *p, uint16_t port);
