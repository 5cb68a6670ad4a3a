#include "linux/resume.h"

#include <time.h>

struct instant resume_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct instant){ (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec };
}
