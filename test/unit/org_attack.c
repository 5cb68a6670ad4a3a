/* First contact among liars: nothing that is changed, cut, replayed, reflected, stolen or made up
 * introduces anybody, and nothing costs more than it may. */
#include "org_stranger.h"

#define NOW at_ms(0)

/* --- states to come back to */

struct saved { uint8_t *memory; struct random random; };

static struct saved save(const struct person *p)
{
	struct saved s = { malloc(introduce_size()), p->random };

	memcpy(s.memory, p->x, introduce_size());
	return s;
}

static void restore(struct person *p, const struct saved *s)
{
	memcpy(p->x, s->memory, introduce_size());
	p->random = s->random;
}

static uint64_t all_counted(const struct person *p)
{
	const struct introduce_counters *c = introduce_counters(p->x);

	return c->hellos_received + c->welcomes_received + c->introductions_received
	     + c->accepts_received + c->drop_malformed + c->drop_no_match + c->drop_unasked
	     + c->drop_own + c->drop_rate + c->drop_cookie + c->drop_replayed + c->drop_forged
	     + c->drop_papers + c->drop_no_room;
}

/* An org, two members, and all that they say to each other. */
static struct person org;
static void met(struct meeting *m)
{
	struct certificate c;

	meeting_start(m);
	key_start(&org, 50);
	for (unsigned i = 0; i < 2; i++) {
		struct person *p = i ? &m->b : &m->a;

		c = certificate_of(&org, p);
		introduce_marks(p->x, &org.pk, 1, false, NOW);
		introduce_papers(p->x, &c, 1, NULL, 0, NOW);
	}
}

/* Changed in one bit of each byte, in its length, or in its first byte. */
static void no_change_passes(struct person *p, const struct endpoint *from,
			     const struct datagram *good)
{
	struct saved before = save(p);
	static struct introduced who;
	struct datagram d;

	for (size_t i = 0; i < good->len; i++) {
		d = *good;
		d.b[i] ^= (uint8_t)(1u << i % 8);
		nothing_comes_of(p, NOW, from, &d);
		restore(p, &before);
	}
	for (size_t len = 0; len <= sizeof(d.b); len++) {
		uint64_t counted = all_counted(p);

		d = *good;
		d.len = len;
		if (len == good->len)
			continue;
		nothing_comes_of(p, NOW, from, &d);
		ok(all_counted(p) == counted + 1);
		restore(p, &before);
	}
	/* and as it is it does */
	ok(feed(p, NOW, from, good, &who) || only().len);
	restore(p, &before);
	free(before.memory);
}

static void no_changed_datagram_passes(void)
{
	struct meeting m;

	met(&m);
	ok(meet_welcome(&m, NOW));
	no_change_passes(&m.a, &m.b.at, &m.welcome);
	m.introduction = answer(&m.a, NOW, &m.b.at, &m.welcome);
	no_change_passes(&m.b, &m.a.at, &m.introduction);
	ok(feed(&m.b, NOW, &m.a.at, &m.introduction, &m.of_a));
	introduce_accept(m.b.x, &m.of_a, emptied());
	m.accept = only();
	no_change_passes(&m.a, &m.b.at, &m.accept);
	meeting_stop(&m);
}

/* A hello is not authentic: in its made up tags anything may stand. What it asks for does count,
 * and its ephemeral key. */
static void a_changed_hello_meets_nobody_else(void)
{
	struct saved before;
	struct datagram d, w;
	struct meeting m;
	unsigned answered = 0;

	met(&m);
	m.hello = tick(&m.a, NOW);
	before = save(&m.b);
	for (size_t i = 0; i < m.hello.len; i++) {
		d = m.hello;
		d.b[i] ^= (uint8_t)(1u << i % 8);
		w = answer(&m.b, NOW, &m.a.at, &d);
		answered += w.len != 0;
		ok(i >= 33 || !w.len);
		ok(w.len <= d.len);
		restore(&m.b, &before);
	}
	eq_int(answered, 15 * 8);
	for (size_t len = 0; len <= sizeof(d.b); len++) {
		d = m.hello;
		memset(d.b + m.hello.len, 0, sizeof(d.b) - m.hello.len);
		d.len = len;
		w = answer(&m.b, NOW, &m.a.at, &d);
		ok(!w.len == !(len == 161 || len == 289 || len == 417 || len == 545 || len == 673));
		restore(&m.b, &before);
	}
	/* whose X25519 is zero */
	d = m.hello;
	memset(d.b + 1, 0, 32);
	nothing_comes_of(&m.b, NOW, &m.a.at, &d);
	free(before.memory);
	meeting_stop(&m);
}

