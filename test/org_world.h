/* org_world.h - nodes that may meet for the first time, in virtual time, one datagram after the
 * other. */
#ifndef TEST_ORG_WORLD_H
#define TEST_ORG_WORLD_H

#include "tap.h"
#include "contexts.h"

#include "crypto/curve.h"
#include "org/introduce.h"

struct person {
	struct public_key pk;
	struct secret_key sk;
	struct random random;
	struct introductions *x;
	struct endpoint at;
};

struct datagram {
	uint8_t b[MAX_DATAGRAM + 8];
	size_t len;
	struct endpoint to;
};

#define MAX_OUT 160u
struct letterbox { /* what went out in one step */
	struct outbox out;
	struct out items[MAX_OUT];
	uint8_t arena[MAX_OUT * 1248u];
};

static struct letterbox box;

static inline struct instant at_ms(uint64_t ms)
{
	return instant_add((struct instant){ UINT64_C(5000000000) }, span_ms(ms));
}

static inline struct endpoint endpoint_v4(uint8_t last, uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(192, 0, 2, last), .port = port };
}

static inline void key_start(struct person *p, uint8_t id)
{
	uint8_t seed[32] = { id, 0x77 };

	memset(p, 0, sizeof(*p));
	ed25519_from_seed(&p->pk, &p->sk, seed);
	random_init(&p->random, seed);
}

static inline void person_start(struct person *p, uint8_t id)
{
	struct introduce_config config = { .hash_key = { id, 3 } };

	key_start(p, id);
	p->at = endpoint_v4(id, MESH_PORT);
	config.random = &p->random;
	config.secret = &p->sk;
	config.public = &p->pk;
	p->x = introduce_init(calloc(1, introduce_size()), &config);
}

static inline void person_stop(struct person *p)
{
	introduce_wipe(p->x);
	free(p->x);
}

static inline struct certificate certificate_of(const struct person *org, const struct person *node)
{
	struct certificate_body body = { .not_before = 1000, .expires = 2000000, .name = "node" };
	struct certificate c;

	body.org = org->pk;
	body.node = node->pk;
	ok(certificate_sign(&body, &org->sk, &c));
	return c;
}

static inline struct statement vouch_of(const struct person *org, const struct person *node)
{
	struct statement_body body = { .kind = STATEMENT_VOUCH, .number = 1, .issued = 1000 };
	struct statement s;

	body.issuer = org->pk;
	body.subject = node->pk;
	ok(statement_sign(&body, &org->sk, NULL, &s));
	return s;
}

static inline struct outbox *emptied(void)
{
	outbox_init(&box.out, box.items, MAX_OUT, box.arena, sizeof(box.arena));
	return &box.out;
}

/* The only datagram that went out, or one without length. */
static inline struct datagram only(void)
{
	struct datagram d = { .len = 0 };

	ok(box.out.count <= 1 && !box.out.refused);
	if (box.out.count == 1) {
		ok(box.items[0].kind == OUT_DATAGRAM);
		d.len = box.items[0].len;
		d.to = box.items[0].to;
		memcpy(d.b, box.items[0].data, d.len);
	}
	return d;
}

static inline struct datagram tick(struct person *p, struct instant now)
{
	introduce_tick(p->x, now, emptied());
	return only();
}

/* An exact copy, so that a sanitizer sees a read beyond it. */
static inline bool feed(struct person *p, struct instant now, const struct endpoint *from,
			const struct datagram *d, struct introduced *who)
{
	uint8_t *copy = malloc(d->len ? d->len : 1);
	bool good;

	memcpy(copy, d->b, d->len);
	good = introduce_input(p->x, now, from, bytes_of(copy, d->len), who, emptied());
	free(copy);
	return good;
}

/* What comes back for it; nobody may be introduced by it. */
static inline struct datagram answer(struct person *p, struct instant now,
				     const struct endpoint *from, const struct datagram *d)
{
	static struct introduced who;

	ok(!feed(p, now, from, d, &who));
	return only();
}

/* Two nodes and the four datagrams that a tries to exchange with b. */
struct meeting {
	struct person a, b;
	struct datagram hello, welcome, introduction, accept;
	struct introduced of_a, of_b; /* as b and a see them */
};

static inline void meeting_start(struct meeting *m)
{
	memset(m, 0, sizeof(*m));
	person_start(&m->a, 1);
	person_start(&m->b, 2);
	ok(introduce_add_target(m->a.x, &m->b.at, at_ms(0)));
}

static inline void meeting_stop(struct meeting *m)
{
	person_stop(&m->a);
	person_stop(&m->b);
}

/* Up to the welcome; false: there was none. */
static inline bool meet_welcome(struct meeting *m, struct instant now)
{
	m->hello = tick(&m->a, now);
	if (!m->hello.len)
		return false;
	m->welcome = answer(&m->b, now, &m->a.at, &m->hello);
	return m->welcome.len != 0;
}

static inline bool meet_introduction(struct meeting *m, struct instant now)
{
	if (!meet_welcome(m, now))
		return false;
	m->introduction = answer(&m->a, now, &m->b.at, &m->welcome);
	return m->introduction.len != 0;
}

static inline bool meet_accept(struct meeting *m, struct instant now)
{
	if (!meet_introduction(m, now) ||
	    !feed(&m->b, now, &m->a.at, &m->introduction, &m->of_a))
		return false;
	ok(!only().len);
	introduce_accept(m->b.x, &m->of_a, emptied());
	m->accept = only();
	return m->accept.len != 0;
}

static inline bool meet(struct meeting *m, struct instant now)
{
	return meet_accept(m, now) && feed(&m->a, now, &m->b.at, &m->accept, &m->of_b);
}

/* No datagram comes back from either, and nobody was introduced. */
static inline void nothing_comes_of(struct person *p, struct instant now,
				    const struct endpoint *from, const struct datagram *d)
{
	ok(!answer(p, now, from, d).len);
}

#endif
