/* linux/wgdev.h - a plain WireGuard device: the node process of `meshguard wireguard`.
 *
 * The engine of core/wg between a TUN and the UDP sockets, steered by the UAPI socket alone; no
 * identity, no mesh. Like other userspace WireGuards it opens its sockets when the interface
 * comes up, closes them when it goes down, and ends when the interface is deleted.
 */
#ifndef LINUX_WGDEV_H
#define LINUX_WGDEV_H

#include "linux/priv.h"

/* For priv_run. Returns the exit status: 0 after an orderly end, 1 after an error, which is one
 * line on standard error (LOG_LEVEL=silent: nothing; =verbose: also what peers do). */
int wgdev_child(struct priv_child *c);

#endif
