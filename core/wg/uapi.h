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

/* What the device around the engine must do itself. */
struct uapi_device {
	struct wg *wg;
	struct allowedips *routes;    /* NULL: read-only (get only) */
	const struct allowedips *shown; /* what get lists; NULL: routes */
	uint16_t listen_port;         /* as shown; 0 is not shown */
	uint32_t fwmark;              /* as shown; 0 is not shown */
	/* Called when a line asks for them; they set the fields above to what it is then (port 0:
	 * the one that was chosen). Negative errno refuses the line. NULL: the field is set. */
	int (*set_listen_port)(void *ctx, uint16_t port);
	int (*set_fwmark)(void *ctx, uint32_t mark);
	/* The index of the interface of that name, 0: none. NULL: scopes are numbers only. */
	uint32_t (*scope_of)(void *ctx, const char *name, size_t len);
	void *ctx;
};

struct uapi_set {
	struct uapi_device *device;
	struct dh_public key;   /* of the peer that lines are about */
	uint32_t peer;          /* its handle; WG_NONE: not made yet, or lines are skipped */
	bool seen_public_key;   /* before: lines are about the interface */
	bool peer_new;          /* made by this transaction */
	bool peer_skip;         /* our own key, removed, or missing with update_only */
	int error;              /* first error, as a positive errno; later lines are ignored */
};

void uapi_set_init(struct uapi_set *s, struct uapi_device *device);
/* One line "key=value" without its newline. After an error nothing more is applied. The line may
 * hold a secret, it is the caller's to wipe. Each line is one step of the outbox.
 * Errors: EPROTO for what is no line, EINVAL for an unknown key or a bad value, ENOSPC when the
 * peers or prefixes are full, EPERM when read-only, and those of the device. */
void uapi_set_line(struct uapi_set *s, const char *line, size_t len, struct moment now,
		   struct outbox *out);
/* The value of "errno=" of the answer: 0 or a positive errno. */
int uapi_set_end(struct uapi_set *s, struct moment now, struct outbox *out);

typedef void uapi_sink(void *ctx, const char *text, size_t len);
/* Writes the whole answer to get=1 but the errno line. private_key and preshared_key are
 * left out when hide_secrets; else text may hold secrets, to be wiped by the sink's owner. */
void uapi_get(const struct uapi_device *device, bool hide_secrets, struct instant now,
	      uapi_sink *sink, void *ctx);

#endif
