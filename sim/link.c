#include "sim/link.h"

static bool chance(struct rng *rng, uint32_t permille)
{
	return permille && rng_below(rng, 1000) < permille;
}

static void one_copy(const struct link_quality *q, struct rng *rng, struct instant at,
		     uint32_t payload, struct link_fate *out)
{
	unsigned i = out->copies++;

	at = instant_add(at, q->delay);
	if (q->jitter.ns)
		at = instant_add(at, (struct span){ rng_below(rng, q->jitter.ns + 1) });
	if (chance(rng, q->reorder))
		at = instant_add(at, span_ms(1 + rng_below(rng, LINK_HOLD_MS)));
	out->at[i] = at;
	if (payload && chance(rng, q->corrupt))
		out->damage[i] = 1 + (uint32_t)rng_below(rng, 8u * payload);
}

void link_carry(const struct link_quality *q, struct instant *free, struct rng *rng,
		struct instant now, uint32_t ip_bytes, uint32_t payload, struct link_fate *out)
{
	*out = (struct link_fate){ 0 };
	if (q->cut || (q->mtu && ip_bytes > q->mtu) || chance(rng, q->loss))
		return;
	if (q->rate) {
		if (instant_before(*free, now))
			*free = now;
		if (instant_since(*free, now).ns > LINK_QUEUE.ns)
			return;
		*free = instant_add(*free, (struct span){ ip_bytes * 1000000000ull / q->rate });
		now = *free;
	}
	one_copy(q, rng, now, payload, out);
	if (chance(rng, q->duplicate))
		one_copy(q, rng, now, payload, out);
}
