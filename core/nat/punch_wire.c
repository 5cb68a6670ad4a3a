/* punch_wire.c - the codec of punching: messages of one size, whatever they say. */
#include "nat/punch.h"

#include "base/cursor.h"

#include <string.h>

static void get_endpoint(struct cursor *c, bool used, struct endpoint *e)
{
	static const uint8_t zero[16];
	uint8_t b[16];
	uint8_t family = cur_u8(c);

	e->port = cur_be16(c);
	cur_bytes(c, b, sizeof(b));
	if (!used) {
		if (family || e->port || memcmp(b, zero, sizeof(b)))
			cur_fail(c);
		return;
	}
	if (family != FAMILY_IPV4 && family != FAMILY_IPV6) {
		cur_fail(c);
		return;
	}
	e->ip = ip_of(family, b);
	if (!e->port || !ip_is_unicast(&e->ip) ||
	    (family == FAMILY_IPV4 && memcmp(b + 4, zero, 12)))
		cur_fail(c);
}

bool punch_decode(struct bytes message, struct punch_message *out)
{
	struct cursor c = cur_of(message.data, message.len);

	*out = (struct punch_message){ 0 };
	if (message.len != PUNCH_LEN || cur_u8(&c) != PUNCH_TYPE)
		return false;
	out->step = cur_u8(&c);
	out->flags = cur_u8(&c);
	out->kind = cur_u8(&c);
	cur_bytes(&c, out->asked, sizeof(out->asked));
	cur_bytes(&c, out->answered, sizeof(out->answered));
	out->count = cur_u8(&c);
	if (out->step < PUNCH_ASK || out->step > PUNCH_NOW ||
	    (out->flags & ~(PUNCH_FRESH | PUNCH_BIRTHDAY)) || out->count > MAX_CANDIDATES)
		return false;
	for (unsigned i = 0; i < MAX_CANDIDATES; i++)
		get_endpoint(&c, i < out->count, &out->list[i]);
	return cur_done(&c);
}

void punch_encode(const struct punch_message *m, uint8_t out[static PUNCH_LEN])
{
	struct writer w = wr_of(out, PUNCH_LEN);

	wr_u8(&w, PUNCH_TYPE);
	wr_u8(&w, m->step);
	wr_u8(&w, m->flags);
	wr_u8(&w, m->kind);
	wr_bytes(&w, m->asked, sizeof(m->asked));
	wr_bytes(&w, m->answered, sizeof(m->answered));
	wr_u8(&w, (uint8_t)m->count);
	for (unsigned i = 0; i < MAX_CANDIDATES; i++) {
		const struct endpoint *e = &m->list[i];

		if (i >= m->count) {
			wr_zero(&w, 19);
			continue;
		}
		wr_u8(&w, e->ip.family);
		wr_be16(&w, e->port);
		wr_bytes(&w, e->ip.b, ip_bits(&e->ip) / 8);
		wr_zero(&w, 16 - ip_bits(&e->ip) / 8);
	}
	BUG_ON(wr_len(&w) != PUNCH_LEN);
}
