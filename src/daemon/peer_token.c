/* peer_token.c - what opens one attempt's questions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "daemon/peer_token.h"

int peer_token_make(struct peer_token *ret, struct fail *f)
{
    struct peer_token t = {.known = true};
    /* So few bytes come whole or not at all; the pool was filled long before a guest moves. */
    if (getrandom(t.byte, sizeof(t.byte), GRND_NONBLOCK) != (ssize_t)sizeof(t.byte))
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "get random bytes: %s", strerror(errno));
    *ret = t;
    return 0;
}

void peer_token_format(const struct peer_token *t, char text[PEER_TOKEN_TEXT])
{
    for (int i = 0; i < PEER_TOKEN_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", t->byte[i]);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool peer_token_parse(const char *text, struct peer_token *ret)
{
    struct peer_token t = {.known = true};
    if (strlen(text) != PEER_TOKEN_TEXT - 1)
        return false;
    for (int i = 0; i < PEER_TOKEN_SIZE; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        t.byte[i] = (uint8_t)(high << 4 | low);
    }
    *ret = t;
    return true;
}

bool peer_token_equal(const struct peer_token *a, const struct peer_token *b)
{
    uint8_t different = 0;
    for (int i = 0; i < PEER_TOKEN_SIZE; i++)
        different |= a->byte[i] ^ b->byte[i];
    return a->known && b->known && !different;
}
