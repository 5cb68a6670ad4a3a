#include "sim/invariant.h"

#include "base/limits.h"
#include "sim/accusers.h"
#include "sim/wiretap.h"

#include <stdlib.h>
#include <string.h>

#define FORGETS span_s(60)    /* after an end of trust, until others must know it */
#define SWEEP_EVERY span_s(2)    /* of the whole report of a machine */
#define STEPS_AT_ONCE 20000u     /* at one instant: time does not go on */
/* Who hears nobody for so long judges nobody: twice the LAN profile's second between two probes,
 * times one more than the worst local health. */
#define DEAF span_s(10)
/* Who stood still judges nobody for a second. Nothing that leads to a verdict waits longer than
 * 1.8 s, so that a pause of this length is noticed before there is one. */
#define AWAKE span_s(1)
#define PAUSE span_ms(2500)
/* A verdict without a failed probe of one's own: K + 1 accusations, in a mesh of more than 32. */
#define ACCUSERS 4u
#define WATCHES_ALL 32u
/* Who is accused has answered: four answers at once, then one in five seconds. Whether a datagram
 * that arrives is taken for fresh is not known here, so one accusation is not enough. */
#define ANSWERS_WITHIN span_s(15)
#define ACCUSED_OFTEN 4u
/* core/swim's two budgets (docs/protocol.md), and what single answers may add to them. */
#define GOSSIP_PER_SECOND (2u * 32768u)
#define GOSSIP_BURST ((256u << 10) + (2u << 20) + 160u * MAX_DATAGRAM)

/* What one machine knows of another. */
struct known {
	uint8_t state;               /* enum report_state */
	uint64_t sequence;           /* highest seen here */
	struct instant heard;        /* a datagram of it arrived */
	struct instant died;         /* when it was declared dead */
	uint64_t epoch, counter;     /* of the last datagram sent to it */
};

struct own {
	uint64_t signed_max;         /* highest sequence that it told */
	uint64_t floor;              /* its next ones must not be below */
	struct instant heard;        /* anybody */
	struct instant silence;      /* when the last one that seemed to live was declared dead */
	struct instant swept;
	struct instant step;
	uint32_t steps;              /* at that instant */
	struct instant deaf_verdict; /* zero, or when it judged although it heard nobody */
	bool rash;                   /* it judged by the word of too few: */
	uint32_t rash_about, rash_by;
	uint64_t accused;            /* sequence that it is accused with, 0: of nothing */
	struct instant accused_since;
	uint32_t accusations;        /* of that sequence, that arrived */
	struct instant spoke;        /* it sent a message; without a path it cannot answer */
	bool warned;                 /* an accusation or a death was sent to it */
	uint64_t bucket;             /* bytes */
	struct instant drained;
};

struct invariants {
	struct world *w;
	struct wiretap *tap;
	struct accusers *accusers;
	struct known *known;         /* [who * n + about] */
	struct own *own;
	struct report_node *node;
	struct report_peer *peer;
	uint32_t from, to;           /* of the datagram that is read */
	uint32_t accused;            /* in the accusation that is read, which has */
	uint64_t read;               /* this sequence */
};

static const char *const words[] = { "unknown", "alive", "suspect", "dead", "left" };

static struct known *known(struct invariants *v, uint32_t who, uint32_t about)
{
	return &v->known[(size_t)who * v->w->n + about];
}

static bool trusts(const struct world *w, uint32_t who, uint32_t whom)
{
	return who == whom || w->told[(size_t)who * w->n + whom];
}

/* What goes through a relay. */
static bool is_frame(struct bytes data)
{
	return data.len > RELAY_HEADER && data.data[0] >> 6 == 1;
}

static struct bytes within(struct bytes frame)
{
	return bytes_of(frame.data + RELAY_HEADER, frame.len - RELAY_HEADER);
}

/* --- what is sent */

static const char *const things[] = {
	"a record of", "an accusation of", "an accuser", "a list entry of", "a wish for",
	"a probe of", "a death of",
};

/* Whether the sender must have learned that the receiver does not admit the subject. */
static bool is_told(struct invariants *v, uint32_t subject)
{
	struct instant since = v->w->untold_since[(size_t)v->to * v->w->n + subject];

	if (!instant_is_set(since))
		return true;
	return instant_reached(instant_add(since, FORGETS), known(v, v->from, v->to)->heard);
}

