/* uapi.h - the text of the cross-platform WireGuard UAPI, without its socket.
 *
 * "set=1" is fed line by line, so that a configuration of any length needs no buffer;
 * "get=1" is written through a sink. Keys and errno as on the protocol page
 * (wireguard.com/xplatform). One transaction per parser.
 */
#ifndef WG_UAPI_H
#define WG_UAPI_H

#include "wg/wg.h"

#define UAPI_LINE_MAX 255u

/* What the device around the engine must do itself; filled while lines are applied. */
struct uapi_device {
	struct wg *wg;
	struct allowedips *routes;    /* NULL: read-only (get only) */
	uint16_t listen_port;
	uint32_t fwmark;
	/* Called when a line changes them; negative errno refuses the line. */
	int (*set_listen_port)(void *ctx, uint16_t port);
	int (*set_fwmark)(void *ctx, uint32_t mark);
	void *ctx;
};

struct uapi_set {
	struct uapi_device *device;
	uint32_t peer;      /* the peer that lines are about; WG_NONE: the interface */
	bool peer_new, peer_skip, update_only;
	bool seen_public_key;
	int error;          /* first error, as a positive errno; later lines are ignored */
};

void uapi_set_init(struct uapi_set *s, struct uapi_device *device);
/* One line "key=value" without its newline. After an error nothing more is applied. */
void uapi_set_line(struct uapi_set *s, const char *line, size_t len, struct moment now,
		   struct outbox *out);
/* The value of "errno=" of the answer: 0 or a positive errno. */
int uapi_set_end(struct uapi_set *s, struct moment now, struct outbox *out);

typedef void uapi_sink(void *ctx, const char *text, size_t len);
/* Writes the whole answer to get=1 but the errno line. private_key and preshared_key are
 * left out when hide_secrets. */
void uapi_get(const struct uapi_device *device, bool hide_secrets, struct instant now,
	      uapi_sink *sink, void *ctx);

#endif
