/* priv_unusable.h - files that are of no use: counted at each reading, and each told once, as long
 * as it stays so. */
#ifndef LINUX_PRIV_UNUSABLE_H
#define LINUX_PRIV_UNUSABLE_H

#include <stdint.h>

#define UNUSABLE_TOLD 32u   /* lines of one reading; more are only counted */

struct unusable {
	uint32_t count;                             /* of this reading */
	char *now[UNUSABLE_TOLD];                   /* lines of this reading, as far as kept */
	char *before[UNUSABLE_TOLD];                /* and of the one before */
	uint32_t now_count, before_count;
	uint32_t count_before;
};

/* A new reading begins. */
void unusable_begin(struct unusable *u);
/* why: the whole line. */
void unusable_add(struct unusable *u, const char *why);
void unusable_free(struct unusable *u);

#endif