/* Whose word somebody passes on, watches the accused by the view of him who does. */
static void about_relayed(struct invariants *v, enum about what, uint32_t subject,
			  uint64_t sequence)
{
	if (what == ABOUT_ACCUSED) {
		v->accused = subject;
		v->read = sequence;
	}
	if (what == ABOUT_ACCUSER && subject != v->from && v->accused != NOBODY &&
	    !accusers_has(v->accusers, v->from, subject, v->accused, v->read))
		world_violation(v->w, "%u passes on that %u accuses %u, which may not", v->from,
				subject, v->accused);
}

static void about(void *ctx, enum about what, uint32_t subject, uint64_t sequence)
{
	struct invariants *v = ctx;
	struct world *w = v->w;

	if (subject == NOBODY) {
		world_violation(w, "%u tells %u %s nobody that there is", v->from, v->to,
				things[what]);
		return;
	}
	struct own *own = &v->own[subject];
	v->own[v->to].warned |= what == ABOUT_ACCUSED || what == ABOUT_DEAD;
	about_relayed(v, what, subject, sequence);
	if (!trusts(w, v->from, subject))
		world_violation(w, "%u tells %u %s %u, whom it does not admit", v->from, v->to,
				things[what], subject);
	if (!trusts(w, v->to, subject) && is_told(v, subject))
		world_violation(w, "%u tells %u %s %u, whom that one does not admit", v->from,
				v->to, things[what], subject);
	w->leaks += !trusts(w, v->to, subject);
	if (subject == v->from && (what == ABOUT_RECORD || what == ABOUT_LISTED)) {
		if (sequence < own->floor)
			world_violation(w, "%u tells of its sequence %ju after %ju", subject,
					(uintmax_t)sequence, (uintmax_t)own->floor);
		own->floor = sequence;
		if (own->signed_max < sequence)
			own->signed_max = sequence;
	} else if (sequence > own->signed_max) {
		world_violation(w, "%u tells %u %s %u, sequence %ju, which it did not sign",
				v->from, v->to, things[what], subject, (uintmax_t)sequence);
	}
}

/* An accusation of the machine that reads it. */
static void about_itself(struct invariants *v, uint32_t accuser)
{
	struct own *own = &v->own[v->to];

	if (v->read != own->signed_max || !trusts(v->w, v->to, accuser))
		return;
	if (own->accused != v->read) {
		own->accused = v->read;
		own->accused_since = v->w->now;
		own->accusations = 0;
	}
	own->accusations++;
}

/* What a machine reads: first who is accused, then by whom. */
static void about_reader(void *ctx, enum about what, uint32_t subject, uint64_t sequence)
{
	struct invariants *v = ctx;

	if (what == ABOUT_ACCUSED) {
		v->accused = subject;
		v->read = sequence;
	}
	if (subject == NOBODY || subject == v->to)
		return;
	if (what == ABOUT_RECORD)
		accusers_record(v->accusers, v->to, subject);
	else if (what == ABOUT_DEAD)
		accusers_doubt(v->accusers, v->to, subject);
	else if (what == ABOUT_ACCUSER && v->accused == v->to)
		about_itself(v, subject);
	else if (what == ABOUT_ACCUSER && v->accused != NOBODY)
		accusers_read(v->accusers, v->to, subject, v->accused, v->read);
}

static void hear_accusations(struct invariants *v, uint32_t from, uint32_t to, struct bytes data)
{
	struct tap_reader reader = { about_reader, v };
	struct own *own = &v->own[to];
	uint64_t epoch, counter;

	if (!own->warned)
		return;
	v->from = from;
	v->to = to;
	wiretap_read(v->tap, from, to, data, &reader, &epoch, &counter);
	if (own->accused && own->accused == own->signed_max
	    && own->accusations >= ACCUSED_OFTEN
	    && instant_since(own->spoke, own->accused_since).ns > ANSWERS_WITHIN.ns / 2
	    && instant_since(v->w->now, own->accused_since).ns > ANSWERS_WITHIN.ns) {
		world_violation(v->w, "%u is accused with sequence %ju and has no higher one", to,
				(uintmax_t)own->accused);
		own->accused = 0;
	}
}

static void spend(struct invariants *v, uint32_t from, size_t bytes)
{
	struct own *own = &v->own[from];
	uint64_t passed = instant_since(v->w->now, own->drained).ns;
	uint64_t drained = passed / 1000 * GOSSIP_PER_SECOND / 1000000;

	own->bucket = own->bucket > drained ? own->bucket - drained : 0;
	own->drained = v->w->now;
	own->bucket += bytes;
	if (own->bucket > GOSSIP_BURST)
		world_violation(v->w, "%u gossips beyond its budget", from);
}

