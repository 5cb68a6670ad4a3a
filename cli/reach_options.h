/* reach_options.h - the options about where this host is reached. */
#ifndef CLI_REACH_OPTIONS_H
#define CLI_REACH_OPTIONS_H

#include "cli/options.h"
#include "linux/priv.h"

/* --announce, --stun, --map and --birthday. False after a line: wrong usage. Borrows the texts. */
bool take_reach(struct priv_config *config, const struct arguments *a);
/* --stun of that command alone, or the public servers. */
bool take_stun(const char *command, struct priv_config *config, const struct arguments *a);

#endif
