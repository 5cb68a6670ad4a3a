/* linux/hosts.h - a marked block in /etc/hosts, for `up --hosts`.
 *
 *   # meshguard mg0: begin; kept by the daemon, gone when it ends
 *   10.99.16.39 alice.mesh
 *   fd99:6d67::1027:e035:b26b:605d alice.mesh
 *   # meshguard mg0: end
 *
 * All other lines stay as they are, byte for byte. The file is replaced as a whole; where it cannot
 * be, since something is mounted on it, it is written in place. For the privileged process.
 */
#ifndef LINUX_HOSTS_H
#define LINUX_HOSTS_H

#include "base/bug.h"
#include "base/endpoint.h"

#define HOSTS_NAME 128u      /* without ".mesh", with the terminator */
#define HOSTS_MOST 4096u     /* in a block */

struct host_entry {
	struct ip ipv4, ipv6;    /* family 0: none */
	char name[HOSTS_NAME];
};

/* True for what may stand in a block: a name of labels of letters, digits, '-', '_' with single
 * dots between, and addresses that only a mesh with this prefix has. */
bool hosts_entry_ok(const struct host_entry *e, const struct prefix *ipv4);
/* Replaces the block of that interface; no entries: takes it away. Does not touch a file that would
 * not change. 0, or negative errno; -EBADMSG: a block begins and does not end, so nobody knows
 * whose the lines below it are. */
int hosts_write(const char *interface, const struct host_entry *list, unsigned count) must_check;

#endif
