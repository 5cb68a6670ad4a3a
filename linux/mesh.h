/* linux/mesh.h - the node process of `meshguard up`: the world around core/node. */
#ifndef LINUX_MESH_H
#define LINUX_MESH_H

#include "linux/priv.h"

/* Runs until it is told to stop or the privileged process is gone. For priv_run. */
int mesh_child(struct priv_child *child);

#endif