static void read_one(struct invariants *v, uint32_t from, uint32_t to, struct bytes data)
{
	struct tap_reader reader = { about, v };
	uint64_t epoch = 0, counter = 0;
	enum tapped what;

	v->from = from;
	v->to = to;
	what = wiretap_read(v->tap, from, to, data, &reader, &epoch, &counter);
	if (what == TAPPED_BAD)
		world_violation(v->w, "%u sends what %u cannot read", from, to);
	if (what == TAPPED_SWIM) {
		spend(v, from, data.len + 28);
		v->own[from].spoke = v->w->now;
	}
	if (what != TAPPED_SWIM && what != TAPPED_PATH)
		return;
	struct known *k = known(v, from, to);
	if (k->epoch == epoch && counter <= k->counter)
		world_violation(v->w, "%u uses counter %ju for %u twice", from,
				(uintmax_t)counter, to);
	k->epoch = epoch;
	k->counter = counter;
}

/* What goes through a relay is read where it comes from: whom it is for only his key tells. */
static void on_sent(void *ctx, uint32_t from, uint32_t to, struct bytes data)
{
	struct invariants *v = ctx;

	if (data.len > MAX_DATAGRAM && (data.data[0] == 0xE1 || data.data[0] == 0xE6))
		world_violation(v->w, "%u sends %zu bytes of control", from, data.len);
	if (to == NOBODY || to == from)
		return;
	if (!is_frame(data))
		read_one(v, from, to, data);
	for (uint32_t end = 0; is_frame(data) && end < v->w->n; end++)
		if (end != from && end != to)
			read_one(v, from, end, within(data));
}

static void on_delivered(void *ctx, uint32_t to, const struct datagram *d)
{
	const struct bytes data = bytes_of(d->data, d->len);
	struct invariants *v = ctx;

	if (d->damage || !trusts(v->w, to, d->sender))
		return;
	known(v, to, d->sender)->heard = v->w->now;
	v->own[to].heard = v->w->now;
	if (!is_frame(data))
		hear_accusations(v, d->sender, to, data);
	for (uint32_t end = 0; is_frame(data) && end < v->w->n; end++)
		if (end != to && end != d->sender)
			hear_accusations(v, end, to, within(data));
}

/* --- what is believed */

/* A verdict without a suspicion of its own before. */
static void judged_by_others(struct invariants *v, uint32_t who, uint32_t subject,
			     uint64_t sequence)
{
	struct own *own = &v->own[who];
	unsigned by = accusers_count(v->accusers, who, subject, sequence);

	if (v->w->n > WATCHES_ALL + 1 && by >= ACCUSERS)
		return;
	own->rash = true;
	own->rash_about = subject;
	own->rash_by = by;
}

static bool sees_anybody(struct invariants *v, uint32_t who)
{
	for (uint32_t i = 0; i < v->w->n; i++) {
		unsigned state = known(v, who, i)->state;

		if (state == REPORT_ALIVE || state == REPORT_SUSPECT)
			return true;
	}
	return false;
}

/* Who hears nobody at all takes everybody for lost at once, and takes it back as soon as he hears
 * anybody: that revives too. */
static bool may_follow(const struct invariants *v, uint32_t who, const struct known *k,
		       enum report_state next, uint64_t sequence)
{
	const struct own *own = &v->own[who];
	bool newer = sequence > k->sequence;

	switch (next) {
	case REPORT_ALIVE:
		if (k->state == REPORT_LEFT)
			return newer;
		if (k->state == REPORT_DEAD)
			return newer || instant_reached(k->died, k->heard) ||
			       (k->died.ns == own->silence.ns &&
				instant_reached(k->died, own->heard));
		return true;
	case REPORT_SUSPECT:
		return k->state == REPORT_ALIVE;
	case REPORT_DEAD:
		return k->state == REPORT_ALIVE || k->state == REPORT_SUSPECT;
	case REPORT_LEFT:
		return newer;
	case REPORT_UNKNOWN:
		break;
	}
	return false;
}

