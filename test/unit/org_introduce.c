/* First contact: who meets whom, what each then knows of the other, and that the bytes are those of
 * docs/protocol.md. */
#include "org_stranger.h"

#define NOW at_ms(0)

static void join(struct person *p, const struct person *org, bool member)
{
	struct certificate c = certificate_of(org, p);

	introduce_marks(p->x, &org->pk, 1, false, NOW);
	introduce_papers(p->x, &c, member, NULL, 0, NOW);
}

static void open_up(struct person *p)
{
	introduce_marks(p->x, NULL, 0, true, NOW);
}

static void two_members_of_an_org_meet(void)
{
	struct meeting m;
	struct person org;
	struct certificate c;
	struct dh_public twin;

	meeting_start(&m);
	key_start(&org, 50);
	join(&m.a, &org, true);
	join(&m.b, &org, true);
	ok(meet(&m, NOW));

	eq_mem(&m.of_a.key, &m.a.pk, 32);
	ok(ed25519_to_dh_public(&twin, &m.a.pk));
	eq_mem(&m.of_a.twin, &twin, 32);
	ok(endpoint_equal(&m.of_a.from, &m.a.at));
	ok(!m.of_a.initiator && !m.of_a.open);
	eq_int(m.of_a.org_count, 1);
	eq_mem(&m.of_a.orgs[0], &org.pk, 32);
	eq_int(m.of_a.certificate_count, 1);
	eq_int(m.of_a.statement_count, 0);
	c = certificate_of(&org, &m.a);
	eq_int(m.of_a.certificates[0].len, c.len);
	eq_mem(m.of_a.certificates[0].wire, c.wire, c.len);

	eq_mem(&m.of_b.key, &m.b.pk, 32);
	ok(endpoint_equal(&m.of_b.from, &m.b.at));
	ok(m.of_b.initiator && !m.of_b.open && !m.of_b.answer.possible);
	eq_int(m.of_b.org_count, 1);
	eq_mem(&m.of_b.orgs[0], &org.pk, 32);
	c = certificate_of(&org, &m.b);
	eq_int(m.of_b.certificate_count, 1);
	eq_mem(m.of_b.certificates[0].wire, c.wire, c.len);

	eq_int(introduce_counters(m.a.x)->hellos_sent, 1);
	eq_int(introduce_counters(m.b.x)->hellos_received, 1);
	eq_int(introduce_counters(m.b.x)->welcomes_sent, 1);
	eq_int(introduce_counters(m.a.x)->welcomes_received, 1);
	eq_int(introduce_counters(m.a.x)->introductions_sent, 1);
	eq_int(introduce_counters(m.b.x)->introductions_received, 1);
	eq_int(introduce_counters(m.b.x)->accepts_sent, 1);
	eq_int(introduce_counters(m.a.x)->accepts_received, 1);
	meeting_stop(&m);
}

static void two_open_nodes_meet(void)
{
	struct meeting m;

	meeting_start(&m);
	open_up(&m.a);
	open_up(&m.b);
	ok(meet(&m, NOW));
	eq_mem(&m.of_a.key, &m.a.pk, 32);
	eq_mem(&m.of_b.key, &m.b.pk, 32);
	ok(m.of_a.open && m.of_b.open);
	eq_int(m.of_a.org_count + m.of_b.org_count, 0);
	eq_int(m.of_a.certificate_count + m.of_a.statement_count, 0);
	eq_int(m.of_b.certificate_count + m.of_b.statement_count, 0);
	meeting_stop(&m);
}

/* An open node, or one that trusts the org alone, has nothing to show. */
static void one_without_papers_meets_a_member(void)
{
	struct meeting m;
	struct person org;

	for (unsigned asks = 0; asks < 2; asks++) {
		meeting_start(&m);
		key_start(&org, 50);
		join(&m.a, &org, asks);
		join(&m.b, &org, !asks);
		introduce_marks(m.a.x, &org.pk, 1, true, NOW);
		ok(meet(&m, NOW));
		eq_int(m.of_a.certificate_count, asks);
		eq_int(m.of_b.certificate_count, !asks);
		ok(!m.of_a.open && !m.of_b.open);
		eq_int(m.of_a.org_count, 1);
		eq_int(m.of_b.org_count, 1);
		meeting_stop(&m);
	}
}

