/* linux/uapi_server.h - the WireGuard UAPI at its unix socket.
 *
 * Clients send "get=1\n\n" or "set=1\nkey=value\n...\n\n", as often as they like, and read the
 * answers, each ended by "errno=N\n\n" (wireguard.com/xplatform). Everything is non-blocking:
 * a slow reader keeps its answer waiting in memory and is dropped after half a minute, as is
 * who leaves a transaction half written. A device without a routing table is read-only.
 */
#ifndef LINUX_UAPI_SERVER_H
#define LINUX_UAPI_SERVER_H

#include "linux/loop.h"
#include "wg/uapi.h"

#define UAPI_CLIENTS 16u
#define UAPI_PATIENCE_S 30u
#define UAPI_ANSWER_MAX (256u << 20) /* bytes of one answer; a client that needs more is dropped */

struct uapi_server {
	struct loop *loop;
	int listener;                 /* the caller's; -1: there is no server */
	struct uapi_device *device;
	bool hide_secrets;
	struct outbox *out;           /* what a change sends goes here */
	void (*flush)(void *ctx);     /* sends what is in the outbox and clears it */
	void *ctx;
	struct uapi_client *clients;  /* UAPI_CLIENTS of them */
};

/* Serves from now on; the fields above `clients` are filled in by the caller, and the struct stays
 * where it is. listener -1 is no error: nothing is served. 0, or negative errno. */
int uapi_server_open(struct uapi_server *s) must_check;
/* Drops all clients. The listener stays the caller's to close. */
void uapi_server_close(struct uapi_server *s);
/* Drops clients whose patience is over. */
void uapi_server_tick(struct uapi_server *s, struct instant now);
struct instant uapi_server_deadline(const struct uapi_server *s);

#endif
