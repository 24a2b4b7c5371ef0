/* stream_fds.h - descriptors that travel beside the bytes of a stream (SCM_RIGHTS). */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#include "io/stream.h"

/* Received, not yet taken. */
struct stream_fds_in {
    int fd[STREAM_FDS_MAX];
    size_t count;
};

/* To be sent: each batch with a certain byte of the queue. */
struct stream_fds_batch;
struct stream_fds_out {
    struct stream_fds_batch *first;
};

/* recvmsg. ETOOMANYREFS when the peer sent more than there is room for: none is leaked. */
ssize_t stream_fds_in_receive(struct stream_fds_in *in, int socket, void *bytes, size_t size);
int stream_fds_in_take(struct stream_fds_in *in);
void stream_fds_in_free(struct stream_fds_in *in);

/* To go with the byte that is `ahead` bytes behind the next one to be sent. Duplicates them. 0 or
 * negative errno. */
int stream_fds_out_add(struct stream_fds_out *out, size_t ahead, const int *fds, size_t count);
/* sendmsg of as much as may go in one call, with its descriptors. The number of bytes, or -1. */
ssize_t stream_fds_out_send(struct stream_fds_out *out, int socket, const void *bytes, size_t size);
void stream_fds_out_free(struct stream_fds_out *out);
