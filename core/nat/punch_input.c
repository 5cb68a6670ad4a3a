/* punch_input.c - what members say about punching, and what is handed on for them. */
#include "nat/punch_impl.h"

#include <string.h>

#define ASK_BURST 4u
#define ASK_EVERY span_s(2)
#define PASS_BURST 16u
#define PASS_EVERY span_ms(250)
#define PASS_ALL_BURST 100u
#define PASS_ALL_EVERY span_ms(10)

bool punch_may_pass(struct punches *u, uint32_t slot, uint32_t to, struct instant now)
{
	struct endpoint best;
	bool may = slot != to && u->list[slot].admitted && u->list[to].admitted &&
		   paths_best(u->config.paths, to, &best) && !best.channel &&
		   bucket_take(&u->list[slot].pass_full, now, PASS_EVERY, PASS_BURST) &&
		   bucket_take(&u->pass_full, now, PASS_ALL_EVERY, PASS_ALL_BURST);

	u->counters.passed += may;
	u->counters.drop_rate += !may;
	return may;
}

static void take_words(struct run *r, const struct punch_message *m,
		       const struct punch_via *via)
{
	r->sees = via->sees;
	r->kind = m->kind;
	r->count = m->count;
	memcpy(r->list, m->list, sizeof(r->list));
}

static void input_ask(struct punches *u, struct instant now, uint32_t slot,
		      const struct punch_via *via, const struct punch_message *m, uint64_t epoch,
		      struct outbox *out)
{
	struct punch_peer *peer = &u->list[slot];
	struct run *r = run_of(u, slot);

	u->counters.asks_received++;
	if (!bucket_take(&peer->ask_full, now, ASK_EVERY, ASK_BURST)) {
		u->counters.drop_rate++;
		return;
	}
	/* Both asked: the first's counts. Who fires already needs no second run. */
	if (r && (r->state == RUN_FIRES || (r->asks && peer->first)))
		return;
	if (r)
		run_end(u, r);
	r = run_new(u, slot, via->slot);
	if (!r)
		return;
	memcpy(r->asked, m->asked, sizeof(r->asked));
	random_bytes(u->config.random, r->answered, sizeof(r->answered));
	r->epoch = epoch;
	r->fresh = m->flags & PUNCH_FRESH;
	take_words(r, m, via);
	if (r->fresh)
		run_opens(u, r, now, out);
	if (r->state != RUN_SOCKET)
		run_answers(u, r, now, out);
}

static void input_answer(struct punches *u, struct instant now, struct run *r,
			 const struct punch_via *via, const struct punch_message *m,
			 uint64_t epoch, struct outbox *out)
{
	struct span half = { instant_since(now, r->since).ns / 2 };

	u->counters.answers_received++;
	take_words(r, m, via);
	r->birthday = (m->flags & PUNCH_BIRTHDAY) && birthday_may(u, r, now);
	memcpy(r->answered, m->answered, sizeof(r->answered));
	run_says(u, r, PUNCH_NOW, epoch, out);
	run_fires(u, r, instant_add(now, half), now);
}

void punch_input(struct punches *u, struct instant now, uint32_t slot,
		 const struct punch_via *via, struct bytes message, uint64_t epoch, bool knows_us,
		 struct outbox *out)
{
	struct punch_message m;
	struct run *r;

	if (!punch_decode(message, &m) || !u->list[slot].admitted || slot == via->slot) {
		u->counters.drop_malformed++;
		return;
	}
	if (m.step == PUNCH_ASK) {
		input_ask(u, now, slot, via, &m, epoch, out);
		return;
	}
	r = run_of(u, slot);
	bool asked = r && knows_us && ct_equal(r->asked, m.asked, sizeof(r->asked));
	if (asked && m.step == PUNCH_ANSWER && r->asks && r->state == RUN_ASKED) {
		input_answer(u, now, r, via, &m, epoch, out);
	} else if (asked && m.step == PUNCH_NOW && !r->asks && r->state == RUN_ANSWERED &&
		   ct_equal(r->answered, m.answered, sizeof(r->answered))) {
		take_words(r, &m, via);
		r->birthday = (m.flags & PUNCH_BIRTHDAY) && birthday_may(u, r, now);
		run_fires(u, r, now, now);
	} else {
		u->counters.drop_unasked++;
	}
}
