/* linux/event_log.h - events of the node as lines of JSON, for programs (meshguard(8),
 * --log-events). */
#ifndef LINUX_EVENT_LOG_H
#define LINUX_EVENT_LOG_H

#include "base/event.h"

/* Writes what came into the ring since *told (a number of events, 0 at first) to fd, as few
 * writes as pipes allow. Never waits: when a pipe has no room lines are lost, and `number` shows
 * the gap. */
void event_log_write(int fd, const struct event_ring *ring, uint64_t *told);

#endif
