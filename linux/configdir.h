/* configdir.h - which directory is the configuration directory. */
#ifndef LINUX_CONFIGDIR_H
#define LINUX_CONFIGDIR_H

#include "base/bug.h"

#include <limits.h>
#include <sys/types.h>

struct configdir {
	char path[PATH_MAX];   /* absolute */
	uid_t owner;           /* whose directory this is meant to be, should it be made */
	const char *because;   /* as in struct store */
};

/* Design, section 3. Looks at the environment, the password file and, under sudo, whether root's
 * own directory holds an identity; makes nothing. 0, or negative errno: -ENAMETOOLONG, -ENOENT
 * when there is neither HOME nor an entry in the password file, or what getcwd said. */
int configdir_choose(struct configdir *out) must_check;

#endif
