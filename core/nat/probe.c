#include "nat/path_impl.h"

#include "base/cursor.h"

#include <string.h>

/* Answers for one member: a burst of 20, then 20 a second. */
#define ANSWER_BURST 20u
#define ANSWER_EVERY span_ms(50)

void probe_send(struct paths *p, uint32_t slot, const struct endpoint *to, uint8_t id[static 8],
		struct outbox *out)
{
	uint8_t *data = outbox_reserve(out, PATH_PROBE_LEN);

	random_bytes(p->config.random, id, 8);
	if (!data)
		return;
	struct writer w = wr_of(data, PATH_PROBE_LEN);
	wr_u8(&w, PATH_TYPE_PROBE);
	wr_bytes(&w, id, 8);
	wr_zero(&w, PATH_PROBE_LEN - 9);
	struct out *o = outbox_commit(out, OUT_MESSAGE, PATH_PROBE_LEN);
	o->slot = slot;
	o->to = *to;
	p->counters.probes_sent++;
}

static bool may_answer(struct path *path, struct instant now)
{
	uint64_t earned = instant_since(now, path->answer_refill).ns / ANSWER_EVERY.ns;

	if (earned) {
		path->answer_tokens = earned > ANSWER_BURST ? ANSWER_BURST :
			path->answer_tokens + (uint32_t)earned;
		if (path->answer_tokens > ANSWER_BURST)
			path->answer_tokens = ANSWER_BURST;
		path->answer_refill = now;
	}
	if (!path->answer_tokens)
		return false;
	path->answer_tokens--;
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
			bool knows_us, struct outbox *out)
{
	struct path *path = &p->list[slot];

	p->counters.probes_received++;
	if (!may_answer(path, now)) {
		p->counters.drop_rate++;
		return;
	}
	answer(p, slot, from, id, epoch, out);
	if (knows_us) {
		paths_heard(p, slot, from, now);
		return;
	}
	/* It does not know our epoch, so it was just started, or this is a replay. Our own probe
	 * finds out, and its answer tells us the epoch. */
	struct address *a = path_address(p, slot, from);
	if (a && (!a->waiting || instant_since(now, a->sent).ns >= span_ms(200).ns)) {
		a->next = now;
		a->waiting = false;
		path_reschedule(p, slot);
	}
}

static void remember_seen(struct paths *p, uint32_t slot, const struct endpoint *as,
			  struct instant now)
{
	unsigned oldest = 0;
	bool news = true;

	for (unsigned i = 0; i < PATH_OBSERVERS; i++) {
		if (instant_is_set(p->seen[i].at) && endpoint_equal(&p->seen[i].as, as))
			news = false;
		if (p->seen[i].by == slot && p->seen[i].as.ip.family == as->ip.family) {
			oldest = i;
			break;
		}
		if (p->seen[i].at.ns < p->seen[oldest].at.ns)
			oldest = i;
	}
	p->seen[oldest].as = *as;
	p->seen[oldest].by = slot;
	p->seen[oldest].at = now;
	if (news)
		path_fact_add(p, PATH_FACT_SEEN_AS, slot, as, 0);
}

static bool input_answer(struct paths *p, struct instant now, uint32_t slot,
			 const struct endpoint *from, const uint8_t id[static 8],
			 const struct endpoint *seen)
{
	struct path *path = &p->list[slot];
	struct address *hit = NULL;
	struct span rtt;

	for (unsigned i = 0; i < path->count; i++) {
		struct address *a = &path->list[i];
		if (a->waiting && endpoint_equal(&a->to, from) && ct_equal(a->id, id, 8))
			hit = a;
	}
	if (hit) {
		rtt = instant_since(now, hit->sent);
	} else if (path_seeds_answer(p, slot, from, id, now, &rtt)) {
		hit = path_address(p, slot, from);
	}
	if (!hit) {
		p->counters.drop_unasked++;
		return false;
	}
	p->counters.answers_received++;
	hit->to = *from; /* with the address of ours that it came to */
	path_answered(p, slot, hit, rtt, now);
	if (ip_is_unicast(&seen->ip) && seen->port)
		remember_seen(p, slot, seen, now);
	return true;
}

bool paths_input(struct paths *p, struct instant now, uint32_t slot, const struct endpoint *from,
		 struct bytes message, uint64_t epoch, bool knows_us, struct outbox *out)
{
	struct cursor c = cur_of(message.data, message.len);
	struct endpoint seen = { 0 };
	uint8_t id[8];
	uint8_t type = cur_u8(&c);

	cur_bytes(&c, id, sizeof(id));
	seen.ip.family = cur_u8(&c);
	seen.port = cur_be16(&c);
	cur_bytes(&c, seen.ip.b, 16);
	if (!cur_ok(&c) || message.len != PATH_PROBE_LEN || slot >= p->config.members ||
	    !p->list[slot].admitted) {
		p->counters.drop_malformed++;
		return false;
	}
	if (type == PATH_TYPE_PROBE) {
		input_probe(p, now, slot, from, id, epoch, knows_us, out);
		return false;
	}
	if (type != PATH_TYPE_ANSWER ||
	    (seen.ip.family != FAMILY_IPV4 && seen.ip.family != FAMILY_IPV6)) {
		p->counters.drop_malformed++;
		return false;
	}
	if (!knows_us) {
		p->counters.drop_unasked++;
		return false;
	}
	return input_answer(p, now, slot, from, id, &seen);
}
