#include "nat/path_impl.h"

#include "base/cursor.h"
#include "crypto/hash.h"
#include "identity/channel.h"

#include <string.h>

/* Answers for one member: a burst of 20, then 20 a second. */
#define ANSWER_BURST 20u
#define ANSWER_EVERY span_ms(50)
#define HERE_BURST 4u /* anybody can replay a call */
#define HERE_EVERY span_ms(500)
/* Probes to what never answered, for one member and to one IP address. Of IPv6 a /64 counts as
 * one, but it may be a LAN of hundreds that start together. */
#define SILENT_BURST 32u
#define NETWORK_BURST 512u
#define SILENT_EVERY span_ms(125)
#define IP_EVERY span_ms(250)

/* Calls that are looked at, known tag or not: by their bytes, each eight of which are a look-up.
 * 1024 of the longest at once, then 4000 of them a second. */
#define LOOK_BURST (1024u * CHANNEL_CALL_LEN(CHANNEL_CALL_MOST))
#define LOOK_BYTE_NS 204u

#define PROBE_BYTES (CHANNEL_OVERHEAD + PATH_PROBE_LEN)

_Static_assert(CHANNEL_CALL_LEN(CHANNEL_CALL_LEAST) >= PROBE_BYTES, "a here amplifies");

_Static_assert(CHANNEL_OVERHEAD + PATH_PROBE_LONG == 2 * PROBE_BYTES, "see path.h");

void probe_send(struct paths *p, uint32_t slot, const struct endpoint *to, uint8_t hops,
		bool longer, const uint8_t id[static 8], struct outbox *out)
{
	size_t len = longer ? PATH_PROBE_LONG : PATH_PROBE_LEN;
	uint8_t *data = outbox_reserve(out, len);

	if (!data)
		return;
	struct writer w = wr_of(data, len);
	wr_u8(&w, PATH_TYPE_PROBE);
	wr_bytes(&w, id, 8);
	wr_zero(&w, len - 9);
	struct out *o = outbox_commit(out, OUT_MESSAGE, len);
	o->slot = slot;
	o->to = *to;
	o->hops = hops;
	p->counters.probes_sent++;
}

void probe_padded(struct paths *p, uint32_t slot, const struct endpoint *to, uint32_t len,
		  const uint8_t id[static 8], struct outbox *out)
{
	uint8_t *data = outbox_reserve(out, PATH_PROBE_LEN);

	if (!data)
		return;
	struct writer w = wr_of(data, PATH_PROBE_LEN);
	wr_u8(&w, PATH_TYPE_PROBE);
	wr_bytes(&w, id, 8);
	wr_be16(&w, (uint16_t)len);
	wr_zero(&w, PATH_PROBE_LEN - 11);
	struct out *o = outbox_commit(out, OUT_MESSAGE, PATH_PROBE_LEN);
	o->slot = slot;
	o->to = *to;
	o->padded = (uint16_t)len;
	p->counters.padded_sent++;
}

bool probe_allowed(struct paths *p, struct path *path, struct address *a, struct instant now)
{
	bool ipv6 = a->to.ip.family == FAMILY_IPV6;
	uint64_t hash;

	if (instant_is_set(a->answered))
		return true;
	if (a->claimed && ip_is_loopback(&a->to.ip))
		return bucket_take(&path->silent_full, now, SILENT_EVERY, SILENT_BURST);
	if (a->claimed || a->to.channel) {
		hash = siphash(p->config.hash_key, a->to.ip.b, ipv6 ? 8 : 4);
		return bucket_take(&path->silent_full, now, SILENT_EVERY, SILENT_BURST) &&
		       bucket_take(&p->ip_full[hash % PATH_IPS], now, IP_EVERY,
				   ipv6 ? NETWORK_BURST : SILENT_BURST);
	}
	if (a->credit < PROBE_BYTES)
		return false;
	a->credit -= PROBE_BYTES;
	return true;
}