/* Certificates of two orgs and vouches of two others, half of them common: the others stay home. */
static void only_papers_of_common_orgs_are_shown(void)
{
	struct public_key marks[4];
	struct person orgs[4];
	struct certificate certs[3];
	struct statement vouches[3];
	struct meeting m;

	meeting_start(&m);
	for (uint8_t i = 0; i < 4; i++) {
		key_start(&orgs[i], (uint8_t)(50 + i));
		marks[i] = orgs[i].pk;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct person *p = i ? &m.b : &m.a;

		certs[0] = certificate_of(&orgs[0], p);
		certs[1] = certificate_of(&orgs[1], p);
		certs[2] = certificate_of(&orgs[1], i ? &m.a : &m.b); /* not about us */
		vouches[0] = vouch_of(&orgs[2], p);
		vouches[1] = vouch_of(&orgs[3], p);
		vouches[2] = vouch_of(&orgs[1], i ? &m.a : &m.b);
		introduce_papers(p->x, certs, 3, vouches, 3, NOW);
	}
	introduce_marks(m.a.x, marks, 4, true, NOW);
	introduce_marks(m.b.x, marks + 1, 2, true, NOW);
	ok(meet(&m, NOW));
	ok(m.of_a.open && m.of_b.open);
	eq_int(m.of_a.org_count, 2);
	eq_int(m.of_b.org_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct introduced *w = i ? &m.of_b : &m.of_a;

		eq_int(w->certificate_count, 1);
		eq_int(w->statement_count, 1);
		eq_mem(&w->certificates[0].body.org, &marks[1], 32);
		eq_mem(&w->statements[0].body.issuer, &marks[2], 32);
		eq_mem(&w->statements[0].body.subject, &w->key, 32);
		ok(w->statements[0].body.kind == STATEMENT_VOUCH);
	}
	meeting_stop(&m);
}

static struct certificate long_certificate(const struct person *org, const struct person *node,
					   unsigned length)
{
	struct certificate_body body = { .not_before = 1000, .expires = 2000000 };
	struct certificate c;

	body.org = org->pk;
	body.node = node->pk;
	memset(body.name, 'n', length);
	ok(certificate_sign(&body, &org->sk, &c));
	return c;
}

/* As many as fit, those that were given first; a shorter one takes the place of one too long. */
static void papers_that_do_not_fit_stay_home(void)
{
	struct person org;
	struct certificate certs[9];
	struct meeting m;

	meeting_start(&m);
	key_start(&org, 50);
	for (unsigned i = 0; i < 9; i++)
		certs[i] = long_certificate(&org, &m.a, i < 4 ? 60 - i : i < 7 ? 40 : 1);
	join(&m.a, &org, true);
	join(&m.b, &org, true);
	introduce_papers(m.a.x, certs, 9, NULL, 0, NOW);
	ok(meet(&m, NOW));
	eq_int(m.introduction.len, MAX_DATAGRAM);
	/* 1005 bytes: four of 211 to 208 and three each; of 155 bytes left the eighth takes all */
	eq_int(m.of_a.certificate_count, 5);
	eq_int(strlen(m.of_a.certificates[0].body.name), 60);
	eq_int(strlen(m.of_a.certificates[3].body.name), 57);
	eq_int(strlen(m.of_a.certificates[4].body.name), 1);
	meeting_stop(&m);
}

