/* control_client.h - the tool's end of the control socket; waits, but never longer than
 * CONTROL_ANSWER_S. */
#ifndef LINUX_CONTROL_CLIENT_H
#define LINUX_CONTROL_CLIENT_H

#include "linux/control_json.h"

struct control_client {
	int fd;
	uint32_t id;       /* of the request under way */
	size_t at, have;   /* `in` holds bytes from at to have */
	uint8_t in[CONTROL_HEAD + CONTROL_MAX_FRAME];
};

/* Connects to the daemon of this interface. -ENOENT or -ECONNREFUSED: none runs here; -EACCES: we
 * may not; -ETIMEDOUT: it does not take connections. */
int control_connect(struct control_client *c, const char *interface) must_check;
/* The same by the path of the socket. */
int control_connect_path(struct control_client *c, const char *path) must_check;
void control_close(struct control_client *c);
int control_ask(struct control_client *c, enum request_verb verb) must_check;
int control_ping(struct control_client *c, const struct public_key *peer) must_check;
/* The next part of the answer: 1 one more may follow, 0 it was the last (done or error); negative
 * errno: -ETIMEDOUT nothing came for CONTROL_ANSWER_S, -EPIPE the daemon went away, -EPROTO it
 * speaks differently. */
int control_next(struct control_client *c, struct answer *out) must_check;
/* Waits until the daemon closes the connection: 0, or -ETIMEDOUT. */
int control_wait_end(struct control_client *c, unsigned milliseconds) must_check;

#endif
