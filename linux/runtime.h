/* linux/runtime.h - locks and places of run time state; the rest of it is in priv.h.
 *
 * A lock is a listening unix socket in the abstract name space. It belongs to one network
 * namespace, as interfaces and ports do, and ends with its holder, however that ends; who
 * connects learns the process id of the holder from the kernel.
 */
#ifndef LINUX_RUNTIME_H
#define LINUX_RUNTIME_H

#include "base/bug.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UAPI_DIR "/var/run/wireguard"
#define ALIAS_PREFIX "meshguard " /* of our interfaces; the key follows */

/* A descriptor, or -EADDRINUSE with the holder's process id (0: not known), or -EACCES: held by a
 * user who is neither root nor we, so it is no daemon; or another negative errno. The holder must
 * accept and close what comes (lock_answer), or the queue of askers runs full. */
int lock_take_interface(const char *interface, pid_t *holder) must_check;
int lock_take_port(uint16_t port, pid_t *holder) must_check;
void lock_answer(int lock);

/* Makes the directory of this network namespace in the first place where that works; 0 with that
 * place, or the negative errno of the first. */
int runtime_make(unsigned *place) must_check;
/* Removes it when nothing is left in it. */
void runtime_unmake(unsigned place);

#endif
