#include "nat/mapping.h"

#include <string.h>

#define FIRST_WAIT span_ms(250)  /* doubled for each repetition */
#define SENDS 3u                 /* of a question whose answer nobody may be there to give */
#define RENEW_SENDS 9u           /* to a router that answered before (RFC 6886, 3.1) */
#define UPNP_PATIENCE span_s(30) /* the helper ends before */
#define REST span_s(300)         /* when no protocol worked */
#define WATCH span_s(60)
#define RESTART_EACH span_s(5)
#define JUST_NOW 2u              /* seconds that a router which announces itself has run for */
#define SHORTEST 20u             /* seconds of a lifetime that we believe */

void mapping_init(struct mapping *m, struct random *random, uint16_t port)
{
	memset(m, 0, sizeof(*m));
	m->random = random;
	m->port = port;
	m->next = m->watch = INSTANT_NEVER;
}

static void ask(struct mapping *m, struct instant now)
{
	m->asking = true;
	m->rested = false;
	m->sends = 0;
	m->next = now;
}

static void begin(struct mapping *m, struct instant now)
{
	random_bytes(m->random, m->nonce, sizeof(m->nonce));
	m->protocol = MAPPING_PCP;
	m->epoch_at = INSTANT_ZERO;
	m->watch = INSTANT_NEVER;
	ask(m, now);
}

static void forget(struct mapping *m)
{
	m->changed |= mapping_external(m, &(struct endpoint){ 0 });
	m->mapped = false;
	m->external = (struct endpoint){ 0 };
	m->told_ip = (struct ip){ 0 };
	m->upnp = UPNP_NOTHING;
	m->watch = INSTANT_NEVER;
}

void mapping_network(struct mapping *m, const struct ip *gateway, const struct ip *client,
		     struct instant now)
{
	if (ip_equal(&m->gateway, gateway) && ip_equal(&m->client, client))
		return;
	forget(m);
	m->gateway = *gateway;
	m->client = *client;
	m->asking = m->rested = false;
	m->next = INSTANT_NEVER;
	if (gateway->family && gateway->family == client->family)
		begin(m, now);
}

bool mapping_external(const struct mapping *m, struct endpoint *out)
{
	if (!m->mapped || !endpoint_is_set(&m->external))
		return false;
	*out = m->external;
	return true;
}

/* The next protocol; after the last one a pause. */
static void fail(struct mapping *m, struct instant now)
{
	forget(m);
	m->counters.refused++;
	if (m->protocol + 1 < MAPPING_PROTOCOLS && m->client.family == FAMILY_IPV4) {
		m->protocol++;
		ask(m, now);
		return;
	}
	m->protocol = MAPPING_PCP;
	m->asking = false;
	m->rested = true;
	m->next = instant_add(now, REST);
}

static void got(struct mapping *m, struct instant now, const struct endpoint *external,
		uint32_t lifetime_s)
{
	uint32_t s = lifetime_s > MAPPING_LIFETIME ? MAPPING_LIFETIME : lifetime_s;

	m->counters.answers++;
	m->changed |= !m->mapped || !endpoint_equal(&m->external, external);
	m->mapped = true;
	m->external = *external;
	m->asking = false;
	s = s < SHORTEST ? SHORTEST : s;
	m->until = instant_add(now, span_s(s));
	m->renew = m->next = instant_add(now, span_s(s / 2));
	m->watch = m->protocol == MAPPING_UPNP ? INSTANT_NEVER : instant_add(now, WATCH);
}

/* RFC 6886, 3.6: its clock may run an eighth slower than ours, and two seconds are granted. */
static bool lost_its_tables(struct mapping *m, uint32_t epoch_s, struct instant now)
{
	uint64_t passed = span_in_s(instant_since(now, m->epoch_at));
	bool lost = instant_is_set(m->epoch_at) &&
		    epoch_s + (uint64_t)2 < m->epoch_s + passed * 7 / 8;

	m->epoch_s = epoch_s;
	m->epoch_at = now;
	return lost;
}

static void input_map(struct mapping *m, struct instant now, const struct pcp_answer *a)
{
	struct endpoint e = { .ip = a->external_ip, .port = a->external };

	if (!m->asking || m->protocol == MAPPING_UPNP || a->internal != m->port ||
	    (a->kind == PCP_ANSWER_MAP) != (m->protocol == MAPPING_PCP) ||
	    (a->kind == PCP_ANSWER_MAP && !ct_equal(a->nonce, m->nonce, PCP_NONCE))) {
		m->counters.drop_unasked++;
		return;
	}
	if (a->result || !a->lifetime_s || !a->external) {
		fail(m, now);
		return;
	}
	if (a->kind == NATPMP_ANSWER_MAP)
		e.ip = m->told_ip; /* family 0 until it is told */
	if (a->kind == NATPMP_ANSWER_MAP && !e.ip.family)
		e = (struct endpoint){ .port = a->external };
	got(m, now, &e, a->lifetime_s);
}

static void input_address(struct mapping *m, const struct pcp_answer *a)
{
	if (a->result || m->protocol != MAPPING_NATPMP) {
		m->counters.drop_unasked += !a->result;
		return;
	}
	m->changed |= m->mapped && !ip_equal(&m->told_ip, &a->external_ip);
	m->told_ip = a->external_ip;
	if (m->mapped)
		m->external.ip = a->external_ip;
}

void mapping_input(struct mapping *m, struct instant now, const struct endpoint *from,
		   struct bytes datagram)
{
	struct pcp_answer a;
	bool lost;

