/* Messages of spread. A first byte of 0: the rest is one message as it comes. Else: the rest is a
 * script of messages, genuine objects, prints, orgs, time and admissions. After each step: what
 * goes out is well formed and goes to an admitted peer; index, sums, queue and stores agree; and
 * nothing that its org revoked is held. */
#include "contexts.h"

#include "base/cursor.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "org/index.h"
#include "org/spread.h"
#include "org/state.h"
#include "org/tell.h"

#include <string.h>

#define PEERS 5u
#define ORGS 3u
#define PERSONS 3u
#define KINDS 6u
#define STEPS 256u
#define CAP 16u
#define WALL 1000u

static struct public_key peer_keys[PEERS + 1], org_keys[ORGS], person_keys[PERSONS];
static struct secret_key org_secrets[ORGS];
static struct statement said[ORGS][PERSONS][KINDS];
static struct certificate certified[ORGS][PERSONS][2];

static struct outbox out;
static struct spread *spread;
static struct statement_store *statements;
static struct certificate_store *certificates;
static struct instant clock_now;
static bool admitted[PEERS];

static void make_keys(void)
{
	struct secret_key unused;

	for (unsigned i = 0; i <= PEERS + ORGS + PERSONS; i++) {
		const uint8_t seed[32] = { (uint8_t)(i + 1) };

		if (i <= PEERS)
			ed25519_from_seed(&peer_keys[i], &unused, seed);
		else if (i <= PEERS + ORGS)
			ed25519_from_seed(&org_keys[i - PEERS - 1], &org_secrets[i - PEERS - 1],
					  seed);
		else
			ed25519_from_seed(&person_keys[i - PEERS - ORGS - 1], &unused, seed);
	}
}

/* Of each org and person: two revocations, two vouches, two aliases; two certificates, of which the
 * newer ends first. */
static void make_objects(void)
{
	for (unsigned org = 0; org < ORGS; org++)
		for (unsigned who = 0; who < PERSONS; who++) {
			for (unsigned k = 0; k < KINDS; k++) {
				struct statement_body b = {
					.kind = 1 + k / 2, .issuer = org_keys[org],
					.subject = person_keys[who], .number = 1 + k % 2,
				};

				if (b.kind == STATEMENT_ALIAS)
					b.name[0] = 'a';
				BUG_ON(!statement_sign(&b, &org_secrets[org], NULL,
						       &said[org][who][k]));
			}
			for (unsigned k = 0; k < 2; k++) {
				struct certificate_body b = {
					.org = org_keys[org], .node = person_keys[who],
					.not_before = WALL - 10 + 15 * k,
					.expires = WALL + 60 - 30 * k, .name = "n",
				};

				BUG_ON(!certificate_sign(&b, &org_secrets[org],
							 &certified[org][who][k]));
			}
		}
}

static uint64_t wall(void)
{
	return WALL + clock_now.ns / 1000000000u;
}

static void trust_orgs(uint8_t which)
{
	struct public_key list[ORGS];
	unsigned count = 0;

	for (unsigned i = 0; i < ORGS; i++) {
		unsigned org = which & 0x80 ? ORGS - 1 - i : i;

		if (which >> org & 1)
			list[count++] = org_keys[org];
	}
	spread_orgs(spread, list, count, clock_now);
}

static void start(void)
{
	static uint64_t memory[3][1u << 13];
	static struct out items[256];
	static uint8_t arena[256 * 2048];
	const uint8_t hash_key[16] = { 1 };
	struct spread_config config = { .members = PEERS, .seed = 7, .self = peer_keys[PEERS] };

	BUG_ON(statement_store_size(CAP) > sizeof(memory[0])
	       || certificate_store_size(CAP) > sizeof(memory[1])
	       || spread_size(PEERS, CAP, CAP) > sizeof(memory[2]));
	memset(memory, 0, sizeof(memory));
	outbox_init(&out, items, 256, arena, sizeof(arena));
	clock_now = (struct instant){ 1000000000u };
	statements = statement_store_init(memory[0], CAP, hash_key);
	certificates = certificate_store_init(memory[1], CAP, hash_key);
	config.statements = statements;
	config.certificates = certificates;
	spread = spread_init(memory[2], &config, clock_now);
	for (uint32_t i = 0; i < PEERS; i++) {
		spread_admit(spread, i, &peer_keys[i]);
		admitted[i] = true;
	}
	trust_orgs(3);
}

