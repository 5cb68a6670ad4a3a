#include "nat/survey.h"

#include <string.h>

#define RTO span_ms(500)         /* RFC 8489, 6.2.1; doubled */
#define SENDS 3u
#define PATIENCE span_ms(3500)   /* of a round */

/* The tests, after the servers. */
enum {
	OPENER = SURVEY_SERVERS,     /* B to the server: its mapping, and what the filter knows */
	MAPPING_2, MAPPING_3,        /* A to its other address, then to the other port there */
	FILTER_2, FILTER_3,          /* to B from its other address and port; from the other port */
	HAIRPIN,                     /* B to where A is seen */
};
_Static_assert(HAIRPIN + 1 == SURVEY_QUESTIONS, "a place for each");

void survey_init(struct survey *s, struct random *random, const struct ip *own, unsigned own_count)
{
	memset(s, 0, sizeof(*s));
	s->random = random;
	s->with_other = SURVEY_QUESTIONS;
	for (unsigned i = 0; i < own_count && i < sizeof(s->own) / sizeof(*s->own); i++)
		s->own[s->own_count++] = own[i];
}

static struct survey_question *ask(struct survey *s, unsigned place, struct endpoint to,
				   uint16_t socket, struct endpoint answers)
{
	struct survey_question *q = &s->q[place];

	*q = (struct survey_question){ .asked = true, .to = to, .answers = answers };
	q->to.socket = q->answers.socket = socket;
	random_bytes(s->random, q->id, sizeof(q->id));
	return q;
}

void survey_add(struct survey *s, const struct endpoint *server)
{
	if (s->servers == SURVEY_SERVERS || !server->port || !ip_is_unicast(&server->ip))
		return;
	for (unsigned i = 0; i < s->servers; i++)
		if (ip_equal(&s->q[i].to.ip, &server->ip) && s->q[i].to.port == server->port)
			return;
	ask(s, s->servers++, *server, SURVEY_A, *server);
}

/* The first round is over. RFC 5780, 4.1: the other address must differ in both. */
static void begin_tests(struct survey *s)
{
	struct endpoint seen = survey_seen(s, FAMILY_IPV4);

	for (unsigned i = 0; i < s->servers; i++)
		s->q[i].asked = s->q[i].answered; /* the others are waited for no more */
	if (seen.ip.family)
		ask(s, HAIRPIN, seen, SURVEY_B, seen);
	for (unsigned i = 0; i < s->servers; i++) {
		const struct endpoint at = s->q[i].to, other = s->q[i].other;
		struct endpoint mixed = { .ip = other.ip, .port = at.port };
		struct endpoint changed = { .ip = at.ip, .port = other.port };

		if (!s->q[i].answered || at.ip.family != FAMILY_IPV4 ||
		    other.ip.family != FAMILY_IPV4 || ip_equal(&other.ip, &at.ip) ||
		    !ip_is_public(&other.ip) || !other.port || other.port == at.port)
			continue;
		s->with_other = i;
		ask(s, OPENER, at, SURVEY_B, at);
		ask(s, MAPPING_2, mixed, SURVEY_A, mixed);
		ask(s, MAPPING_3, other, SURVEY_A, other);
		ask(s, FILTER_2, at, SURVEY_B, other)->wish =
			(struct stun_wish){ .change_ip = true, .change_port = true };
		ask(s, FILTER_3, at, SURVEY_B, changed)->wish =
			(struct stun_wish){ .change_port = true };
		return;
	}
}

static bool all_answered(const struct survey *s)
{
	for (unsigned i = 0; i < SURVEY_QUESTIONS; i++)
		if (s->q[i].asked && !s->q[i].answered)
			return false;
	return true;
}

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	return ip_equal(&a->ip, &b->ip) && a->port == b->port && a->socket == b->socket;
}

void survey_input(struct survey *s, struct instant now, const struct endpoint *from,
		  struct bytes datagram)
{
	struct survey_question *h = &s->q[HAIRPIN];
	struct stun_answer a;

	if (h->asked && from->socket == SURVEY_A && stun_is_request(datagram, h->id)) {
		h->answered = s->hairpin = true;
		return;
	}
	if (!stun_answer_decode(datagram, &a) || a.error || !a.mapped.port ||
	    a.mapped.ip.family != from->ip.family || !ip_is_public(&a.mapped.ip))
		return;
	for (struct survey_question *q = s->q; q < &s->q[HAIRPIN]; q++) {
		if (!q->sends || q->answered || !ct_equal(q->id, a.id, STUN_ID) ||
		    !same_place(&q->answers, from))
			continue;
		q->answered = true;
		q->mapped = a.mapped;
		q->other = a.other;
		if (q->sends == 1)
			q->rtt = instant_since(now, q->sent);
	}
}

