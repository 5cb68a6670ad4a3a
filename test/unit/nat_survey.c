/* What a NAT does, by RFC 5780: the nine kinds of RFC 4787 with and without hairpins, servers with
 * one address and with two, such that lie; in virtual time. */
#include "tap.h"

#include "contexts.h"
#include "nat/survey.h"

enum reach { ANY, ADDRESS, ADDRESS_AND_PORT };

#define ENTRIES 32
static struct world {
	enum reach mapping, filtering;
	bool no_nat, hairpin, udp_blocked;
	bool deaf;                   /* servers have one address each */
	bool dishonest;              /* they answer all from where they were asked */
	uint16_t next_port;
	struct entry {
		uint16_t socket, outside;
		struct endpoint to;      /* that it was made for */
		struct endpoint asked[8]; /* that were sent to */
		unsigned count;
	} list[ENTRIES];
	unsigned count;
} w;

static struct survey s;
static struct random random_state;
static struct instant now;
static const struct ip outside = { FAMILY_IPV4, { 6, 1, 0, 2 } };

static struct endpoint at(uint8_t last, uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(5, 5, 5, last), .port = port };
}

static bool same(enum reach r, const struct endpoint *a, const struct endpoint *b)
{
	return r == ANY || (ip_equal(&a->ip, &b->ip) && (r == ADDRESS || a->port == b->port));
}

/* The mapping that a datagram to there uses, which it makes if need be. */
static struct entry *outward(uint16_t socket, const struct endpoint *to)
{
	struct entry *e = w.list;

	while (e < w.list + w.count && (e->socket != socket || !same(w.mapping, &e->to, to)))
		e++;
	if (e == w.list + w.count) {
		w.count++;
		*e = (struct entry){ .socket = socket, .outside = w.next_port++, .to = *to };
	}
	e->asked[e->count++ % 8] = *to;
	return e;
}

/* From there to an outside port. */
static void inward(const struct endpoint *source, uint16_t port, struct bytes data)
{
	struct endpoint from = *source;

	for (struct entry *e = w.list; e < w.list + w.count; e++)
		for (unsigned i = 0; e->outside == port && i < e->count && i < 8; i++)
			if (same(w.filtering, &e->asked[i], source)) {
				from.socket = e->socket;
				survey_input(&s, now, &from, data);
				return;
			}
}

static size_t answer(const uint8_t *question, const struct endpoint *seen,
		     const struct endpoint *other, uint8_t raw[64])
{
	static const uint8_t head[] = { 1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42 };
	size_t len = 32;

	memset(raw, 0, 64);
	memcpy(raw, head, sizeof(head));
	memcpy(raw + 8, question + 8, STUN_ID);
	store_be16(raw + 20, 0x0001);
	store_be16(raw + 22, 8);
	raw[25] = 1;
	store_be16(raw + 26, seen->port);
	memcpy(raw + 28, seen->ip.b, 4);
	if (other) {
		raw[3] = 24;
		store_be16(raw + 32, 0x802C);
		store_be16(raw + 34, 8);
		raw[37] = 1;
		store_be16(raw + 38, other->port);
		memcpy(raw + 40, other->ip.b, 4);
		len = 44;
	}
	return len;
}

/* Servers are 5.5.5.1 and 5.5.5.2 (3478 and 3479), one the other's other, and 5.5.5.9 alone. */
static void served(const struct out *o, const struct endpoint *seen)
{
	struct endpoint from = o->to, other = at(3 - o->to.ip.b[3], 6957 - o->to.port);
	const bool has_other = !w.deaf && o->to.ip.b[3] <= 2;
	uint8_t raw[64];

	if (o->to.ip.b[0] != 5 || (o->to.ip.b[3] > 2 && o->to.ip.b[3] != 9))
		return;
	from.socket = 0;
	if (o->len == STUN_QUESTION_LEN) {
		const uint32_t flags = load_be32(o->data + 24);

		eq_int(load_be16(o->data + 20), 3);
		if (!has_other)
			return;
		if (!w.dishonest && (flags & 4))
			from.ip = other.ip;
		if (!w.dishonest && (flags & 2))
			from.port = other.port;
	}
	const size_t len = answer(o->data, seen, has_other ? &other : NULL, raw);

	inward(&from, seen->port, bytes_of(raw, len));
}