static void no_answer_is_longer_than_its_question(void)
{
	struct certificate c[INTRODUCE_PAPERS];
	struct statement v[INTRODUCE_PAPERS];
	struct meeting m;

	for (unsigned full = 0; full < 2; full++) {
		met(&m);
		for (unsigned i = 0; i < INTRODUCE_PAPERS; i++) {
			c[i] = certificate_of(&org, &m.b);
			v[i] = vouch_of(&org, &m.b);
		}
		introduce_papers(m.b.x, c, full * INTRODUCE_PAPERS, v, full * INTRODUCE_PAPERS,
				 NOW);
		ok(meet(&m, NOW));
		ok(m.welcome.len <= m.hello.len);
		ok(m.accept.len <= m.introduction.len);
		ok(m.introduction.len <= MAX_DATAGRAM);
		eq_int(m.of_b.certificate_count, full ? 6 : 0);
		meeting_stop(&m);
	}
}

/* --- cookies */

static void a_cookie_is_good_at_its_address_only(void)
{
	struct endpoint others[4];
	struct meeting m;

	met(&m);
	ok(meet_introduction(&m, NOW));
	for (unsigned i = 0; i < 4; i++)
		others[i] = m.a.at;
	others[0].port++;
	others[1].ip.b[3]++;
	others[2].scope = 7;
	others[3].ip.family = FAMILY_IPV6;
	for (unsigned i = 0; i < 4; i++)
		nothing_comes_of(&m.b, NOW, &others[i], &m.introduction);
	eq_int(introduce_counters(m.b.x)->drop_cookie, 4);
	/* nor at another responder */
	nothing_comes_of(&m.a, NOW, &m.b.at, &m.introduction);
	eq_int(introduce_counters(m.a.x)->drop_cookie, 1);
	others[0] = m.a.at;
	others[0].local = ip_v4(10, 0, 0, 1); /* which of ours it came to does not count */
	ok(feed(&m.b, NOW, &others[0], &m.introduction, &m.of_a));
	meeting_stop(&m);
}

/* The responder's key of the first hello is in use for 120 s and understood for 120 more. */
static void a_responder_changes_its_key_in_the_middle(void)
{
	static const struct { uint64_t hello_ms, introduction_ms; bool good; } rows[] = {
		{ 0, 119999, true }, { 0, 120000, true }, { 0, 239999, true }, { 0, 240000, false },
		{ 0, 100000000, false }, { 119999, 120001, true }, { 119999, 239999, true },
		{ 119999, 240000, false }, { 120000, 359999, true }, { 120000, 360000, false },
	};
	struct datagram h, first, second;
	struct stranger s, other;
	static struct introduced who;
	struct script t;
	struct meeting m;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		met(&m);
		stranger_start(&s, 0x61, true);
		stranger_start(&other, 0x62, true);
		stranger_is_welcome(&other, &m.b, NOW, &m.b.at, &org.pk);
		h = stranger_hello(&s, &org.pk, 0);
		first = answer(&m.b, at_ms(rows[i].hello_ms), &m.a.at, &h);
		ok(stranger_hears_welcome(&s, &first));
		ok(!memcmp(&s.theirs, &other.theirs, 32) == (rows[i].hello_ms < 120000));
		/* others keep on asking */
		stranger_start(&other, 0x63, true);
		h = stranger_hello(&other, &org.pk, 0);
		second = answer(&m.b, at_ms(rows[i].introduction_ms), &m.a.at, &h);
		ok(stranger_hears_welcome(&other, &second));
		script_plain(&t, &s, &m.a, &org.pk, 0, NULL, 0);
		h = stranger_introduces(&s, &t);
		if (feed(&m.b, at_ms(rows[i].introduction_ms), &m.a.at, &h, &who) != rows[i].good)
			TAP_FAIL("row %zu", i);
		eq_int(introduce_counters(m.b.x)->drop_cookie, !rows[i].good);
		meeting_stop(&m);
	}
}