static void all_marks_together_find_the_common_one(void)
{
	static const struct { unsigned marks; size_t len; } rows[] = {
		{ 1, 161 }, { 15, 161 }, { 16, 161 }, { 17, 289 }, { 64, 545 }, { 65, 673 },
		{ 80, 673 },
	};
	struct public_key marks[INTRODUCE_MARKS + 2];
	struct meeting m;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		meeting_start(&m);
		for (uint8_t k = 0; k < INTRODUCE_MARKS + 2; k++)
			memset(marks[k].b, k + 1, 32); /* nobody looks whether they are points */
		introduce_marks(m.a.x, marks, rows[i].marks, false, NOW);
		introduce_marks(m.b.x, &marks[rows[i].marks - 1], 1, true, NOW);
		ok(meet(&m, NOW));
		eq_int(m.hello.len, rows[i].len);
		eq_int(m.of_a.org_count, 1);
		eq_mem(&m.of_a.orgs[0], &marks[rows[i].marks - 1], 32);
		meeting_stop(&m);
	}
	/* with all in common eight are named; one twice and those beyond 80 do not count */
	meeting_start(&m);
	marks[0] = marks[1];
	introduce_marks(m.a.x, marks, INTRODUCE_MARKS + 2, true, NOW);
	introduce_marks(m.b.x, marks, INTRODUCE_MARKS + 2, true, NOW);
	ok(meet(&m, NOW));
	eq_int(m.hello.len, 673);
	ok(m.of_a.open && m.of_b.open);
	eq_int(m.of_a.org_count, INTRODUCE_MATCHES - 1);
	eq_int(m.of_b.org_count, INTRODUCE_MATCHES - 1);
	introduce_marks(m.b.x, &marks[INTRODUCE_MARKS + 1], 1, false, NOW);
	ok(!meet_welcome(&m, at_ms(60000)));
	introduce_marks(m.b.x, &marks[INTRODUCE_MARKS - 1], 1, false, NOW);
	ok(meet_welcome(&m, at_ms(120000)));
	meeting_stop(&m);
}

static void without_a_common_mark_there_is_silence(void)
{
	struct meeting m;
	struct person org, other;

	meeting_start(&m);
	key_start(&org, 50);
	key_start(&other, 51);
	/* none at all: nothing is sent */
	ok(!meet_welcome(&m, NOW));
	eq_int(m.hello.len, 0);
	ok(introduce_deadline(m.a.x).ns == UINT64_MAX);
	join(&m.a, &org, true);
	ok(!meet_welcome(&m, NOW));
	eq_int(m.hello.len, 161);
	eq_int(introduce_counters(m.b.x)->drop_no_match, 1);
	/* another org, or open */
	join(&m.b, &other, true);
	nothing_comes_of(&m.b, NOW, &m.a.at, &m.hello);
	open_up(&m.b);
	nothing_comes_of(&m.b, NOW, &m.a.at, &m.hello);
	eq_int(introduce_counters(m.b.x)->drop_no_match, 3);
	eq_int(introduce_counters(m.b.x)->hellos_received, 0);
	join(&m.b, &org, true);
	ok(answer(&m.b, NOW, &m.a.at, &m.hello).len == 161);
	meeting_stop(&m);
}

/* The tag of each of three marks is in it once, at any place; the rest is nobody's. */
static void a_hello_hides_its_marks(void)
{
	unsigned places[16] = { 0 };
	struct public_key marks[3];
	struct stranger s;
	struct datagram d, first = { .len = 0 };
	struct person a;
	struct endpoint to = endpoint_v4(9, 9);

	person_start(&a, 1);
	memset(marks, 0x21, sizeof(marks));
	marks[1].b[0] = 1;
	introduce_marks(a.x, marks, 2, true, NOW);
	ok(introduce_add_target(a.x, &to, NOW));
	for (unsigned i = 0; i < 300; i++) {
		d = tick(&a, at_ms(i * UINT64_C(1000000)));
		eq_int(d.len, 161);
		memcpy(s.ours.b, d.b + 1, 32);
		s.initiator = true;
		ok(!first.len || memcmp(first.b + 1, d.b + 1, 32) != 0);
		for (unsigned k = 0; k < 3; k++) {
			uint8_t tag[8];
			unsigned found = 0;

			stranger_tag(&s, 0xe2, k == 2 ? NULL : &marks[k], tag);
			for (unsigned at = 0; at < 16; at++) {
				if (memcmp(tag, d.b + 33 + 8 * at, 8) != 0)
					continue;
				found++;
				places[at]++;
			}
			eq_int(found, 1);
		}
		first = d;
	}
	for (unsigned at = 0; at < 16; at++) /* 56 expected */
		ok(places[at] > 20 && places[at] < 110);
	person_stop(&a);
}

