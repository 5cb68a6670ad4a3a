#include "nat/lifetime.h"

#include "base/bucket.h"

#include <string.h>

const uint16_t lifetime_silence_s[LIFETIME_TRIALS] = { 8, 18, 28, 58, 118, 298 };

#define REPEAT span_ms(1000)     /* touches */
#define TOUCHES 5u
#define AGE span_s(3)            /* Linux: udp flows of two seconds become streams */
#define KNOCK_EACH span_ms(400)  /* all before the two seconds are over */
#define KNOCKS 4u
#define UNKNOWN span_s(20)       /* many NATs forget in 30 s */
#define SHORTEST span_s(5)
#define LONGEST span_s(120)

void lifetime_init(struct lifetime *l)
{
	*l = (struct lifetime){ .next = INSTANT_NEVER };
}

static void enter(struct lifetime *l, enum lifetime_stage stage, struct instant at)
{
	l->stage = stage;
	l->sends = 0;
	l->next = at;
}

static void next_trial(struct lifetime *l, struct instant now)
{
	if (l->low < l->high) {
		l->trial = (l->low + l->high) / 2;
		enter(l, LIFETIME_OPENING, now);
		return;
	}
	l->known = true;
	l->fruitless = false;
	l->seconds = l->low ? lifetime_silence_s[l->low - 1] : 0;
	enter(l, LIFETIME_IDLE, INSTANT_NEVER);
}

void lifetime_begin(struct lifetime *l, uint16_t most_s, struct instant now)
{
	l->low = l->high = 0;
	l->fruitless = true;
	while (l->high < LIFETIME_TRIALS && lifetime_silence_s[l->high] <= most_s)
		l->high++;
	if (l->high)
		next_trial(l, now);
}

void lifetime_abandon(struct lifetime *l)
{
	enter(l, LIFETIME_IDLE, INSTANT_NEVER);
}

bool lifetime_measures(const struct lifetime *l)
{
	return l->stage != LIFETIME_IDLE;
}

struct instant lifetime_deadline(const struct lifetime *l)
{
	return l->next;
}

/* A touch; when it was repeated in vain there is no helper, and so no result. */
static enum lifetime_do touch(struct lifetime *l, struct instant now)
{
	if (l->sends == TOUCHES) {
		lifetime_abandon(l);
		return LIFETIME_NOTHING;
	}
	l->next = instant_add(now, REPEAT);
	l->sends++;
	return l->stage == LIFETIME_OPENING && l->sends == 1 ? LIFETIME_FRESH : LIFETIME_TOUCH;
}

enum lifetime_do lifetime_tick(struct lifetime *l, struct instant now)
{
	if (!instant_reached(l->next, now))
		return LIFETIME_NOTHING;
	switch (l->stage) {
	case LIFETIME_IDLE:
		break;
	case LIFETIME_AGING:
		enter(l, LIFETIME_CONFIRMING, now);
		return touch(l, now);
	case LIFETIME_OPENING:
	case LIFETIME_CONFIRMING:
	case LIFETIME_CHECKING:
		return touch(l, now);
	case LIFETIME_SILENT:
		enter(l, LIFETIME_KNOCKING, now);
		/* fall through */
	case LIFETIME_KNOCKING:
		if (l->sends == KNOCKS) {
			enter(l, LIFETIME_CHECKING, now);
			return touch(l, now);
		}
		l->next = instant_add(now, l->sends + 1 == KNOCKS ? REPEAT : KNOCK_EACH);
		l->sends++;
		return LIFETIME_KNOCK;
	}
	return LIFETIME_NOTHING;
}

void lifetime_heard(struct lifetime *l, struct instant now)
{
	switch (l->stage) {
	case LIFETIME_OPENING:
		enter(l, LIFETIME_AGING, instant_add(now, AGE));
		break;
	case LIFETIME_CONFIRMING:
		enter(l, LIFETIME_SILENT,
		      instant_add(now, span_s(lifetime_silence_s[l->trial])));
		break;
	case LIFETIME_SILENT:   /* to a touch that was repeated: the silence begins now */
		l->next = instant_add(now, span_s(lifetime_silence_s[l->trial]));
		break;
	case LIFETIME_KNOCKING:
		l->low = l->trial + 1;
		next_trial(l, now);
		break;
	case LIFETIME_CHECKING:
		l->high = l->trial;
		next_trial(l, now);
		break;
	case LIFETIME_AGING:
	case LIFETIME_IDLE:
		break;
	}
}

struct span lifetime_keepalive(const struct lifetime *l)
{
	struct span every = { span_s(l->seconds).ns / 5 * 3 };

	if (!l->known)
		return UNKNOWN;
	if (every.ns < SHORTEST.ns)
		return SHORTEST;
	return every.ns > LONGEST.ns ? LONGEST : every;
}

/* --- between members ------------------------------------------------------------------------ */

void lifetime_encode(uint8_t type, const uint8_t id[static LIFETIME_ID],
		     uint8_t out[static LIFETIME_ASK_LEN])
{
	memset(out, 0, LIFETIME_ASK_LEN);
	out[0] = type;
	memcpy(out + 1, id, LIFETIME_ID);
}

bool lifetime_decode(struct bytes m, uint8_t id[static LIFETIME_ID])
{
	if (!m.len || m.data[0] < LIFETIME_TYPE_TOUCH || m.data[0] > LIFETIME_TYPE_KNOCK ||
	    m.len != (m.data[0] == LIFETIME_TYPE_ANSWER ? LIFETIME_ANSWER_LEN : LIFETIME_ASK_LEN))
		return false;
	for (size_t i = 1 + LIFETIME_ID; i < m.len; i++)
		if (m.data[i])
			return false;
	memcpy(id, m.data + 1, LIFETIME_ID);
	return true;
}

static struct lifetime_helped *find(struct lifetime_help *h, uint32_t slot)
{
	for (struct lifetime_helped *e = h->list; e < h->list + LIFETIME_HELPED; e++)
		if (e->at.ip.family && e->slot == slot)
			return e;
	return NULL;
}

static bool may_answer(struct lifetime_helped *e, struct instant now)
{
	return bucket_take(&e->full, now, span_ms(500), 8);
}

bool lifetime_touched(struct lifetime_help *h, uint32_t slot, const struct endpoint *from,
		      const uint8_t id[static LIFETIME_ID], struct instant now)
{
	struct lifetime_helped *e = find(h, slot);

	if (!e) {
		e = h->list;
		for (struct lifetime_helped *o = h->list; o < h->list + LIFETIME_HELPED; o++)
			if (o->touched.ns < e->touched.ns)
				e = o;
		*e = (struct lifetime_helped){ .slot = slot };
	}
	e->at = *from;
	e->touched = now;
	memcpy(e->id, id, LIFETIME_ID);
	return may_answer(e, now);
}

bool lifetime_knocked(struct lifetime_help *h, uint32_t slot, const uint8_t id[static LIFETIME_ID],
		      struct endpoint *to, struct instant now)
{
	struct lifetime_helped *e = find(h, slot);

	if (!e || !ct_equal(e->id, id, LIFETIME_ID) || !may_answer(e, now))
		return false;
	*to = e->at;
	return true;
}

void lifetime_forget(struct lifetime_help *h, uint32_t slot)
{
	struct lifetime_helped *e = find(h, slot);

	if (e)
		memset(e, 0, sizeof(*e));
}