static void judged_asleep(struct invariants *v, uint32_t who, uint32_t subject)
{
	const struct host *h = &v->w->hosts[who];

	if (instant_since(h->resumed_at, h->paused_at).ns > PAUSE.ns &&
	    instant_since(v->w->now, h->resumed_at).ns < AWAKE.ns)
		world_violation(v->w, "%u stood still until a moment ago, and judges %u", who,
				subject);
}

static void change(struct invariants *v, uint32_t who, uint32_t subject, enum report_state next,
		   uint64_t sequence)
{
	struct world *w = v->w;

	if (subject == NOBODY || subject == who || !trusts(w, who, subject)) {
		world_violation(w, "%u believes something of %d", who, (int)subject);
		return;
	}
	struct known *k = known(v, who, subject);
	if (sequence < k->sequence)
		world_violation(w, "%u knew sequence %ju of %u and now %ju", who,
				(uintmax_t)k->sequence, subject, (uintmax_t)sequence);
	if (sequence > v->own[subject].signed_max)
		world_violation(w, "%u knows sequence %ju of %u, which it did not sign", who,
				(uintmax_t)sequence, subject);
	if (!may_follow(v, who, k, next, sequence))
		world_violation(w, "%u: %u is %s after %s, sequence %ju after %ju", who, subject,
				words[next], words[k->state], (uintmax_t)sequence,
				(uintmax_t)k->sequence);
	if (next == REPORT_DEAD && k->state == REPORT_ALIVE)
		judged_by_others(v, who, subject, sequence);
	k->state = (uint8_t)next;
	if (k->sequence < sequence)
		k->sequence = sequence;
	if (next != REPORT_DEAD)
		return;
	k->died = w->now;
	judged_asleep(v, who, subject);
	if (instant_since(w->now, v->own[who].heard).ns > DEAF.ns)
		v->own[who].deaf_verdict = w->now;
	if (!sees_anybody(v, who))
		v->own[who].silence = w->now;
}

static void on_event(void *ctx, uint32_t who, const struct event *e)
{
	struct invariants *v = ctx;
	uint32_t subject = world_find(v->w, &e->subject);

	switch (e->kind) {
	case EV_MEMBER_ALIVE:
		change(v, who, subject, REPORT_ALIVE, (uint64_t)e->a);
		break;
	case EV_MEMBER_SUSPECT:
		change(v, who, subject, REPORT_SUSPECT, (uint64_t)e->a);
		break;
	case EV_MEMBER_DEAD:
		change(v, who, subject, REPORT_DEAD, (uint64_t)e->a);
		break;
	case EV_MEMBER_LEFT:
		change(v, who, subject, REPORT_LEFT, (uint64_t)e->a);
		break;
	case EV_PEER_REVOKED:
		if (subject != NOBODY) {
			known(v, who, subject)->state = REPORT_UNKNOWN;
			known(v, who, subject)->sequence = 0;
		}
		break;
	case EV_MEMBER_CONFLICT:
		world_violation(v->w, "%u sees two records of %d with one sequence", who,
				(int)subject);
		break;
	default:
		break;
	}
}

/* --- what is reported */

static void sweep_tables(struct invariants *v, uint32_t who)
{
	const struct report_node *r = v->node;

	for (unsigned i = 0; i < r->table_count; i++)
		if (r->tables[i].used > r->tables[i].entries)
			world_violation(v->w, "%u: table %s holds %ju of %ju", who,
					r->tables[i].name, (uintmax_t)r->tables[i].used,
					(uintmax_t)r->tables[i].entries);
	for (unsigned i = 0; i < r->table_count && !r->relays; i++)
		if (r->tables[i].used && !strcmp(r->tables[i].name, "relaying"))
			world_violation(v->w, "%u does not relay, and has %ju channels", who,
					(uintmax_t)r->tables[i].used);
	if (r->alive > r->trusted)
		world_violation(v->w, "%u sees %u alive and trusts %u", who, r->alive, r->trusted);
}

/* A relay is somebody that the node trusts, and not the peer itself. */
static void sweep_relay(struct invariants *v, uint32_t who, uint32_t subject)
{
	const struct report_peer *r = v->peer;
	const uint32_t relay = world_at(v->w, &r->endpoint.ip);

	if (!r->path_up || !*r->relay || relay == NOBODY)
		return;
	if (relay == who || relay == subject || !trusts(v->w, who, relay))
		world_violation(v->w, "%u reaches %u through %u", who, subject, relay);
}