static void send(struct survey_question *q, struct instant now, struct outbox *out)
{
	uint8_t *data = outbox_reserve(out, STUN_QUESTION_LEN);

	q->next = instant_add(now, (struct span){ RTO.ns << q->sends });
	q->sends++;
	q->sent = now;
	if (!data)
		return; /* repeated */
	const size_t len = stun_question(q->id, &q->wish, data);

	outbox_commit(out, OUT_DATAGRAM, len)->to = q->to;
}

/* A question to be asked now. What filters let in is asked once the mapping of B is there. */
static bool is_due(const struct survey *s, unsigned i, struct instant now)
{
	const struct survey_question *q = &s->q[i];

	if (!q->asked || q->answered || q->sends == SENDS || !instant_reached(q->next, now))
		return false;
	return (i != FILTER_2 && i != FILTER_3) || s->q[OPENER].answered;
}

void survey_tick(struct survey *s, struct instant now, struct outbox *out)
{
	if (!instant_is_set(s->until))
		s->until = instant_add(now, PATIENCE);
	while (s->round < 2 && (all_answered(s) || instant_reached(s->until, now))) {
		s->until = instant_add(now, PATIENCE);
		if (s->round++ == 0)
			begin_tests(s);
	}
	for (unsigned i = s->round ? OPENER : 0; s->round < 2 && i < SURVEY_QUESTIONS; i++)
		if (is_due(s, i, now))
			send(&s->q[i], now, out);
}

bool survey_done(const struct survey *s)
{
	return s->round == 2;
}

struct instant survey_deadline(const struct survey *s)
{
	struct instant first = s->until;

	if (s->round == 2)
		return INSTANT_NEVER;
	if (all_answered(s))
		return INSTANT_ZERO;
	for (unsigned i = s->round ? OPENER : 0; i < SURVEY_QUESTIONS; i++)
		if (is_due(s, i, INSTANT_NEVER))
			first = instant_min(first, s->q[i].next);
	return first;
}

/* --- what it means -------------------------------------------------------------------------- */

struct endpoint survey_seen(const struct survey *s, enum family family)
{
	for (unsigned i = 0; i < s->servers; i++)
		if (s->q[i].answered && s->q[i].mapped.ip.family == family)
			return s->q[i].mapped;
	return (struct endpoint){ 0 };
}

struct endpoint survey_helper(const struct survey *s)
{
	return s->with_other < SURVEY_QUESTIONS ? s->q[s->with_other].to : (struct endpoint){ 0 };
}

static bool is_own(const struct survey *s, const struct ip *ip)
{
	for (unsigned i = 0; i < s->own_count; i++)
		if (ip_equal(&s->own[i], ip))
			return true;
	return false;
}

enum survey_mapping survey_mapping(const struct survey *s)
{
	const struct survey_question *two = &s->q[MAPPING_2], *three = &s->q[MAPPING_3];
	struct endpoint seen = survey_seen(s, FAMILY_IPV4);
	unsigned voices = 0;

	if (!seen.ip.family)
		return SURVEY_MAPPING_UNKNOWN;
	if (is_own(s, &seen.ip))
		return SURVEY_NO_NAT;
	if (two->answered && endpoint_equal(&two->mapped, &s->q[s->with_other].mapped))
		return SURVEY_INDEPENDENT;
	if (two->answered && three->answered)
		return endpoint_equal(&three->mapped, &two->mapped) ? SURVEY_ADDRESS :
		       SURVEY_ADDRESS_AND_PORT;
	for (unsigned i = 0; i < s->servers; i++) {
		if (!s->q[i].answered || s->q[i].mapped.ip.family != FAMILY_IPV4)
			continue;
		if (!endpoint_equal(&s->q[i].mapped, &seen))
			return SURVEY_DEPENDENT;
		voices++;
	}
	return voices > 1 ? SURVEY_INDEPENDENT : SURVEY_MAPPING_UNKNOWN;
}

enum survey_filtering survey_filtering(const struct survey *s)
{
	if (!s->q[OPENER].answered)
		return SURVEY_FILTERING_UNKNOWN;
	if (s->q[FILTER_2].answered)
		return SURVEY_LETS_ALL;
	return s->q[FILTER_3].answered ? SURVEY_LETS_ADDRESS : SURVEY_LETS_ADDRESS_AND_PORT;
}

enum survey_hairpin survey_hairpin(const struct survey *s)
{
	if (!s->q[HAIRPIN].asked || survey_mapping(s) == SURVEY_NO_NAT)
		return SURVEY_HAIRPIN_UNKNOWN;
	return s->hairpin ? SURVEY_HAIRPIN_YES : SURVEY_HAIRPIN_NO;
}