/* --- reflection, replay */

static void what_is_sent_back_to_its_sender_is_nothing(void)
{
	struct meeting m;

	met(&m);
	m.hello = tick(&m.a, NOW);
	nothing_comes_of(&m.a, NOW, &m.b.at, &m.hello);
	eq_int(introduce_counters(m.a.x)->drop_own, 1);
	m.welcome = answer(&m.b, NOW, &m.a.at, &m.hello);
	nothing_comes_of(&m.b, NOW, &m.a.at, &m.welcome);
	m.introduction = answer(&m.a, NOW, &m.b.at, &m.welcome);
	nothing_comes_of(&m.a, NOW, &m.b.at, &m.introduction);
	ok(feed(&m.b, NOW, &m.a.at, &m.introduction, &m.of_a));
	introduce_accept(m.b.x, &m.of_a, emptied());
	m.accept = only();
	nothing_comes_of(&m.b, NOW, &m.a.at, &m.accept);
	/* an accept is no introduction, and the other way round */
	for (unsigned type = 0xe2; type <= 0xe5; type++) {
		m.accept.b[0] ^= (uint8_t)(type == 0xe5 ? 0 : 0xe5 ^ type);
		if (type != 0xe5)
			nothing_comes_of(&m.b, NOW, &m.a.at, &m.accept);
		m.accept.b[0] = 0xe5;
		m.introduction.b[0] = (uint8_t)type;
		nothing_comes_of(&m.a, NOW, &m.b.at, &m.introduction);
	}
	ok(feed(&m.a, NOW, &m.b.at, &m.accept, &m.of_b));
	meeting_stop(&m);
}

/* Its own address is among the targets, and the hello comes back with a new port, from a NAT. */
static void nobody_meets_himself(void)
{
	struct person a;
	struct endpoint nat = endpoint_v4(99, 1234);
	struct datagram d;

	person_start(&a, 1);
	introduce_marks(a.x, NULL, 0, true, NOW);
	ok(introduce_add_target(a.x, &a.at, NOW));
	d = tick(&a, NOW);
	nothing_comes_of(&a, NOW, &nat, &d);
	eq_int(introduce_counters(a.x)->drop_own, 1);
	person_stop(&a);
}

static void each_datagram_counts_once(void)
{
	static struct introduced who;
	struct meeting m;

	met(&m);
	ok(meet_introduction(&m, NOW));
	/* the welcome came twice: no second introduction */
	nothing_comes_of(&m.a, NOW, &m.b.at, &m.welcome);
	ok(feed(&m.b, NOW, &m.a.at, &m.introduction, &m.of_a));
	for (unsigned i = 0; i < 30; i++)
		nothing_comes_of(&m.b, NOW, &m.a.at, &m.introduction);
	eq_int(introduce_counters(m.b.x)->drop_replayed, 30);
	introduce_accept(m.b.x, &m.of_a, emptied());
	m.accept = only();
	ok(feed(&m.a, NOW, &m.b.at, &m.accept, &m.of_b));
	ok(!feed(&m.a, NOW, &m.b.at, &m.accept, &who));
	/* a hello that is replayed draws a welcome, no longer than itself, and no more */
	m.welcome = answer(&m.b, NOW, &m.a.at, &m.hello);
	eq_int(m.welcome.len, 161);
	nothing_comes_of(&m.a, NOW, &m.b.at, &m.welcome);
	eq_int(introduce_counters(m.a.x)->introductions_sent, 1);
	eq_int(introduce_counters(m.a.x)->accepts_received, 1);
	meeting_stop(&m);
}