/* --- what must hold */

static void check_sent(void)
{
	struct spread_message m;

	for (uint32_t i = 0; i < out.count; i++) {
		const struct out *o = &out.items[i];

		BUG_ON(o->kind != OUT_MESSAGE || o->slot >= PEERS || !admitted[o->slot]);
		BUG_ON(!spread_decode(bytes_of(o->data, o->len), &m));
	}
	BUG_ON(out.refused);
	outbox_clear(&out);
}

static void check_facts(void)
{
	struct spread_fact f;

	while (spread_next_fact(spread, &f)) {
		if (f.kind == SPREAD_FACT_CERTIFICATE)
			certificate_store_at(certificates, f.slot);
		else
			statement_store_at(statements, f.slot);
	}
}

static void check_held(void)
{
	uint64_t sums[ORGS] = { 0 };
	uint32_t slot = CERTIFICATE_NONE;

	BUG_ON(spread->held
	       != certificate_store_count(certificates) + statement_store_count(statements));
	for (uint32_t i = 0; i < spread->held; i++) {
		const struct ref *r = &spread->refs[i];

		BUG_ON(r->org >= spread->org_count);
		BUG_ON(i && (r[-1].org > r->org || (r[-1].org == r->org && r[-1].hash > r->hash)));
		BUG_ON(index_find(spread, r->org, r->hash) != r);
		BUG_ON(load_be64(r->kind == SPREAD_CERTIFICATE
				 ? certificate_store_hash(certificates, r->slot)
				 : statement_store_hash(statements, r->slot)) != r->hash);
		sums[r->org] += r->hash;
	}
	for (unsigned i = 0; i < spread->org_count; i++)
		BUG_ON(spread->orgs[i].digest != sums[i]);
	while ((slot = certificate_store_next(certificates, slot)) != CERTIFICATE_NONE) {
		const struct certificate_body *b = &certificate_store_at(certificates, slot)->body;

		BUG_ON(statement_store_find(statements, STATEMENT_REVOCATION, &b->org, &b->node)
		       != STATEMENT_NONE);
	}
	for (uint32_t i = 0; i < spread->rumour_count; i++) {
		const struct ref *r = &spread->rumours[i].ref;
		const struct ref *held = index_find(spread, r->org, r->hash);

		BUG_ON(!held || held->slot != r->slot || held->kind != r->kind);
	}
}

static void check(void)
{
	check_sent();
	check_facts();
	check_held();
}

/* --- steps */

static void pass(uint64_t ms)
{
	struct instant until = instant_add(clock_now, span_ms(ms));

	for (unsigned i = 0; i < 64 && instant_before(spread_deadline(spread), until); i++) {
		if (instant_before(clock_now, spread_deadline(spread)))
			clock_now = spread_deadline(spread);
		spread_tick(spread, clock_now, wall(), &out);
		check();
	}
	clock_now = until;
}

static uint64_t id_of(const struct public_key *key)
{
	struct hash h;

	blake3(&h, key->b, sizeof(key->b));
	return load_be64(h.b);
}

static uint64_t print(uint32_t from, unsigned org)
{
	return tell_print(id_of(&peer_keys[from]), id_of(&peer_keys[PEERS]), &org_keys[org]);
}

static void hear(uint32_t from, struct bytes message)
{
	spread_input(spread, clock_now, wall(), from, message, &out);
}

static void say_orgs(uint32_t from, uint8_t which, uint8_t flags, struct cursor *script)
{
	uint8_t memory[3 + 16 * ORGS];
	struct writer w = wr_of(memory, sizeof(memory));

	wr_u8(&w, SPREAD_MSG_ORGS);
	wr_u8(&w, flags);
	wr_u8(&w, which >> 4);
	for (unsigned i = 0; i < ORGS; i++)
		if (which >> i & 1) {
			wr_be64(&w, print(from, i));
			wr_be64(&w, tell_digest(id_of(&peer_keys[from]),
						id_of(&peer_keys[PEERS]), &org_keys[i],
						cur_u8(script)));
		}
	hear(from, bytes_of(memory, wr_len(&w)));
}

