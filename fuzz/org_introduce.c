/* First contact. The first byte tells what the rest is: 0: a datagram as it comes, to a node that
 * knows an org, is open and has a question open. 1, 2: a letter, in an introduction to it or in an
 * accept to it, from somebody who does all else as it should be. 3: a script in which two nodes
 * meet, over a network that repeats, changes and cuts what they say. */
#include "org_stranger.h"

#define STEPS 64u
#define HISTORY 32u

static struct person org, me;
static struct introduced who;

static void begin(struct meeting *m)
{
	struct certificate c;
	struct statement v;

	meeting_start(m);
	BUG_ON(!introduce_add_target(m->b.x, &m->a.at, at_ms(0)));
	for (unsigned i = 0; i < 2; i++) {
		struct person *p = i ? &m->b : &m->a;

		c = certificate_of(&org, p);
		v = vouch_of(&org, p);
		introduce_marks(p->x, &org.pk, 1, true, at_ms(0));
		introduce_papers(p->x, &c, 1, &v, 1, at_ms(0));
	}
}

static void check_papers(const struct introduced *w)
{
	BUG_ON(w->certificate_count > INTRODUCE_PAPERS || w->statement_count > INTRODUCE_PAPERS);
	BUG_ON(w->org_count > INTRODUCE_MATCHES || (!w->org_count && !w->open));
	for (unsigned i = 0; i < w->certificate_count; i++)
		BUG_ON(memcmp(&w->certificates[i].body.node, &w->key, sizeof(w->key)) != 0);
	for (unsigned i = 0; i < w->statement_count; i++)
		BUG_ON(w->statements[i].body.kind != STATEMENT_VOUCH ||
		       memcmp(&w->statements[i].body.subject, &w->key, sizeof(w->key)) != 0);
}

static void run_datagram(struct bytes d)
{
	struct meeting m;

	begin(&m);
	m.hello = tick(&m.a, at_ms(0));
	BUG_ON(introduce_input(m.a.x, at_ms(0), &m.b.at, d, &who, emptied()));
	BUG_ON(box.out.count && (d.data[0] != 0xe2 || only().len > d.len));
	meeting_stop(&m);
}

/* Number of tags, tags; each step of the rest: a good paper, one as it comes, or an odd byte. */
static void run_letter(struct cursor *c, bool accept)
{
	struct certificate cert = certificate_of(&org, &me);
	struct statement vouch = vouch_of(&org, &me);
	struct datagram d;
	struct stranger s;
	struct meeting m;
	struct script t;
	struct bytes raw;
	size_t most = accept ? 1183 - 64 : INTRODUCTION_BODY;

	begin(&m);
	m.hello = tick(&m.a, at_ms(0));
	stranger_start(&s, 0x61, !accept);
	if (accept) {
		d = stranger_welcomes(&s, &m.hello, NULL);
		BUG_ON(!answer(&m.a, at_ms(0), &m.b.at, &d).len);
	} else {
		stranger_is_welcome(&s, &m.a, at_ms(0), &m.b.at, NULL);
	}
	script_start(&t, &s, accept ? 0xe5 : 0xe4, &me.pk, cur_u8(c) & 1 ? &org.pk : NULL);
	t.b[32] = cur_u8(c);
	while (cur_left(c)) {
		uint8_t op = cur_u8(c);

		if (wr_len(&t.w) + 3 + MAX_CERTIFICATE > most)
			break;
		if (op == 1) {
			script_paper(&t, 1, cert.wire, cert.len);
		} else if (op == 2) {
			script_paper(&t, 2, vouch.wire, vouch.len);
		} else if (op == 3) {
			raw = cur_span(c, cur_left(c) > 160 ? 160 : cur_left(c));
			script_paper(&t, (uint8_t)(1 + (raw.len & 1)), raw.data,
				     (uint16_t)raw.len);
		} else {
			wr_u8(&t.w, op == 4 ? cur_u8(c) : op);
		}
	}
	script_sign(&t, &s, accept ? "meshguard accept v1" : "meshguard introduction v1",
		    accept ? &m.a.pk : NULL, &me.sk, accept ? 0 : INTRODUCTION_BODY);
	d = accept ? stranger_accepts(&s, &t) : stranger_introduces(&s, &t);
	if (feed(&m.a, at_ms(0), &m.b.at, &d, &who)) {
		BUG_ON(memcmp(&who.key, &me.pk, sizeof(me.pk)) != 0 || who.initiator != accept);
		check_papers(&who);
		if (!accept) {
			introduce_accept(m.a.x, &who, emptied());
			BUG_ON(only().len > d.len);
		}
	}
	meeting_stop(&m);
}

