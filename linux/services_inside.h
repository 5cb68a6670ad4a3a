/* services_inside.h - what the files about services/ share; nobody else includes this. */
#ifndef LINUX_SERVICES_INSIDE_H
#define LINUX_SERVICES_INSIDE_H

#include "linux/services.h"
#include "linux/store_inside.h"

#define SERVICES_UNDONE "undone" /* in a folder that came back: see services_pending.c */

/* A folder made like services/: 0 when nothing but ours is in it, -EEXIST with s->error naming what
 * else is, -ENOENT when there is none. */
int services_look(struct store *s, const char *folder) must_check;
/* Removes what is ours in such a folder, and the folder when nothing else is left. 0 also when
 * there is none. */
int services_clear(struct store *s, const char *folder) must_check;

#endif
