/* peer_token.h - what opens the questions of one attempt to migrate a guest, and nothing else:
 * random bytes that the destination makes, and that travel in Prepare's cookie. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "util/fail.h"
#include "wire/peer_program.h"

struct peer_token {
    bool known;
    uint8_t byte[PEER_TOKEN_SIZE];
};
enum { PEER_TOKEN_TEXT = 2 * PEER_TOKEN_SIZE + 1 };

int peer_token_make(struct peer_token *ret, struct fail *f);
void peer_token_format(const struct peer_token *t, char text[PEER_TOKEN_TEXT]);
bool peer_token_parse(const char *text, struct peer_token *ret);
/* In a time that says nothing about the bytes. False when one of them is not known. */
bool peer_token_equal(const struct peer_token *a, const struct peer_token *b);