/* --- against the protocol written a second time */

static void a_stranger_by_the_book_is_understood(void)
{
	struct person org, me;
	struct stranger s;
	struct script t;
	struct datagram d;
	struct certificate c;
	struct statement v;
	static struct introduced who;
	struct meeting m;
	uint8_t tag[8];

	meeting_start(&m);
	key_start(&org, 50);
	key_start(&me, 7);
	join(&m.b, &org, true);
	stranger_start(&s, 0x61, true);
	stranger_is_welcome(&s, &m.b, NOW, &m.a.at, &org.pk);
	stranger_tag(&s, 0xe3, &org.pk, tag);
	eq_mem(s.tags, tag, 8);

	c = certificate_of(&org, &me);
	v = vouch_of(&org, &me);
	script_start(&t, &s, 0xe4, &me.pk, &org.pk);
	wr_u8(&t.w, 2);
	script_paper(&t, 2, v.wire, v.len);
	script_paper(&t, 1, c.wire, c.len);
	script_sign(&t, &s, "meshguard introduction v1", NULL, &me.sk, INTRODUCTION_BODY);
	d = stranger_introduces(&s, &t);
	ok(feed(&m.b, NOW, &m.a.at, &d, &who));
	eq_mem(&who.key, &me.pk, 32);
	eq_int(who.certificate_count, 1);
	eq_int(who.statement_count, 1);
	eq_mem(who.certificates[0].wire, c.wire, c.len);
	eq_mem(who.statements[0].wire, v.wire, v.len);
	meeting_stop(&m);
}

static void a_responder_by_the_book_is_understood(void)
{
	struct person me;
	struct stranger s;
	struct script t;
	struct datagram d;
	uint8_t plain[1111];
	static struct introduced who;
	struct meeting m;

	meeting_start(&m);
	key_start(&me, 7);
	open_up(&m.a);
	stranger_start(&s, 0x62, false);
	m.hello = tick(&m.a, NOW);
	ok(endpoint_equal(&m.hello.to, &m.b.at));
	d = stranger_welcomes(&s, &m.hello, NULL);
	d = answer(&m.a, NOW, &m.b.at, &d);
	ok(stranger_reads(&s, &d, plain));
	eq_mem(d.b + 65, "\x44\x44\x44\x44\x44\x44\x44\x44\x44\x44\x44\x44\x44\x44\x44\x44", 16);
	eq_mem(plain, &m.a.pk, 32);
	/* byte by byte what we would have written in its place */
	script_plain(&t, &s, &m.a, NULL, 0, NULL, 0);
	eq_mem(plain, t.b, sizeof(plain));

	script_start(&t, &s, 0xe5, &me.pk, NULL);
	wr_u8(&t.w, 0);
	script_sign(&t, &s, "meshguard accept v1", &m.a.pk, &me.sk, 0);
	d = stranger_accepts(&s, &t);
	eq_int(d.len, 155);
	ok(feed(&m.a, NOW, &m.b.at, &d, &who));
	eq_mem(&who.key, &me.pk, 32);
	ok(who.open && who.initiator);
	meeting_stop(&m);
}

static bool holds(const struct person *p, const void *what, size_t len)
{
	return memmem(p->x, introduce_size(), what, len) != NULL;
}

