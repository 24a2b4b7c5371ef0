/* guest_leftovers.h - at the start of the program, when all guests are loaded. */
#pragma once
struct registry;

void guest_leftovers_remove(struct registry *r);
