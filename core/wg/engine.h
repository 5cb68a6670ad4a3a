/* engine.h - the inside of struct wg, for the files of this room and their tests.
 *
 *   wg.c         the engine's settings, its memory, ticks
 *   peer.c       peers and the key pairs that belong to them
 *   handshake.c  initiations, responses and cookie replies, both ways
 *   send.c       packets out: staged, padded, sealed
 *   receive.c    datagrams in: sorted by type; packets opened and checked
 *
 * Whatever changes a peer's timers ends with peer_schedule().
 */
#ifndef WG_ENGINE_H
#define WG_ENGINE_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "wg/cookie.h"
#include "wg/indices.h"
#include "wg/inner.h"
#include "wg/noise.h"
#include "wg/ratelimit.h"
#include "wg/session.h"
#include "wg/stage.h"
#include "wg/timers.h"
#include "wg/wg.h"

/* Key pairs of one peer: the one that packets go out by; the one before, for packets still
 * under way; and one that we answered for and that the peer has not used yet. */
enum pair { PAIR_CURRENT, PAIR_PREVIOUS, PAIR_NEXT, PAIRS };

struct peer {
	struct list lru;               /* in wg.lru while the peer has a key pair */
	uint32_t handle;
	uint32_t slot;
	struct noise_remote remote;
	struct noise_handshake handshake;
	struct cookie_sender cookie;
	struct timers timers;
	struct stage_queue staged;
	uint32_t pairs[PAIRS];         /* sessions, or WG_NONE */
	struct endpoint endpoint;
	struct endpoint heard_from;    /* of the last WG_FACT_HEARD_FROM */
	struct instant heard_from_at;
	struct instant last_sent_handshake; /* initiation or response; zero: none that counts */
	struct instant last_handshake_at;
	struct wall last_handshake;
	struct instant last_heard;
	uint64_t rx_bytes, tx_bytes;
};

/* Under load: more than LOAD_MESSAGES costly handshake messages within LOAD_WINDOW, and for
 * LOAD_LASTS after. */
#define LOAD_MESSAGES 32u
#define LOAD_WINDOW span_ms(100)
#define LOAD_LASTS span_s(1)
struct load {
	struct instant recent[LOAD_MESSAGES]; /* ring of the last arrivals */
	uint32_t next;
	struct instant until;
};

#define FACTS 512u
struct facts {
	struct wg_fact ring[FACTS];
	uint32_t first;
	uint32_t count;
};

struct wg {
	struct wg_config config;
	struct noise_identity self;
	struct cookie_checker checker;
	const struct allowedips *routes;
	uint32_t mtu;
	bool up;
	struct instant latest;         /* the time as last told */
	struct tai64n issued, floor;   /* timestamps */

	struct pool peer_pool;
	struct peer *peers;
	struct map by_key;
	struct heap deadlines;         /* by peer */

	struct pool session_pool;
	struct session *sessions;
	struct list lru;               /* peers with key pairs, longest unused first */
	struct indices indices;

	struct stage stage;
	struct ratelimit *ratelimit;
	struct load load;
	struct instant cookies_full;   /* bucket: replies that tell one */
	struct facts facts;
	struct wg_counters counters;
};

/* One call of send.c, as its promise of "one step's worth" allows beside a packet received. */
#define FLUSH_BYTES (OUTBOX_STEP_BYTES - 2u * 65536u)

/* --- peer.c */
/* The peer of a handle that a caller gave; an unknown one is his BUG. */
struct peer *peer_at(const struct wg *wg, uint32_t handle);
struct peer *peer_by_key(const struct wg *wg, const struct dh_public *key);
struct session *peer_session(const struct wg *wg, const struct peer *p, enum pair which);
/* The key pair that packets may go out by now, or NULL. */
struct session *peer_sending(const struct wg *wg, const struct peer *p, struct instant now);
/* A handshake is finished: its key pair takes its place among the peer's. An initiator may use
 * it at once; a responder waits for the first packet under it. */
void peer_new_session(struct wg *wg, struct peer *p, struct noise_handshake *hs, bool initiator,
		      struct instant now);
/* The first packet came under the pair that we answered for. */
void peer_confirm_session(struct wg *wg, struct peer *p);
void peer_forget_handshake(struct wg *wg, struct peer *p);
/* Wipes the key pairs; true if there were any. */
bool peer_forget_pairs(struct wg *wg, struct peer *p);
/* Both. */
void peer_forget_keys(struct wg *wg, struct peer *p);
/* Something may be possible now that was not: the next tick tries. */
void peer_wake(struct wg *wg, struct peer *p);
/* The peer was of use just now. */
void peer_touch(struct wg *wg, struct peer *p);
void peer_schedule(struct wg *wg, struct peer *p);
/* An authentic message came from there: roams, or tells. */
void peer_heard(struct wg *wg, struct peer *p, const struct endpoint *from, struct instant now);

/* --- wg.c */
struct span wg_jitter(struct wg *wg);
void wg_tell(struct wg *wg, enum wg_fact_kind kind, const struct peer *p, bool initiator);

/* --- handshake.c */
/* Sends an initiation, unless the last message of a handshake is too fresh. `wanted`: there is
 * a reason now, so the 90 s of trying count from now; else it is one more try. */
void handshake_initiate(struct wg *wg, struct peer *p, struct moment now, bool wanted,
			struct outbox *out);
void handshake_input_initiation(struct wg *wg, struct moment now, const struct endpoint *from,
				struct bytes datagram, struct outbox *out);
void handshake_input_response(struct wg *wg, struct moment now, const struct endpoint *from,
			      struct bytes datagram, struct outbox *out);
void handshake_input_cookie(struct wg *wg, struct moment now, struct bytes datagram);

/* --- send.c */
/* One message of the peer's handshake or session, as wg counts bytes. */
void send_message(struct peer *p, const struct endpoint *to, const void *message, size_t len,
		  struct outbox *out);
/* Sends what is staged, or asks for a handshake. False if the outbox was full. */
bool send_staged(struct wg *wg, struct peer *p, struct moment now, struct outbox *out);
/* Staged packets if there are any, else an empty one. */
void send_keepalive(struct wg *wg, struct peer *p, struct moment now, struct outbox *out);

#endif
