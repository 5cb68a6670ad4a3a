#include "wg/timers.h"

void timers_init(struct timers *t)
{
	*t = (struct timers){ .persistent_s = 0 };
	timers_stop(t);
}

void timers_stop(struct timers *t)
{
	for (int i = 0; i < TIMERS; i++)
		t->due[i] = INSTANT_NEVER;
	t->attempt_since = INSTANT_ZERO;
	t->need_another_keepalive = false;
	t->sent_lastminute_handshake = false;
}

struct instant timers_next(const struct timers *t)
{
	struct instant next = INSTANT_NEVER;

	for (int i = 0; i < TIMERS; i++)
		next = instant_min(next, t->due[i]);
	return next;
}

bool timers_is_set(const struct timers *t, enum timer which)
{
	return t->due[which].ns != INSTANT_NEVER.ns;
}

bool timers_take(struct timers *t, enum timer which, struct instant now)
{
	if (!timers_is_set(t, which) || !instant_reached(t->due[which], now))
		return false;
	t->due[which] = INSTANT_NEVER;
	return true;
}

void timers_set(struct timers *t, enum timer which, struct instant due)
{
	t->due[which] = due;
}

/* 6.5: if nothing comes back, not even a keepalive, the session may be dead. */
void timers_data_sent(struct timers *t, struct instant now, struct span jitter)
{
	struct span wait = { KEEPALIVE_TIMEOUT.ns + REKEY_TIMEOUT.ns + jitter.ns };

	if (!timers_is_set(t, TIMER_NEW_HANDSHAKE))
		t->due[TIMER_NEW_HANDSHAKE] = instant_add(now, wait);
}

/* 6.5: the other side wants to hear of us when it has sent data. */
void timers_data_received(struct timers *t, struct instant now)
{
	if (timers_is_set(t, TIMER_KEEPALIVE))
		t->need_another_keepalive = true;
	else
		t->due[TIMER_KEEPALIVE] = instant_add(now, KEEPALIVE_TIMEOUT);
}

void timers_keepalive_sent(struct timers *t, struct instant now)
{
	if (!t->need_another_keepalive)
		return;
	t->need_another_keepalive = false;
	t->due[TIMER_KEEPALIVE] = instant_add(now, KEEPALIVE_TIMEOUT);
}

void timers_any_authenticated_sent(struct timers *t)
{
	t->due[TIMER_KEEPALIVE] = INSTANT_NEVER;
}

void timers_any_authenticated_received(struct timers *t)
{
	t->due[TIMER_NEW_HANDSHAKE] = INSTANT_NEVER;
}

void timers_any_authenticated_traversal(struct timers *t, struct instant now)
{
	if (t->persistent_s)
		t->due[TIMER_PERSISTENT] = instant_add(now, span_s(t->persistent_s));
}

void timers_attempt_begins(struct timers *t, struct instant now)
{
	t->attempt_since = now;
}

static struct instant attempt_end(const struct timers *t)
{
	return instant_add(t->attempt_since, REKEY_ATTEMPT_TIME);
}

bool timers_attempt_is_over(const struct timers *t, struct instant now)
{
	return instant_is_set(t->attempt_since) && instant_reached(attempt_end(t), now);
}

void timers_handshake_initiated(struct timers *t, struct instant now, struct span jitter)
{
	struct span wait = { REKEY_TIMEOUT.ns + jitter.ns };

	t->due[TIMER_RETRANSMIT] = instant_min(instant_add(now, wait), attempt_end(t));
}

void timers_handshake_delayed(struct timers *t, struct instant then)
{
	if (!timers_is_set(t, TIMER_RETRANSMIT))
		t->due[TIMER_RETRANSMIT] = instant_min(then, attempt_end(t));
}

void timers_handshake_complete(struct timers *t)
{
	t->due[TIMER_RETRANSMIT] = INSTANT_NEVER;
	t->attempt_since = INSTANT_ZERO;
	t->sent_lastminute_handshake = false;
}

/* 6.3: what is older than three lives of a session is wiped. */
void timers_session_derived(struct timers *t, struct instant now)
{
	t->due[TIMER_ZERO_KEYS] = instant_add(now, ZERO_KEYS_AFTER_TIME);
}

void timers_handshake_gave_up(struct timers *t, struct instant now)
{
	t->due[TIMER_RETRANSMIT] = INSTANT_NEVER;
	t->due[TIMER_KEEPALIVE] = INSTANT_NEVER;
	t->attempt_since = INSTANT_ZERO;
	if (!timers_is_set(t, TIMER_ZERO_KEYS))
		timers_session_derived(t, now);
}