static void secrets_do_not_outlive_their_use(void)
{
	static struct introduced who;
	struct meeting m;
	struct sym_key key;
	uint8_t *all;

	for (unsigned accepted = 0; accepted < 2; accepted++) {
		meeting_start(&m);
		open_up(&m.a);
		open_up(&m.b);
		ok(meet_introduction(&m, NOW));
		ok(feed(&m.b, NOW, &m.a.at, &m.introduction, &who));
		key = who.answer.key;
		ok(who.answer.possible);
		ok(holds(&m.a, &key, 32) && !holds(&m.b, &key, 32));
		introduce_accept(m.b.x, &who, emptied());
		m.accept = only();
		ok(m.accept.len != 0);
		ok(ct_is_zero(&who.answer, sizeof(who.answer)));
		introduce_accept(m.b.x, &who, emptied()); /* a second time */
		eq_int(only().len, 0);
		if (accepted)
			ok(feed(&m.a, NOW, &m.b.at, &m.accept, &m.of_b));
		else
			introduce_target_known(m.a.x, &m.b.at);
		ok(!holds(&m.a, &key, 32));
		introduce_accept(m.a.x, &m.of_b, emptied()); /* of an accept */
		eq_int(only().len, 0);
		/* the ephemeral keys of the responder: after four minutes */
		ok(holds(&m.b, m.welcome.b + 9, 32));
		eq_int(tick(&m.b, at_ms(239999)).len, 0);
		ok(holds(&m.b, m.welcome.b + 9, 32));
		eq_int(tick(&m.b, at_ms(240000)).len, 0);
		ok(!holds(&m.b, m.welcome.b + 9, 32));
		introduce_wipe(m.b.x);
		all = (uint8_t *)m.b.x;
		ok(ct_is_zero(all, introduce_size()));
		meeting_stop(&m);
	}
}

/* What the next bytes of chance will be as an ephemeral secret. */
static struct dh_secret next_secret(const struct person *p)
{
	struct random same = p->random;
	struct dh_secret s;

	random_bytes(&same, s.b, sizeof(s.b));
	x25519_clamp(&s);
	return s;
}

static void ephemeral_secrets_are_wiped(void)
{
	struct dh_secret of_a, of_b;
	struct meeting m;

	meeting_start(&m);
	open_up(&m.a);
	open_up(&m.b);
	of_a = next_secret(&m.a);
	of_b = next_secret(&m.b);
	ok(meet_welcome(&m, NOW));
	ok(holds(&m.a, &of_a, 32) && holds(&m.b, &of_b, 32));
	m.introduction = answer(&m.a, NOW, &m.b.at, &m.welcome);
	eq_int(m.introduction.len, MAX_DATAGRAM);
	ok(!holds(&m.a, &of_a, 32)); /* it has done its work */
	(void)tick(&m.b, at_ms(239999));
	ok(holds(&m.b, &of_b, 32));
	ok(introduce_deadline(m.b.x).ns == at_ms(240000).ns);
	(void)tick(&m.b, at_ms(240000));
	ok(!holds(&m.b, &of_b, 32));
	meeting_stop(&m);
}

static void a_question_is_forgotten_after_a_while(void)
{
	struct meeting m;

	meeting_start(&m);
	open_up(&m.a);
	open_up(&m.b);
	ok(meet_welcome(&m, NOW));
	ok(holds(&m.a, m.hello.b + 1, 32));
	introduce_target_known(m.a.x, &m.b.at);
	ok(!holds(&m.a, m.hello.b + 1, 32));
	nothing_comes_of(&m.a, NOW, &m.b.at, &m.welcome);
	introduce_target_lost(m.a.x, &m.b.at, at_ms(100));
	ok(meet_introduction(&m, at_ms(100)));
	introduce_marks(m.a.x, NULL, 0, false, at_ms(200)); /* nothing else is sent then */
	ok(!holds(&m.a, m.hello.b + 1, 32));
	introduce_marks(m.a.x, NULL, 0, true, at_ms(200));
	ok(meet_introduction(&m, at_ms(200)));
	ok(holds(&m.a, m.hello.b + 1, 32));
	ok(introduce_deadline(m.a.x).ns <= at_ms(15200).ns);
	(void)tick(&m.a, at_ms(15200));
	ok(!holds(&m.a, m.hello.b + 1, 32));
	meeting_stop(&m);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(two_members_of_an_org_meet),
		T(two_open_nodes_meet),
		T(one_without_papers_meets_a_member),
		T(only_papers_of_common_orgs_are_shown),
		T(papers_that_do_not_fit_stay_home),
		T(all_marks_together_find_the_common_one),
		T(without_a_common_mark_there_is_silence),
		T(a_hello_hides_its_marks),
		T(a_stranger_by_the_book_is_understood),
		T(a_responder_by_the_book_is_understood),
		T(secrets_do_not_outlive_their_use),
		T(ephemeral_secrets_are_wiped),
		T(a_question_is_forgotten_after_a_while),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
