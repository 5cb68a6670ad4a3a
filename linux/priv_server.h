/* priv_server.h - what the files of priv_serve.c share: the privileged process while it serves.
 */
#ifndef LINUX_PRIV_SERVER_H
#define LINUX_PRIV_SERVER_H

#include "linux/priv_inside.h"

#include "linux/loop.h"
#include "linux/mdns.h"
#include "linux/priv_connect.h"
#include "linux/priv_names.h"
#include "linux/priv_policy.h"
#include "linux/priv_seeds.h"
#include "linux/priv_trust.h"
#include "linux/priv_upnp.h"

struct server {
	struct priv *p;
	struct loop loop;
	struct instant now;
	struct trust_feed trust;
	struct policy_feed policy;
	struct connect_feed connect;
	struct seeds seeds, stun;
	struct name_feed names;
	struct mdns_keeper mdns;
	struct upnp_feed upnp;
	int signals;
	int socket_watch;          /* inotify on the UAPI socket; -1: none */
	bool terminal;             /* a hang-up means stop, not reload */
	bool stopping;             /* PRIV_STOP is to be sent or was */
	bool stop_sent;
	bool ended;                /* the child */
	int wait_status;
	bool killed, hurried;
	struct instant stop_at;    /* when it began */
	struct instant kill_at;
	bool answering;
	struct priv_message answer;
	int answer_fds[2];
	unsigned answer_fd_count;
	uint32_t channel_events;   /* what the loop waits for on the two sockets */
	uint32_t request_events;
};

/* Does what the request says, as far as a node may ask for it; fills the answer's value, flag and
 * descriptors. Returns the answer's result: 0 or a negative errno; -EBADRQC for what is no request.
 */
int request_carry_out(struct server *s, const struct priv_message *m);

#endif