static void network(const struct out *o)
{
	struct endpoint seen = { .ip = outside };

	ok(stun_fingerprint_ok(bytes_of(o->data, o->len)));
	if (w.udp_blocked)
		return;
	struct entry *e = outward(o->to.socket, &o->to);
	seen.port = e->outside;
	if (!ip_equal(&o->to.ip, &outside))
		served(o, &seen);
	else if (w.hairpin || w.no_nat)
		inward(&seen, o->to.port, bytes_of(o->data, o->len));
}

static void begin(enum reach mapping, enum reach filtering)
{
	const uint8_t entropy[32] = { 3 };
	const struct ip own[2] = { ip_v4(192, 168, 1, 2), outside };

	test_crypto();
	random_init(&random_state, entropy);
	w = (struct world){ .mapping = mapping, .filtering = filtering, .next_port = 40000 };
	now = (struct instant){ 1000000000u };
	survey_init(&s, &random_state, own, 1);
}

/* To the end; milliseconds that it took. */
static uint64_t run(void)
{
	static struct out items[SURVEY_QUESTIONS];
	static uint8_t arena[4096];
	const struct instant start = now;
	struct outbox out;

	outbox_init(&out, items, SURVEY_QUESTIONS, arena, sizeof(arena));
	for (unsigned turn = 0; !survey_done(&s) && turn < 1000; turn++) {
		outbox_clear(&out);
		survey_tick(&s, now, &out);
		ok(!out.refused);
		for (uint32_t i = 0; i < out.count; i++)
			network(&out.items[i]);
		struct instant next = survey_deadline(&s);
		if (next.ns != UINT64_MAX && next.ns > now.ns)
			now = next;
	}
	ok(survey_done(&s));
	return span_in_ms(instant_since(now, start));
}

static void servers(unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last; i++) {
		struct endpoint e = at((uint8_t)i, 3478);

		survey_add(&s, &e);
	}
}

static void each_of_the_nine_kinds_is_told_by_a_server_with_two_addresses(void)
{
	static const enum survey_mapping mappings[] = {
		[ANY] = SURVEY_INDEPENDENT, [ADDRESS] = SURVEY_ADDRESS,
		[ADDRESS_AND_PORT] = SURVEY_ADDRESS_AND_PORT,
	};
	static const enum survey_filtering filterings[] = {
		[ANY] = SURVEY_LETS_ALL, [ADDRESS] = SURVEY_LETS_ADDRESS,
		[ADDRESS_AND_PORT] = SURVEY_LETS_ADDRESS_AND_PORT,
	};

	for (unsigned kind = 0; kind < 18; kind++) {
		begin(kind % 3, kind / 3 % 3);
		w.hairpin = kind >= 9;
		servers(1, 1);
		ok(run() <= 7000);
		eq_int(survey_mapping(&s), mappings[kind % 3]);
		eq_int(survey_filtering(&s), filterings[kind / 3 % 3]);
		/* What comes back comes from our own address, which that filter must let in. */
		if (w.filtering == ANY || !w.hairpin)
			eq_int(survey_hairpin(&s),
			       w.hairpin ? SURVEY_HAIRPIN_YES : SURVEY_HAIRPIN_NO);
	}
}

static void two_servers_with_one_address_tell_less(void)
{
	begin(ANY, ADDRESS_AND_PORT);
	w.deaf = true;
	servers(1, 2);
	run();
	eq_int(survey_mapping(&s), SURVEY_INDEPENDENT);
	eq_int(survey_filtering(&s), SURVEY_FILTERING_UNKNOWN);
	begin(ADDRESS, ADDRESS);
	w.deaf = true;
	servers(1, 2);
	run();
	eq_int(survey_mapping(&s), SURVEY_DEPENDENT);
	begin(ANY, ANY);
	servers(9, 9); /* and one alone next to nothing */
	run();
	eq_int(survey_mapping(&s), SURVEY_MAPPING_UNKNOWN);
	ok(survey_seen(&s, FAMILY_IPV4).port == 40000);
}

