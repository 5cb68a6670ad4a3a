#include "wg/timestamp.h"

#include <string.h>

/* TAI64 counts from 2^62 at 1970-01-01 TAI, which was 10 s ahead of UTC then; leap seconds
 * since do not matter, for only the order counts. */
#define TAI64_EPOCH (0x4000000000000000ull + 10)
#define NS_PER_S 1000000000u
#define WHITENED 0xffffffu

struct tai64n tai64n_of(struct wall wall)
{
	struct tai64n t = { { 0 } };

	store_be64(t.b, TAI64_EPOCH + wall.s);
	store_be32(t.b + 8, wall.ns & ~WHITENED);
	return t;
}

struct tai64n tai64n_after(struct tai64n t)
{
	uint64_t s = load_be64(t.b);
	uint32_t ns = load_be32(t.b + 8);

	if (ns < NS_PER_S - 1)
		ns++;
	else if (s < UINT64_MAX)
		s++, ns = 0;
	store_be64(t.b, s);
	store_be32(t.b + 8, ns);
	return t;
}

bool tai64n_before(const struct tai64n *a, const struct tai64n *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) < 0;
}

struct tai64n tai64n_next(struct wall wall, struct tai64n last, struct tai64n floor)
{
	struct tai64n t = tai64n_of(wall);

	if (!tai64n_before(&last, &t))
		t = tai64n_after(last);
	if (!tai64n_before(&floor, &t))
		t = tai64n_after(floor);
	return t;
}