/* Who does not know the mark cannot make us say who we are, though anybody may answer. */
static void a_welcome_shows_that_its_sender_knows_the_mark(void)
{
	struct person other;
	struct stranger s;
	struct datagram d;
	struct meeting m;

	met(&m);
	key_start(&other, 51);
	m.hello = tick(&m.a, NOW);
	stranger_start(&s, 0x61, false);
	d = stranger_welcomes(&s, &m.hello, &other.pk);
	for (unsigned i = 0; i < 8; i++)
		nothing_comes_of(&m.a, NOW, &m.b.at, &d);
	eq_int(introduce_counters(m.a.x)->drop_forged, 8);
	/* nor from elsewhere if he does; and after so many none to this hello is looked at */
	d = stranger_welcomes(&s, &m.hello, &org.pk);
	nothing_comes_of(&m.a, NOW, &m.a.at, &d);
	nothing_comes_of(&m.a, NOW, &m.b.at, &d);
	eq_int(introduce_counters(m.a.x)->drop_unasked, 2);
	ok(meet(&m, at_ms(20000)));
	meeting_stop(&m);
}

/* --- papers and signatures */

/* What b makes of an introduction with this letter. */
static bool says(struct meeting *m, const struct stranger *s, const struct script *t)
{
	static struct introduced who;
	struct datagram d = stranger_introduces(s, t);
	bool good = feed(&m->b, NOW, &m->a.at, &d, &who);

	ok(!only().len);
	return good;
}

static void stranger_met(struct meeting *m, struct stranger *s, uint8_t id)
{
	met(m);
	stranger_start(s, id, true);
	stranger_is_welcome(s, &m->b, NOW, &m->a.at, &org.pk);
}

/* One paper that is no good, by row: stolen, of no right kind, each as the other, forged, cut. */
static void bad_paper(struct script *t, const struct stranger *s, const struct person *me,
		      const struct person *other, unsigned row)
{
	struct certificate c = certificate_of(&org, row == 0 ? other : me);
	struct statement v = vouch_of(&org, row == 1 ? other : me), r;
	struct statement_body said = { .kind = STATEMENT_REVOCATION, .number = 1, .issued = 1 };

	said.issuer = org.pk;
	said.subject = me->pk;
	ok(statement_sign(&said, &org.sk, NULL, &r));
	if (row == 5)
		c.wire[c.len - 1] ^= 1;
	else if (row == 6)
		v.wire[100] ^= 1;
	switch (row) {
	case 0: case 5: script_plain(t, s, me, &org.pk, 1, c.wire, c.len); break;
	case 1: case 6: script_plain(t, s, me, &org.pk, 2, v.wire, v.len); break;
	case 2: script_plain(t, s, me, &org.pk, 2, r.wire, r.len); break;
	case 3: script_plain(t, s, me, &org.pk, 2, c.wire, c.len); break;
	case 4: script_plain(t, s, me, &org.pk, 1, v.wire, v.len); break;
	case 7: script_plain(t, s, me, &org.pk, 1, c.wire, (uint16_t)(c.len - 1)); break;
	case 8: script_plain(t, s, me, &org.pk, 2, v.wire, 0); break;
	}
}

