/* linux/helper.h - what a process gives up that parses what strangers say. */
#ifndef LINUX_HELPER_H
#define LINUX_HELPER_H

#include "base/bug.h"

#include <stdbool.h>
#include <sys/types.h>

struct helper {
	const char *name;            /* of the process, at most 15 characters */
	int socket;                  /* all that it keeps beside 0, 1, 2 */
	pid_t parent;                /* whose death is its own */
	const char *const *files;    /* what it may read of the file system; NULL-terminated, or
	                                NULL for nothing */
	bool lives_long;             /* else it has 5 s of CPU */
};

/* After the fork: nobody, no capability, no other descriptor, of the file system (Landlock, where
 * the kernel has it) only those files, 64 MB of data, no children, no file written. 0, or negative
 * errno: it must end. */
int helper_become(const struct helper *h) must_check;

#endif
