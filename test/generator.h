/* generator.h - what the programs that make traffic share: a clock, and numbers by chance. */
#ifndef TEST_GENERATOR_H
#define TEST_GENERATOR_H

#include <stdint.h>
#include <time.h>

/* Any start but zero: as it is, each run sends the same. */
static uint64_t any_state = 88172645463325252ull;

/* The next of xorshift64. */
static inline uint64_t any(void)
{
	any_state ^= any_state << 13;
	any_state ^= any_state >> 7;
	any_state ^= any_state << 17;
	return any_state;
}

/* Seconds from some moment on. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
