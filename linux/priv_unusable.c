#include "linux/priv_unusable.h"

#include "linux/priv_inside.h"

#include <stdlib.h>
#include <string.h>

static void free_lines(char *lines[UNUSABLE_TOLD], uint32_t *count)
{
	for (uint32_t i = 0; i < *count; i++)
		free(lines[i]);
	*count = 0;
}

void unusable_begin(struct unusable *u)
{
	free_lines(u->before, &u->before_count);
	memcpy(u->before, u->now, sizeof(u->before));
	u->before_count = u->now_count;
	u->count_before = u->count;
	u->now_count = u->count = 0;
}

static bool is_told(const struct unusable *u, const char *why)
{
	for (uint32_t i = 0; i < u->before_count; i++)
		if (!strcmp(u->before[i], why))
			return true;
	return false;
}

void unusable_add(struct unusable *u, const char *why)
{
	u->count++;
	if (u->now_count == UNUSABLE_TOLD) {
		if (u->count == UNUSABLE_TOLD + 1 && u->count_before <= UNUSABLE_TOLD)
			priv_say("further unusable files are only counted");
		return;
	}
	if (!is_told(u, why))
		priv_say("%s (this entry is not used)", why);
	u->now[u->now_count] = strdup(why);
	u->now_count += u->now[u->now_count] != NULL;
}

void unusable_free(struct unusable *u)
{
	free_lines(u->now, &u->now_count);
	free_lines(u->before, &u->before_count);
}