	if (!m->gateway.family || !ip_equal(&from->ip, &m->gateway) || from->port != PCP_PORT) {
		m->counters.drop_source++;
		return;
	}
	if (!pcp_decode(datagram, &a)) {
		m->counters.drop_malformed++;
		return;
	}
	if (a.kind == PCP_ANSWER_VERSION) {
		if (m->asking && m->protocol != MAPPING_UPNP)
			fail(m, now);
		return;
	}
	lost = lost_its_tables(m, a.epoch_s, now);
	switch (a.kind) {
	case PCP_ANSWER_MAP:
	case NATPMP_ANSWER_MAP:
		input_map(m, now, &a);
		lost = false; /* it was made just now */
		break;
	case NATPMP_ANSWER_ADDRESS:
		input_address(m, &a);
		break;
	case PCP_ANSWER_ANNOUNCE:
		lost |= a.epoch_s <= JUST_NOW;
		break;
	case PCP_ANSWER_VERSION:
		break;
	}
	if (lost && instant_is_set(m->lost_at) &&
	    instant_since(now, m->lost_at).ns < RESTART_EACH.ns)
		return;
	m->lost_at = lost ? now : m->lost_at;
	if (lost && m->mapped && !m->asking) {
		m->counters.restarts++;
		ask(m, now);
	} else if (lost && m->rested) {
		begin(m, now);
	}
}

void mapping_restarted(struct mapping *m, struct instant now)
{
	if (m->asking || (!m->mapped && !m->rested) ||
	    (instant_is_set(m->lost_at) && instant_since(now, m->lost_at).ns < RESTART_EACH.ns))
		return;
	m->lost_at = now;
	m->counters.restarts++;
	if (m->mapped)
		ask(m, now);
	else
		begin(m, now);
}

void mapping_upnp_done(struct mapping *m, struct instant now, const struct endpoint *external,
		       uint32_t lifetime_s)
{
	if (!m->asking || m->protocol != MAPPING_UPNP)
		return;
	m->epoch_at = now;
	if (external && external->port)
		got(m, now, external, lifetime_s);
	else
		fail(m, now);
}

static void put(struct mapping *m, const uint8_t *data, size_t len, struct outbox *out)
{
	uint8_t *to = outbox_reserve(out, len);

	if (!to)
		return; /* repeated */
	memcpy(to, data, len);
	outbox_commit(out, OUT_DATAGRAM, len)->to = (struct endpoint){
		.ip = m->gateway, .port = PCP_PORT,
	};
	m->counters.requests++;
}

static void send_wish(struct mapping *m, uint32_t lifetime_s, struct outbox *out)
{
	struct pcp_wish wish = {
		.client = m->client, .internal = m->port, .lifetime_s = lifetime_s,
		.external = m->mapped ? m->external.port : m->port,
		.external_ip = m->mapped ? m->external.ip : (struct ip){ 0 },
	};
	uint8_t data[PCP_MAP_LEN];

	memcpy(wish.nonce, m->nonce, sizeof(wish.nonce));
	if (m->protocol == MAPPING_PCP) {
		pcp_map(&wish, data);
		put(m, data, PCP_MAP_LEN, out);
		return;
	}
	if (lifetime_s) {
		natpmp_address(data);
		put(m, data, NATPMP_ADDRESS_LEN, out);
	}
	natpmp_map(&wish, data);
	put(m, data, NATPMP_MAP_LEN, out);
}

/* Whether its tables are as old as they should be. */
static void send_watch(struct mapping *m, struct instant now, struct outbox *out)
{
	uint8_t data[PCP_ANNOUNCE_LEN];

	m->watch = instant_add(now, WATCH);
	if (m->protocol == MAPPING_PCP) {
		pcp_announce(&m->client, data);
		put(m, data, PCP_ANNOUNCE_LEN, out);
	} else {
		natpmp_address(data);
		put(m, data, NATPMP_ADDRESS_LEN, out);
	}
}

static void asking(struct mapping *m, struct instant now, struct outbox *out)
{
	unsigned most = m->mapped ? RENEW_SENDS : SENDS;

	if (m->protocol == MAPPING_UPNP) {
		if (m->sends++) {
			fail(m, now);
			return;
		}
		m->upnp = UPNP_MAP;
		m->next = instant_add(now, UPNP_PATIENCE);
		return;
	}
	if (m->sends == most) {
		fail(m, now);
		return;
	}
	send_wish(m, MAPPING_LIFETIME, out);
	m->next = instant_add(now, (struct span){ FIRST_WAIT.ns << m->sends });
	m->sends++;
}

void mapping_tick(struct mapping *m, struct instant now, struct outbox *out)
{
	if (instant_reached(m->watch, now) && !m->asking)
		send_watch(m, now, out);
	if (!instant_reached(m->next, now))
		return;
	if (!m->asking && m->mapped)
		ask(m, now);
	else if (!m->asking)
		begin(m, now);
	asking(m, now, out);
}

struct instant mapping_deadline(const struct mapping *m)
{
	return m->asking ? m->next : instant_min(m->next, m->watch);
}

void mapping_stop(struct mapping *m, struct outbox *out)
{
	bool was = m->mapped;

	if (was && m->protocol == MAPPING_UPNP)
		m->upnp = UPNP_UNMAP;
	else if (was)
		send_wish(m, 0, out);
	m->mapped = m->asking = m->rested = false;
	m->next = m->watch = INSTANT_NEVER;
}