/* --- a script */

struct net {
	struct meeting m;
	uint64_t ms;
	unsigned count;
	struct datagram list[HISTORY]; /* the last ones, a ring */
};

static void remember(struct net *n)
{
	struct datagram d = only();

	if (d.len)
		n->list[n->count++ % HISTORY] = d;
}

static void introduced_is_the_other(const struct net *n, bool to_b)
{
	const struct meeting *m = &n->m;
	const struct introduce_counters *ours = introduce_counters(to_b ? m->b.x : m->a.x);
	const struct introduce_counters *theirs = introduce_counters(to_b ? m->a.x : m->b.x);

	BUG_ON(memcmp(&who.key, to_b ? &m->a.pk : &m->b.pk, sizeof(who.key)) != 0);
	check_papers(&who);
	BUG_ON(ours->introductions_received > theirs->introductions_sent);
	BUG_ON(ours->accepts_received > theirs->accepts_sent);
}

/* One of the last datagrams, to either: op 2 changes a bit, 3 cuts it. */
static void deliver(struct net *n, bool to_b, uint8_t op, uint8_t arg)
{
	struct person *p = to_b ? &n->m.b : &n->m.a;
	struct datagram d;

	if (!n->count)
		return;
	d = n->list[(n->count - 1 - arg % (n->count < HISTORY ? n->count : HISTORY)) % HISTORY];
	if ((op & 7) == 2)
		d.b[(op >> 4 | (unsigned)arg << 4) % d.len] ^= (uint8_t)(1u << (arg & 7));
	else if ((op & 7) == 3)
		d.len -= 1 + arg % d.len;
	if (feed(p, at_ms(n->ms), to_b ? &n->m.a.at : &n->m.b.at, &d, &who)) {
		BUG_ON((op & 7) >= 2);
		introduced_is_the_other(n, to_b);
		introduce_accept(p->x, &who, emptied());
	}
	BUG_ON(box.out.count && d.b[0] != 0xe3 && only().len > d.len);
	remember(n);
}

static void run_step(struct net *n, uint8_t op, uint8_t arg)
{
	bool b = op & 8;
	struct person *p = b ? &n->m.b : &n->m.a;
	const struct endpoint *other = b ? &n->m.a.at : &n->m.b.at;

	switch (op & 7) {
	case 4:
		introduce_tick(p->x, at_ms(n->ms), emptied());
		remember(n);
		break;
	case 5:
		n->ms += (uint64_t)arg << (op >> 4);
		break;
	case 6:
		introduce_marks(p->x, &org.pk, arg & 1, arg & 2, at_ms(n->ms));
		break;
	case 7:
		if (arg & 1)
			introduce_target_known(p->x, other);
		else
			introduce_target_lost(p->x, other, at_ms(n->ms));
		break;
	default:
		deliver(n, b, op, arg);
	}
}

static void run_script(struct cursor *c)
{
	static struct net n;

	n.ms = 0;
	n.count = 0;
	begin(&n.m);
	for (unsigned step = 0; step < STEPS && cur_left(c); step++) {
		uint8_t op = cur_u8(c);

		run_step(&n, op, cur_u8(c));
	}
	meeting_stop(&n.m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c;

	test_crypto();
	key_start(&org, 50);
	key_start(&me, 7);
	if (!size)
		return 0;
	c = cur_of(data + 1, size - 1);
	if (!data[0])
		run_datagram(bytes_of(data + 1, size - 1));
	else if (data[0] < 3)
		run_letter(&c, data[0] == 2);
	else
		run_script(&c);
	BUG_ON(tap_bad);
	return 0;
}
