/* control_server.h - the daemon's end of the control socket, inside its loop.
 *
 * Up to CONTROL_MAX_CLIENTS at once, none of which can hold up the loop: sockets are non-blocking,
 * and one turn encodes at most one buffer (64 KiB) of an answer for each. docs/control.md.
 */
#ifndef LINUX_CONTROL_SERVER_H
#define LINUX_CONTROL_SERVER_H

#include "base/bug.h"
#include "control/report.h"
#include "control/request.h"
#include "linux/loop.h"

#include <sys/types.h>

#define CONTROL_NO_PEER UINT32_MAX

struct control_handlers {
	/* Fills *out, which is all zero. */
	void (*status)(void *ctx, struct report_node *out);
	/* Fills *out (all zero) with the peer of the lowest slot above `after`, CONTROL_NO_PEER to
	 * start with the first, and returns its slot; CONTROL_NO_PEER when there is none. A long
	 * answer spans many turns of the loop: slots are stable, positions would not be. */
	uint32_t (*peer)(void *ctx, uint32_t after, struct report_peer *out);
	/* The same of service rules, by number. */
	uint32_t (*service)(void *ctx, uint32_t after, struct report_service *out);
	/* And of what was observed. */
	uint32_t (*observed)(void *ctx, uint32_t after, struct report_observed *out);
	/* Begins a ping of that peer; its number, or CONTROL_NO_PEER: it cannot be done. */
	uint32_t (*ping)(void *ctx, const struct public_key *key);
	/* False: it is under way. *rtt_us: 0 if no answer came. */
	bool (*pinged)(void *ctx, uint32_t ping, uint64_t *rtt_us);
	void (*ping_end)(void *ctx, uint32_t ping);
	/* The peer with that key. */
	uint32_t (*peer_of)(void *ctx, const struct public_key *key, struct report_peer *out);
	/* The daemon is asked to end. The answer is on its way already. */
	void (*down)(void *ctx);
	void *ctx;
};

struct control_config {
	int listener;              /* non-blocking; borrowed */
	uid_t owner;               /* of the configuration directory */
	const char *directory;     /* borrowed, for status */
	struct control_handlers handlers;
};

struct control_server;

/* Maps its memory (touched on use) and adds the listener to the loop. 0 or negative errno. */
int control_server_open(struct control_server **out, struct loop *loop,
			const struct control_config *config) must_check;
/* Cuts all clients; the listener stays open. NULL is fine. */
void control_server_close(struct control_server *s);
/* When tick is due: INSTANT_NEVER without clients. */
struct instant control_server_deadline(const struct control_server *s);
/* Answers pings that are over, and cuts who is slow or idle. To be called each turn. */
void control_server_tick(struct control_server *s, struct instant now);

#endif