/* BUCKETS, HAVE or WANT with a print that means something, and hashes that do. */
static void say_list(uint32_t from, uint8_t type, unsigned org, struct cursor *script)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer w = wr_of(memory, sizeof(memory));
	unsigned n = cur_u8(script), first, held;

	wr_u8(&w, type);
	wr_be64(&w, print(from, org));
	first = cur_u8(script);
	held = spread->held;
	if (type == SPREAD_MSG_BUCKETS)
		n = SPREAD_BUCKETS;
	for (unsigned i = 0; i < n && i < SPREAD_HASHES; i++) {
		uint8_t hash[SIGNED_HASH];

		if (i < held && first & 1)
			wr_be64(&w, spread->refs[i].hash);
		else if (i < KINDS) {
			statement_hash(&said[org][first % PERSONS][i], hash);
			wr_bytes(&w, hash, sizeof(hash));
		} else
			wr_be64(&w, (uint64_t)first << (i % 64));
	}
	hear(from, bytes_of(memory, wr_len(&w)));
}

static void say_objects(uint32_t from, uint8_t flags, unsigned org, unsigned who, uint8_t which)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer w = wr_of(memory, sizeof(memory));

	wr_u8(&w, SPREAD_MSG_OBJECTS);
	wr_u8(&w, flags);
	for (unsigned k = 0; k < KINDS; k++)
		if (which >> k & 1 && (size_t)(w.end - w.at) > said[org][who][k].len) {
			wr_u8(&w, SPREAD_STATEMENT);
			wr_bytes(&w, said[org][who][k].wire, said[org][who][k].len);
		}
	for (unsigned k = 0; k < 2; k++)
		if (which >> (KINDS + k) & 1
		    && (size_t)(w.end - w.at) > certified[org][who][k].len) {
			wr_u8(&w, SPREAD_CERTIFICATE);
			wr_bytes(&w, certified[org][who][k].wire, certified[org][who][k].len);
		}
	hear(from, bytes_of(memory, wr_len(&w)));
}

static void peer_step(uint8_t op, uint32_t slot)
{
	if (op & 0x10) {
		if (admitted[slot])
			spread_forget(spread, slot);
		else
			spread_admit(spread, slot, &peer_keys[slot]);
		admitted[slot] = !admitted[slot];
	} else if (admitted[slot]) {
		spread_reachable(spread, slot, op & 0x20, clock_now);
	}
}

static void local_step(unsigned org, unsigned who, uint8_t which)
{
	if (which & 8)
		spread_certificate(spread, &certified[org][who][which & 1], clock_now, wall());
	else
		spread_statement(spread, &said[org][who][which % KINDS], clock_now);
}

static void step(struct cursor *script)
{
	uint8_t op = cur_u8(script), a = cur_u8(script);
	uint32_t peer = a % PEERS;
	unsigned org = (a >> 4) % ORGS, who = (a >> 6) % PERSONS;

	switch (op % 8) {
	case 0:
		hear(peer, cur_span(script, cur_be16(script)));
		break;
	case 1:
		pass(a * 100u);
		break;
	case 2:
		peer_step(op, peer);
		break;
	case 3:
		trust_orgs(a);
		break;
	case 4:
		say_orgs(peer, a >> 3, op >> 4 & 3, script);
		break;
	case 5:
		say_list(peer, SPREAD_MSG_BUCKETS + (op >> 4) % 3, org, script);
		break;
	case 6:
		say_objects(peer, op >> 4 & 1, org, who, cur_u8(script));
		break;
	default:
		local_step(org, who, op >> 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor script = cur_of(data, size);
	uint8_t scripted = cur_u8(&script);

	test_crypto();
	if (!org_secrets[0].b[0]) {
		make_keys();
		make_objects();
	}
	start();
	if (!scripted) {
		hear(1, cur_span(&script, cur_left(&script)));
		check();
	}
	for (unsigned i = 0; scripted && i < STEPS && cur_left(&script); i++) {
		step(&script);
		check();
	}
	return 0;
}
