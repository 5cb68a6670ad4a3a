#include "policy/fragments.h"

#define WAYS 16u
#define SETS 64u

struct fragments {
	struct fragment sets[SETS][WAYS];
};

size_t fragments_size(void)
{
	return sizeof(struct fragments);
}

struct fragments *fragments_init(void *memory)
{
	return memory;
}

/* RFC 791, 3.2; RFC 8200, 4.5. */
static uint8_t protocol_of(const struct ip_packet *ip)
{
	return ip->version == 4 ? ip->protocol : 0;
}

static bool is_of(const struct fragment *f, const struct ip_packet *ip, uint32_t peer)
{
	return f->id == ip->fragment_id && f->peer == peer && f->protocol == protocol_of(ip) &&
	       ip_equal(&f->src, &ip->src) && ip_equal(&f->dst, &ip->dst);
}

void fragments_add(struct fragments *f, const struct inspected *p, uint32_t peer, bool is_own,
		   struct instant now)
{
	struct fragment *set = f->sets[peer % SETS], *place = set;

	for (struct fragment *at = set; at < set + WAYS; at++) {
		if (instant_is_set(at->until) && is_of(at, &p->ip, peer)) {
			place = at;
			break;
		}
		if (instant_before(at->until, place->until))
			place = at;
	}
	*place = (struct fragment){
		.src = p->ip.src,
		.dst = p->ip.dst,
		.peer = peer,
		.id = p->ip.fragment_id,
		.port = p->port,
		.header_end = p->header_end,
		.protocol = protocol_of(&p->ip),
		.kind = (uint8_t)p->kind,
		.is_own = is_own,
		.until = instant_add(now, FRAGMENTS_LIFE),
	};
}

const struct fragment *fragments_find(const struct fragments *f, const struct inspected *p,
				      uint32_t peer, struct instant now)
{
	const struct fragment *set = f->sets[peer % SETS];

	for (const struct fragment *at = set; at < set + WAYS; at++)
		if (instant_before(now, at->until) && is_of(at, &p->ip, peer))
			return at;
	return NULL;
}

void fragments_forget_peer(struct fragments *f, uint32_t peer)
{
	struct fragment *set = f->sets[peer % SETS];

	for (struct fragment *at = set; at < set + WAYS; at++)
		if (at->peer == peer)
			*at = (struct fragment){ 0 };
}