static void sweep_peer(struct invariants *v, uint32_t who)
{
	const struct report_peer *r = v->peer;
	uint32_t subject = world_find(v->w, &r->key);

	if (subject == NOBODY || subject == who || !trusts(v->w, who, subject)) {
		world_violation(v->w, "%u reports %d", who, (int)subject);
		return;
	}
	sweep_relay(v, who, subject);
	struct known *k = known(v, who, subject);
	if (r->state != k->state)
		world_violation(v->w, "%u reports %u as %s and told %s", who, subject,
				words[r->state], words[k->state]);
	if (r->sequence < k->sequence || r->sequence > v->own[subject].signed_max)
		world_violation(v->w, "%u reports sequence %ju of %u, after %ju, %ju signed", who,
				(uintmax_t)r->sequence, subject, (uintmax_t)k->sequence,
				(uintmax_t)v->own[subject].signed_max);
	k->sequence = r->sequence;
}

static void sweep(struct invariants *v, uint32_t who)
{
	struct world *w = v->w;
	const struct node *node = w->hosts[who].node;
	uint32_t peers = 0, trusted = 0, slot = UINT32_MAX;

	node_report(node, v->node);
	sweep_tables(v, who);
	while ((slot = node_report_peer(node, slot, v->peer)) != UINT32_MAX) {
		sweep_peer(v, who);
		peers++;
	}
	for (uint32_t i = 0; i < w->n; i++)
		trusted += w->told[(size_t)who * w->n + i];
	if (peers != trusted)
		world_violation(w, "%u reports %u members and trusts %u", who, peers, trusted);
}

/* Who hears nobody may take all for lost at once, or the only other one for dead. */
static void check_verdicts(struct invariants *v, uint32_t who)
{
	struct own *own = &v->own[who];

	if (instant_is_set(own->deaf_verdict) && sees_anybody(v, who))
		world_violation(v->w, "%u judges, and hears nobody", who);
	if (own->rash && sees_anybody(v, who))
		world_violation(v->w, "%u judges %u by the word of %u", who, own->rash_about,
				own->rash_by);
	own->deaf_verdict = INSTANT_ZERO;
	own->rash = false;
}

static void on_stepped(void *ctx, uint32_t who)
{
	struct invariants *v = ctx;
	struct own *own = &v->own[who];
	struct world *w = v->w;

	check_verdicts(v, who);
	if (own->step.ns != w->now.ns)
		own->steps = 0;
	if (instant_since(w->now, own->step).ns > ANSWERS_WITHIN.ns / 3)
		own->accused = 0;
	own->step = w->now;
	if (++own->steps > STEPS_AT_ONCE) {
		world_violation(w, "%u never lets time go on", who);
		w->stuck = true;
	}
	if (instant_since(w->now, own->swept).ns >= SWEEP_EVERY.ns && !w->hosts[who].untold) {
		own->swept = w->now;
		sweep(v, who);
	}
}

/* A new process: what the former one knew is gone. Its own sequence goes on from its disk, or from
 * a clock that may be wrong. */
static void on_started(void *ctx, uint32_t who)
{
	struct invariants *v = ctx;
	struct own *own = &v->own[who];

	for (uint32_t i = 0; i < v->w->n; i++)
		*known(v, who, i) = (struct known){ .state = REPORT_UNKNOWN };
	own->swept = v->w->now;
	own->accused = 0;
	own->deaf_verdict = INSTANT_ZERO;
	own->rash = false;
	accusers_forget(v->accusers, who);
	if (!v->w->hosts[who].has_clock)
		own->floor = 0;
}

struct invariants *invariants_attach(struct world *w)
{
	struct invariants *v = calloc(1, sizeof(*v));

	BUG_ON(!v);
	v->w = w;
	v->tap = wiretap_new(w);
	v->accusers = accusers_new(w);
	v->known = calloc((size_t)w->n * w->n, sizeof(*v->known));
	v->own = calloc(w->n, sizeof(*v->own));
	v->node = calloc(1, sizeof(*v->node));
	v->peer = calloc(1, sizeof(*v->peer));
	BUG_ON(!v->known || !v->own || !v->node || !v->peer);
	w->watch = (struct watch){
		.sent = on_sent, .delivered = on_delivered, .event = on_event,
		.stepped = on_stepped, .started = on_started, .ctx = v,
	};
	return v;
}

void invariants_free(struct invariants *v)
{
	wiretap_free(v->tap);
	accusers_free(v->accusers);
	free(v->known);
	free(v->own);
	free(v->node);
	free(v->peer);
	free(v);
}