static void papers_of_others_are_refused(void)
{
	struct person me, other, stranger_org;
	struct certificate c;
	struct statement v;
	struct stranger s;
	struct script t;
	struct meeting m;

	key_start(&me, 7);
	key_start(&other, 8);
	key_start(&stranger_org, 51);
	for (unsigned row = 0; row < 9; row++) {
		stranger_met(&m, &s, 0x61);
		bad_paper(&t, &s, &me, &other, row);
		ok(!says(&m, &s, &t));
		if (introduce_counters(m.b.x)->drop_papers != 1)
			TAP_FAIL("row %u", row);
		meeting_stop(&m);
	}
	/* one bad one among good ones */
	stranger_met(&m, &s, 0x61);
	c = certificate_of(&org, &me);
	v = vouch_of(&org, &other);
	script_start(&t, &s, 0xe4, &me.pk, &org.pk);
	wr_u8(&t.w, 2);
	script_paper(&t, 1, c.wire, c.len);
	script_paper(&t, 2, v.wire, v.len);
	script_sign(&t, &s, "meshguard introduction v1", NULL, &me.sk, INTRODUCTION_BODY);
	ok(!says(&m, &s, &t));
	eq_int(introduce_counters(m.b.x)->drop_papers, 1);
	meeting_stop(&m);
	/* a good one of an org that is nobody's mark here: the node knows what it is worth */
	stranger_met(&m, &s, 0x61);
	c = certificate_of(&stranger_org, &me);
	script_plain(&t, &s, &me, &org.pk, 1, c.wire, c.len);
	ok(says(&m, &s, &t));
	meeting_stop(&m);
}

static void letters_of_another_form_are_refused(void)
{
	struct person me;
	struct stranger s;
	struct script t;
	struct meeting m;

	key_start(&me, 7);
	for (unsigned row = 0; row < 8; row++) {
		stranger_met(&m, &s, 0x61);
		script_start(&t, &s, 0xe4, &me.pk, &org.pk);
		if (row < 3) /* so many tags */
			t.b[32] = (uint8_t[]){ 0, 9, 255 }[row];
		if (row == 0)
			memset(t.b + 33, 0, 8);
		/* papers: too many; of no kind, as zeros are none; one longer than the rest */
		wr_u8(&t.w, row == 3 ? 9 : row == 4 || row == 5);
		for (unsigned i = 0; row == 3 && i < 9; i++)
			script_paper(&t, 1, t.b, 0);
		if (row == 5) {
			wr_u8(&t.w, 1);
			wr_be16(&t.w, 1003);
		} else if (row == 6) { /* what is behind the last is not zero */
			wr_u8(&t.w, 1);
		}
		script_sign(&t, &s, "meshguard introduction v1", NULL, &me.sk,
			    INTRODUCTION_BODY);
		ok(says(&m, &s, &t) == (row == 7));
		eq_int(introduce_counters(m.b.x)->drop_malformed, row != 7);
		meeting_stop(&m);
	}
}

/* Signed by another, for another step, for another exchange: whom a liar meets, he cannot be. */
static void signatures_are_about_this_exchange(void)
{
	struct public_key minus;
	struct person me, other;
	struct stranger s, liar;
	struct script t;
	uint8_t plain[1111];
	struct meeting m;

	key_start(&me, 7);
	key_start(&other, 8);
	for (unsigned row = 0; row < 5; row++) {
		stranger_met(&m, &s, 0x61);
		script_start(&t, &s, 0xe4, row == 4 ? &other.pk : &me.pk, &org.pk);
		wr_u8(&t.w, 0);
		if (row == 3) /* as if it went to somebody else */
			s.theirs.b[0] ^= 1;
		script_sign(&t, &s, row == 1 ? "meshguard accept v1" : "meshguard introduction v1",
			    row == 2 ? &m.b.pk : NULL, &me.sk, INTRODUCTION_BODY);
		if (row == 3)
			s.theirs.b[0] ^= 1;
		ok(says(&m, &s, &t) == !row);
		eq_int(introduce_counters(m.b.x)->drop_forged, row != 0);
		meeting_stop(&m);
	}
	/* a liar whom a met shows b what a said to him */
	met(&m);
	stranger_start(&liar, 0x62, false);
	m.hello = tick(&m.a, NOW);
	m.welcome = stranger_welcomes(&liar, &m.hello, &org.pk);
	m.introduction = answer(&m.a, NOW, &m.b.at, &m.welcome);
	ok(stranger_reads(&liar, &m.introduction, plain));
	stranger_start(&s, 0x63, true);
	stranger_is_welcome(&s, &m.b, NOW, &m.a.at, &org.pk);
	memcpy(t.b, plain, sizeof(plain));
	ok(!says(&m, &s, &t));
	eq_int(introduce_counters(m.b.x)->drop_forged, 1);
	meeting_stop(&m);
	/* with the key of the one whom he asks, or the one that has the same twin */
	for (unsigned row = 0; row < 2; row++) {
		stranger_met(&m, &s, 0x61);
		minus = m.b.pk;
		minus.b[31] ^= row ? 0x80 : 0;
		script_start(&t, &s, 0xe4, &minus, &org.pk);
		wr_u8(&t.w, 0);
		t.minus = row;
		script_sign(&t, &s, "meshguard introduction v1", NULL, &m.b.sk,
			    INTRODUCTION_BODY);
		ok(!says(&m, &s, &t));
		eq_int(introduce_counters(m.b.x)->drop_own, 1);
		meeting_stop(&m);
	}
	/* that names no mark of ours inside */
	stranger_met(&m, &s, 0x61);
	script_plain(&t, &s, &me, &other.pk, 0, NULL, 0);
	ok(!says(&m, &s, &t));
	eq_int(introduce_counters(m.b.x)->drop_no_match, 1);
	meeting_stop(&m);
}

