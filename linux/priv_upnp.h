/* priv_upnp.h - port mappings by UPnP: a helper without rights for each, one at a time.
 *
 * SSDP, HTTP and XML are strangers' bytes. They are read by libminiupnpc in a process that is
 * nobody, sees no file, has bounded memory and time, and no descriptor but a socket to us. It
 * speaks with the router's address alone, and says numbers.
 */
#ifndef LINUX_PRIV_UPNP_H
#define LINUX_PRIV_UPNP_H

#include "linux/loop.h"
#include "linux/priv.h"

#define UPNP_LEASE 7200u       /* seconds */

struct upnp_wish {
	struct ip gateway, client;   /* IPv4 */
	uint16_t internal, external; /* external: the one that we would like */
	bool map;                    /* else: take it away */
};
/* What a helper says. */
struct upnp_said {
	uint32_t mapped;
	uint32_t lease_s;
	uint32_t port;
	uint8_t ip[4];
};

struct upnp_feed {
	struct loop *loop;
	uid_t uid;
	gid_t gid;
	pid_t helper;                /* 0: none */
	int socket;                  /* -1: none */
	bool unsent;                 /* the outcome */
	struct upnp_said said;
};

void upnp_open(struct upnp_feed *u, struct loop *loop);
/* A helper that takes a mapping away lives on for a few seconds; others end. */
void upnp_close(struct upnp_feed *u);
/* The request PRIV_UPNP of the child whose UDP port that is. 0 or negative errno; -EBUSY: the one
 * before is not over. */
int upnp_request(struct upnp_feed *u, const struct priv_message *m, uint16_t port) must_check;
bool upnp_reaped(struct upnp_feed *u, pid_t pid);
bool upnp_next(const struct upnp_feed *u, struct priv_message *m);
void upnp_sent(struct upnp_feed *u);

/* upnp_helper.c: in the fork. parent 0: it outlives us. */
_Noreturn void upnp_help(const struct upnp_feed *u, const struct upnp_wish *w, int out,
			 pid_t parent);
/* A URL that a helper may connect to: http, the router's address in digits, port 80 or one from
 * 1024 on, and nothing but printable characters. */
bool upnp_url_ok(const char *url, const struct ip *gateway) must_check;
/* One of the four names of a service that maps ports. */
bool upnp_service_ok(const char *service) must_check;

#endif