static void an_address_of_this_host_is_no_nat(void)
{
	const struct ip own[2] = { ip_v4(192, 168, 1, 2), outside };

	begin(ANY, ADDRESS_AND_PORT);
	survey_init(&s, &random_state, own, 2);
	w.no_nat = true;
	servers(1, 1);
	run();
	eq_int(survey_mapping(&s), SURVEY_NO_NAT);
	eq_int(survey_filtering(&s), SURVEY_LETS_ADDRESS_AND_PORT); /* a firewall */
	eq_int(survey_hairpin(&s), SURVEY_HAIRPIN_UNKNOWN);
}

static void nobody_answers_and_it_ends_all_the_same(void)
{
	begin(ANY, ANY);
	w.udp_blocked = true;
	servers(1, 2);
	ok(run() <= 7000);
	eq_int(survey_mapping(&s), SURVEY_MAPPING_UNKNOWN);
	eq_int(survey_filtering(&s), SURVEY_FILTERING_UNKNOWN);
	eq_int(survey_hairpin(&s), SURVEY_HAIRPIN_UNKNOWN);
	ok(!endpoint_is_set(&(struct endpoint){ 0 }) && !survey_seen(&s, FAMILY_IPV4).port);
	/* A dead server beside a good one costs its patience, once. */
	begin(ANY, ANY);
	w.hairpin = true;
	servers(1, 1);
	servers(7, 7);
	ok(run() < 4500);
	eq_int(survey_filtering(&s), SURVEY_LETS_ALL);
	/* Without any there is nothing to wait for. */
	begin(ANY, ANY);
	eq_int(run(), 0);
}

/* It says that it answers from elsewhere, and answers from where it was asked. */
static void an_answer_from_the_wrong_place_opens_no_filter(void)
{
	begin(ANY, ADDRESS_AND_PORT);
	w.dishonest = true;
	servers(1, 1);
	run();
	eq_int(survey_filtering(&s), SURVEY_LETS_ADDRESS_AND_PORT);
}

static void a_question_of_rfc_5780_is_well_formed(void)
{
	const uint8_t id[STUN_ID] = { 1, 2, 3 }, other[STUN_ID] = { 1, 2, 4 };
	struct stun_wish wish = { .change_ip = true, .change_port = true };
	uint8_t raw[STUN_QUESTION_LEN];
	static const uint8_t change[] = { 0, 3, 0, 4, 0, 0, 0, 6 };
	static const uint8_t port[] = { 0, 0x27, 0, 4, 0x12, 0x34, 0, 0 };

	eq_int(stun_question(id, &wish, raw), STUN_QUESTION_LEN);
	eq_mem(raw + 20, change, sizeof(change));
	ok(stun_fingerprint_ok(bytes_of(raw, sizeof(raw))));
	wish = (struct stun_wish){ .response_port = 0x1234 };
	eq_int(stun_question(id, &wish, raw), STUN_QUESTION_LEN);
	eq_mem(raw + 20, port, sizeof(port));
	ok(stun_is_request(bytes_of(raw, sizeof(raw)), id));
	ok(!stun_is_request(bytes_of(raw, sizeof(raw)), other));
	ok(!stun_is_request(bytes_of(raw, 19), id));
	eq_int(stun_question(id, &(struct stun_wish){ 0 }, raw), STUN_REQUEST_LEN);
}

static void no_more_servers_than_there_is_room_for(void)
{
	begin(ANY, ANY);
	servers(10, 40);
	servers(10, 40);
	eq_int(s.servers, SURVEY_SERVERS);
	run();
	begin(ANY, ANY);
	servers(1, 1);
	servers(1, 1);
	eq_int(s.servers, 1);
}

TAP_TESTS(T(each_of_the_nine_kinds_is_told_by_a_server_with_two_addresses),
	  T(two_servers_with_one_address_tell_less), T(an_address_of_this_host_is_no_nat),
	  T(nobody_answers_and_it_ends_all_the_same),
	  T(an_answer_from_the_wrong_place_opens_no_filter),
	  T(a_question_of_rfc_5780_is_well_formed), T(no_more_servers_than_there_is_room_for))
