/* timers.h - section 6 of the paper as events that set deadlines; nothing is sent here.
 *
 * What may happen to a peer is a function below; each moves some of the peer's timers. The
 * engine asks timers_next() when to come back, takes what is due and acts on it.
 */
#ifndef WG_TIMERS_H
#define WG_TIMERS_H

#include "wg/messages.h"

#include <stdbool.h>

enum timer {
	TIMER_RETRANSMIT,    /* no response to our initiation: again, or give up */
	TIMER_NEW_HANDSHAKE, /* data sent, nothing heard: is the session dead? */
	TIMER_KEEPALIVE,     /* data received, nothing sent: tell that we are here */
	TIMER_PERSISTENT,    /* nothing sent or received for the configured interval */
	TIMER_ZERO_KEYS,     /* no new session for three times REJECT_AFTER_TIME: wipe */
	TIMER_FLUSH,         /* staged packets wait for room in the outbox, or for a start */
	TIMERS,
};

struct timers {
	struct instant due[TIMERS];         /* INSTANT_NEVER: off */
	struct instant attempt_since;       /* of the present series of initiations; zero: none */
	uint16_t persistent_s;              /* 0: off */
	bool need_another_keepalive;        /* more data came while one was due */
	bool sent_lastminute_handshake;     /* received data asked for a renewal already */
};

/* All off; the persistent interval too. */
void timers_init(struct timers *t);
/* All off; the interval stays. */
void timers_stop(struct timers *t);
/* The earliest; INSTANT_NEVER: none. */
struct instant timers_next(const struct timers *t);
/* True if it is due; turns it off. */
bool timers_take(struct timers *t, enum timer which, struct instant now);
void timers_set(struct timers *t, enum timer which, struct instant due);
bool timers_is_set(const struct timers *t, enum timer which);

/* jitter: 0 to REKEY_TIMEOUT_JITTER_MAX_MS, random. */
void timers_data_sent(struct timers *t, struct instant now, struct span jitter);
void timers_data_received(struct timers *t, struct instant now);
/* Any message of a session, or of a handshake, keepalives included. */
void timers_any_authenticated_sent(struct timers *t);
void timers_any_authenticated_received(struct timers *t);
void timers_any_authenticated_traversal(struct timers *t, struct instant now);
/* A series of initiations begins, or is wanted anew by a packet (6.4). */
void timers_attempt_begins(struct timers *t, struct instant now);
bool timers_attempt_is_over(const struct timers *t, struct instant now);
void timers_handshake_initiated(struct timers *t, struct instant now, struct span jitter);
/* No initiation can be sent before `then` (too early, or INSTANT_NEVER: no endpoint). */
void timers_handshake_delayed(struct timers *t, struct instant then);
void timers_handshake_complete(struct timers *t);
void timers_handshake_gave_up(struct timers *t, struct instant now);
void timers_session_derived(struct timers *t, struct instant now);
/* TIMER_KEEPALIVE was taken and the keepalive was sent. */
void timers_keepalive_sent(struct timers *t, struct instant now);

#endif