static void answer(struct paths *p, uint32_t slot, const struct endpoint *from,
		   const uint8_t id[static 8], uint64_t epoch, struct outbox *out)
{
	uint8_t *data = outbox_reserve(out, PATH_PROBE_LEN);

	if (!data)
		return;
	struct writer w = wr_of(data, PATH_PROBE_LEN);
	wr_u8(&w, PATH_TYPE_ANSWER);
	wr_bytes(&w, id, 8);
	wr_u8(&w, from->ip.family);
	wr_be16(&w, from->port);
	wr_bytes(&w, from->ip.b, 16);
	wr_zero(&w, PATH_PROBE_LEN - 28);
	struct out *o = outbox_commit(out, OUT_MESSAGE, PATH_PROBE_LEN);
	o->slot = slot;
	o->to = *from;
	o->epoch = epoch;
	p->counters.answers_sent++;
}

static void input_probe(struct paths *p, struct instant now, uint32_t slot,
			const struct endpoint *from, const uint8_t id[static 8], uint64_t epoch,
			bool fresh, struct outbox *out)
{
	struct path *path = &p->list[slot];
	struct instant *budget = fresh ? &path->answer_full : &path->stale_full;
	struct address *a;

	p->counters.probes_received++;
	if (!path_usable(p, from) || !bucket_take(budget, now, ANSWER_EVERY, ANSWER_BURST)) {
		p->counters.drop_rate++;
		return;
	}
	answer(p, slot, from, id, epoch, out);
	a = path_find(p, slot, from);
	if (a)
		a->credit -= a->credit < PROBE_BYTES ? a->credit : PROBE_BYTES;
	if (fresh) {
		paths_heard(p, slot, from, now);
		return;
	}
	/* It does not know our epoch, or we not its: it was just started, or this is a replay.
	 * Our own probe finds out, and its answer tells us the epoch. */
	if (!a)
		return;
	if (path->best == NO_ADDRESS || a != &path->list[path->best])
		a->tries = 0; /* else replays could keep a dead path */
	if (!a->waiting)
		a->next = now;
	path_reschedule(p, slot);
}

void paths_padded(struct paths *p, struct instant now, uint32_t slot, const struct endpoint *from,
		  struct bytes message, uint64_t epoch, bool fresh, size_t len,
		  struct outbox *out)
{
	struct path *path = &p->list[slot];
	struct instant *budget = fresh ? &path->answer_full : &path->stale_full;
	struct cursor c = cur_of(message.data, message.len);
	const uint8_t type = cur_u8(&c);
	uint8_t id[8];

	cur_bytes(&c, id, sizeof(id));
	const size_t said = cur_be16(&c);
	if (message.len != PATH_PROBE_LEN || type != PATH_TYPE_PROBE || said != len) {
		p->counters.drop_malformed++;
		return;
	}
	p->counters.padded_received++;
	if (!path->admitted || !path_usable(p, from) ||
	    !bucket_take(budget, now, ANSWER_EVERY, ANSWER_BURST))
		p->counters.drop_rate++;
	else
		answer(p, slot, from, id, epoch, out);
}

bool paths_may_look(struct paths *p, struct instant now, size_t len)
{
	BUG_ON(!len || len > LOOK_BURST);
	bool may = bucket_take(&p->looked_full, now, (struct span){ LOOK_BYTE_NS * len },
			       LOOK_BURST / len);

	p->counters.drop_call_rate += !may;
	return may;
}

void paths_called(struct paths *p, struct instant now, uint32_t slot, const struct endpoint *from,
		  const uint8_t id[static CHANNEL_CALL_ID], struct outbox *out)
{
	struct path *path = &p->list[slot];

	p->counters.calls_received++;
	if (!path->admitted || !path_usable(p, from) ||
	    !bucket_take(&path->called_full, now, HERE_EVERY, HERE_BURST)) {
		p->counters.drop_rate++;
		return;
	}
	dialback_called(p, slot, from, now);
	uint8_t *data = outbox_reserve(out, PATH_PROBE_LEN);
	if (!data)
		return;
	struct writer w = wr_of(data, PATH_PROBE_LEN);
	wr_u8(&w, PATH_TYPE_HERE);
	wr_bytes(&w, id, CHANNEL_CALL_ID);
	wr_zero(&w, PATH_PROBE_LEN - 1 - CHANNEL_CALL_ID);
	struct out *o = outbox_commit(out, OUT_MESSAGE, PATH_PROBE_LEN);
	o->slot = slot;
	o->to = *from;
	p->counters.heres_sent++;
}

