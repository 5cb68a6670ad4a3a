/* warning.h - what is said on standard error before it is too late, for who does not look at
 * `meshguard status`. */
#ifndef LINUX_WARNING_H
#define LINUX_WARNING_H

#include "node/node.h"

/* A line for each certificate of this node that ends soon or has ended, from the events after
 * number *seen, which it moves on. */
void warn_endings(const struct node *node, uint64_t *seen);

#endif
