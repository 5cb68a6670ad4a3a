/* sshconn.h - over which SSH connection this process was called. */
#ifndef LINUX_SSHCONN_H
#define LINUX_SSHCONN_H

#include "base/bug.h"
#include "base/endpoint.h"

struct ssh_connection {
	struct ip peer;      /* the client's address; IPv4 in IPv6 is IPv4 */
	uint16_t port;       /* the server's */
};

/* SSH_CONNECTION of this process, or, since sudo and su take it away, of the nearest of those that
 * started it. False: there is none. */
bool ssh_connection_find(struct ssh_connection *out) must_check;
/* "192.0.2.7 50000 192.0.2.1 22" */
bool ssh_connection_parse(const char *text, struct ssh_connection *out) must_check;

#endif