static bool input_answer(struct paths *p, struct instant now, uint32_t slot,
			 const struct endpoint *from, const uint8_t id[static 8],
			 const struct endpoint *seen)
{
	struct path *path = &p->list[slot];
	struct address *hit = NULL;
	bool moved = false, exact = true;
	struct span rtt;

	for (unsigned i = 0; i < path->count; i++) {
		struct address *a = &path->list[i];
		if (address_asked(a, now) && endpoint_equal(&a->to, from) &&
		    ct_equal(a->id, id, 8))
			hit = a;
	}
	if (hit) {
		rtt = instant_since(now, hit->since);
		exact = hit->since.ns == hit->sent.ns;
	} else if (path_seeds_answer(p, slot, from, id, now, &rtt)) {
		hit = path_address(p, slot, from, true);
	} else if (path_spray_answer(p, slot, from, id, now)) {
		rtt = span_ms(100); /* which of many it answers is not known */
		exact = false;
		hit = path_address(p, slot, from, true);
	}
	if (!hit && path_ping_answered(p, slot, from, id, now)) {
		p->counters.answers_received++;
		return true;
	}
	if (!hit && path_mtu_answered(p, slot, from, id, now)) {
		p->counters.padded_answered++;
		return true;
	}
	if (!hit) {
		p->counters.drop_unasked++;
		return false;
	}
	p->counters.answers_received++;
	if (path->best != NO_ADDRESS && hit == &path->list[path->best])
		moved = !ip_equal(&hit->to.local, &from->local);
	hit->to = *from; /* with the address of ours that it came to */
	dialback_answered(p, slot, from, now);
	path_answered(p, slot, hit, rtt, exact, now);
	if (moved)
		path_fact_add(p, PATH_FACT_CHANGED, slot, &hit->to, (int64_t)(hit->rtt.ns / 1000));
	if (!ip_is_unicast(&seen->ip) || !seen->port || from->channel) /* as the relay is */
		return true;
	if (from->socket) { /* another mapping: not what others can reach us at */
		p->extra.socket = from->socket;
		p->extra.as = (struct endpoint){ .ip = seen->ip, .port = seen->port };
	} else
		seen_add(p, slot, seen, now);
	return true;
}

bool paths_input(struct paths *p, struct instant now, uint32_t slot, const struct endpoint *from,
		 struct bytes message, uint64_t epoch, bool current, struct outbox *out)
{
	struct cursor c = cur_of(message.data, message.len);
	struct endpoint seen = { 0 };
	uint8_t id[8];
	uint8_t type = cur_u8(&c);

	cur_bytes(&c, id, sizeof(id));
	seen.ip.family = cur_u8(&c);
	seen.port = cur_be16(&c);
	cur_bytes(&c, seen.ip.b, 16);
	if (!cur_ok(&c) || slot >= p->config.members || !p->list[slot].admitted ||
	    (message.len != PATH_PROBE_LEN &&
	     (message.len != PATH_PROBE_LONG || type != PATH_TYPE_PROBE))) {
		p->counters.drop_malformed++;
		return false;
	}
	/* A name of a length: its padding was taken off on the way. */
	if (type == PATH_TYPE_PROBE && load_be16(message.data + 9)) {
		p->counters.drop_malformed++;
		return false;
	}
	if (type == PATH_TYPE_PROBE) {
		input_probe(p, now, slot, from, id, epoch, current, out);
		return false;
	}
	if (type == PATH_TYPE_HERE) {
		bool called = path_seeds_here(p, slot, from, id, now, out);

		p->counters.heres_received += called;
		p->counters.drop_unasked += !called;
		return false;
	}
	if (type != PATH_TYPE_ANSWER ||
	    (seen.ip.family != FAMILY_IPV4 && seen.ip.family != FAMILY_IPV6)) {
		p->counters.drop_malformed++;
		return false;
	}
	if (!current) {
		p->counters.drop_unasked++;
		return false;
	}
	return input_answer(p, now, slot, from, id, &seen);
}