/* What a responder may not say; and after one such word it has none. */
static void false_accepts_are_refused(void)
{
	struct person me, other;
	static struct introduced who;
	struct certificate c;
	struct stranger s;
	struct script t;
	struct datagram d;
	struct meeting m;

	key_start(&me, 7);
	key_start(&other, 8);
	for (unsigned row = 0; row < 6; row++) {
		met(&m);
		stranger_start(&s, 0x62, false);
		m.hello = tick(&m.a, NOW);
		d = stranger_welcomes(&s, &m.hello, &org.pk);
		m.introduction = answer(&m.a, NOW, &m.b.at, &d);
		c = certificate_of(&org, row == 1 ? &other : &me);
		script_start(&t, &s, 0xe5, row == 4 ? &m.a.pk : &me.pk,
			     row == 5 ? &other.pk : &org.pk);
		wr_u8(&t.w, 1);
		script_paper(&t, 1, c.wire, c.len);
		script_sign(&t, &s, row == 3 ? "meshguard introduction v1" : "meshguard accept v1",
			    row == 2 ? &other.pk : &m.a.pk, &me.sk, 0);
		d = stranger_accepts(&s, &t);
		ok(feed(&m.a, NOW, &m.b.at, &d, &who) == !row);
		ok(!feed(&m.a, NOW, &m.b.at, &d, &who));
		if (row)
			ok(meet(&m, at_ms(6000)));
		meeting_stop(&m);
	}
}

/* --- floods */

static struct endpoint address_of(unsigned i)
{
	return (struct endpoint){
		.ip = ip_v4(100, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i), .port = 1,
	};
}

/* 100,000 hellos in a second, from as many addresses, half of them with the right mark. */
static void a_flood_of_hellos_is_answered_within_bounds(void)
{
	struct stranger s;
	struct datagram right, wrong;
	struct endpoint from;
	struct meeting m;
	unsigned answers = 0;

	met(&m);
	stranger_start(&s, 0x61, true);
	right = stranger_hello(&s, &org.pk, 5);
	wrong = stranger_hello(&s, NULL, 5);
	for (unsigned i = 0; i < 100000; i++) {
		from = address_of(i);
		answers += answer(&m.b, at_ms(i / 100), &from, i & 1 ? &right : &wrong).len != 0;
	}
	ok(answers >= 900 && answers <= 1000); /* 500 at once, 500 in a second */
	eq_int(introduce_counters(m.b.x)->drop_no_match, 50000);
	eq_int(introduce_counters(m.b.x)->drop_rate, 50000 - answers);
	eq_int(all_counted(&m.b), 100000);
	/* and then it hears others again */
	ok(meet(&m, at_ms(2000)));
	meeting_stop(&m);
}

/* With many marks each hello costs more: less of them are looked at. */
static void many_marks_make_it_look_at_less(void)
{
	struct public_key marks[80];
	struct stranger s;
	struct datagram wrong;
	struct meeting m;

	met(&m);
	for (unsigned i = 0; i < 80; i++)
		memset(marks[i].b, (int)i + 1, 32);
	introduce_marks(m.b.x, marks, 80, false, NOW);
	stranger_start(&s, 0x61, true);
	wrong = stranger_hello(&s, NULL, 5);
	for (unsigned i = 0; i < 10000; i++)
		nothing_comes_of(&m.b, NOW, &m.a.at, &wrong);
	eq_int(introduce_counters(m.b.x)->drop_no_match, 100000 / 80);
	eq_int(introduce_counters(m.b.x)->drop_rate, 10000 - 100000 / 80);
	meeting_stop(&m);
}

static void one_address_has_a_share(void)
{
	struct endpoint v6 = { .port = 1 };
	uint8_t bytes[16] = { 0x20, 1, 0xd, 0xb8 };
	struct stranger s;
	struct datagram hello;
	struct meeting m;
	unsigned answers = 0, kept = 0;

	met(&m);
	stranger_start(&s, 0x61, true);
	hello = stranger_hello(&s, &org.pk, 5);
	for (unsigned i = 0; i < 10000; i++) {
		bytes[15] = (uint8_t)i; /* all of one /64 */
		v6.ip = ip_of(FAMILY_IPV6, bytes);
		answers += answer(&m.b, at_ms(i / 10), &v6, &hello).len != 0;
		kept += i % 100 == 0 && answer(&m.b, at_ms(i / 10), &m.a.at, &hello).len != 0;
	}
	ok(answers >= 58 && answers <= 60); /* 40 at once, 20 a second */
	ok(kept >= 58 && kept <= 60);
	meeting_stop(&m);
}

/* Those with a good address and a good seal, and a bad signature. */
static void signatures_are_checked_within_bounds(void)
{
	struct person me;
	struct stranger s;
	struct script t;
	struct datagram d;
	struct endpoint from;
	struct meeting m;

	met(&m);
	key_start(&me, 7);
	stranger_start(&s, 0x61, true);
	for (unsigned i = 0; i < 300; i++) {
		from = address_of(i / 10);
		stranger_is_welcome(&s, &m.b, NOW, &from, &org.pk);
		script_plain(&t, &s, &me, &org.pk, 0, NULL, 0);
		t.b[1110] ^= 1;
		d = stranger_introduces(&s, &t);
		nothing_comes_of(&m.b, NOW, &from, &d);
	}
	eq_int(introduce_counters(m.b.x)->drop_forged, 100);
	eq_int(introduce_counters(m.b.x)->drop_rate, 200);
	meeting_stop(&m);
	/* of one address even opening them is too much */
	met(&m);
	stranger_is_welcome(&s, &m.b, NOW, &from, &org.pk);
	d = stranger_introduces(&s, &t);
	d.b[1231] ^= 1;
	for (unsigned i = 0; i < 100; i++)
		nothing_comes_of(&m.b, NOW, &from, &d);
	eq_int(introduce_counters(m.b.x)->drop_forged, 40);
	eq_int(introduce_counters(m.b.x)->drop_rate, 60);
	meeting_stop(&m);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(no_changed_datagram_passes),
		T(a_changed_hello_meets_nobody_else),
		T(no_answer_is_longer_than_its_question),
		T(a_cookie_is_good_at_its_address_only),
		T(a_responder_changes_its_key_in_the_middle),
		T(what_is_sent_back_to_its_sender_is_nothing),
		T(nobody_meets_himself),
		T(each_datagram_counts_once),
		T(a_welcome_shows_that_its_sender_knows_the_mark),
		T(papers_of_others_are_refused),
		T(letters_of_another_form_are_refused),
		T(signatures_are_about_this_exchange),
		T(false_accepts_are_refused),
		T(a_flood_of_hellos_is_answered_within_bounds),
		T(many_marks_make_it_look_at_less),
		T(one_address_has_a_share),
		T(signatures_are_checked_within_bounds),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
