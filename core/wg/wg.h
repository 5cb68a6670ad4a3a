/* wg.h - the WireGuard engine of the paper, sans I/O.
 *
 * Datagrams, packets and the time come in; datagrams and packets go out through an
 * outbox; facts that the world above wants to know wait in a small ring. One thread
 * at a time. Peers are numbered by handles; `slot` is the caller's own number for a
 * peer, carried in outbox items and facts.
 *
 * Section numbers are of "WireGuard: Next Generation Kernel Network Tunnel".
 */
#ifndef WG_WG_H
#define WG_WG_H

#include "base/bug.h"
#include "base/event.h"
#include "base/outbox.h"
#include "crypto/random.h"
#include "packet/split.h"
#include "wg/allowedips.h"

#define WG_NONE UINT32_MAX

struct wg;

struct wg_limits {
	uint32_t peers;          /* peers at once */
	uint32_t sessions;       /* key pairs at once; a peer uses up to 3. When none is free the
	                            least recently used idle peer loses its own */
	uint32_t staged_packets; /* packets that wait for a handshake, of all peers; 128 a peer */
};

/* TAI64N as it is sent (12 bytes, big-endian); compares by memcmp. */
struct tai64n { uint8_t b[12]; };

/* One line group of a key log in Wireshark's format; secrets, for debugging only. */
struct wg_keylog {
	const struct dh_secret *local_static;
	const struct dh_public *remote_static;
	const struct dh_secret *local_ephemeral;
	const struct sym_key *preshared; /* NULL if none */
};

struct wg_config {
	struct wg_limits limits;
	struct random *random;          /* the caller's, one thread */
	uint8_t hash_key[16];           /* random: keys the tables that strangers fill */
	bool roam;                      /* plain WireGuard: an authentic packet moves the endpoint.
	                                   false: it only makes WG_FACT_HEARD_FROM */
	void (*keylog)(void *ctx, const struct wg_keylog *log); /* NULL: none */
	void *keylog_ctx;
};

size_t wg_size(const struct wg_limits *limits);
/* memory: wg_size() bytes, zeroed, 64-byte aligned; lives as long as the engine. */
struct wg *wg_init(void *memory, const struct wg_config *config, struct instant now);

/* NULL clears it. Clamps. Ends all sessions and handshakes; peers keep their settings. A peer
 * whose public key is now our own is removed (selftest row 41). */
void wg_set_private(struct wg *wg, const struct dh_secret *secret, struct instant now);
bool wg_has_private(const struct wg *wg);
const struct dh_secret *wg_private(const struct wg *wg);   /* for the full UAPI only */
const struct dh_public *wg_public(const struct wg *wg);

/* Cryptokey routing table; values are peer handles. The caller owns it and may exchange it. */
void wg_set_routes(struct wg *wg, const struct allowedips *routes);

/* The MTU of the interface; padding does not go beyond it. MESH_MTU at init. */
void wg_set_mtu(struct wg *wg, uint32_t mtu);

/* The handle, or WG_NONE: full, our own key. A key that is there already gives its handle.
 * Keys of small order are taken (as WireGuard does) but never get a packet (row 44). */
uint32_t wg_peer_add(struct wg *wg, const struct dh_public *key, uint32_t slot, struct instant now);
/* Wipes everything of the peer. Its prefixes in the routing table are the caller's to remove. */
void wg_peer_remove(struct wg *wg, uint32_t peer);
uint32_t wg_peer_find(const struct wg *wg, const struct dh_public *key);
uint32_t wg_peer_slot(const struct wg *wg, uint32_t peer); /* the caller's number */
/* The next handle in use after `peer`, in a stable order; WG_NONE begins and ends. */
uint32_t wg_peer_next(const struct wg *wg, uint32_t peer);
uint32_t wg_peer_count(const struct wg *wg);
/* Zero: none. */
void wg_peer_set_preshared(struct wg *wg, uint32_t peer, const struct sym_key *psk);
/* Where to send. An unset endpoint: packets wait. */
void wg_peer_set_endpoint(struct wg *wg, uint32_t peer, const struct endpoint *to);
/* Holds until the next call. */
const struct endpoint *wg_peer_endpoint(const struct wg *wg, uint32_t peer);
/* Seconds, 0: off. From off to on sends a keepalive at once when there is an endpoint. */
void wg_peer_set_keepalive(struct wg *wg, uint32_t peer, uint16_t seconds, struct moment now,
			   struct outbox *out);
/* Ends sessions and handshake of one peer (its keys are wiped), keeps its settings. */
void wg_peer_expire(struct wg *wg, uint32_t peer);
/* The peer was restarted: its key pairs end, but for those of the last REKEY_TIMEOUT, which may be
 * the new process's, and that one would not notice. Where there were any, a handshake starts
 * unless one is on its way. */
void wg_peer_renew(struct wg *wg, uint32_t peer, struct moment now, struct outbox *out);
/* Starts a handshake unless a session is good or one is on its way; for path and status work. */
void wg_peer_handshake(struct wg *wg, uint32_t peer, struct moment now, struct outbox *out);

/* Interface up or down; down forgets staged packets and sessions, sends nothing. Up at init. */
void wg_set_up(struct wg *wg, bool up, struct moment now, struct outbox *out);

/* One IP packet for this peer (section 5.4.6, padded). Without a session it is staged and a
 * handshake starts. False if it was dropped. At most one step's worth goes to out. */
bool wg_send(struct wg *wg, struct moment now, uint32_t peer, struct bytes packet,
	     struct outbox *out);
/* For as many segments as can go out as one run of datagrams (struct out, `segment`), up to `most`:
 * each is written where it is sealed, and what the peer needs to know about what was sent is done
 * once. Returns how many; 0: they must go by wg_send() for now, since there is no session or no
 * address, others wait, or out has no room. */
uint32_t wg_send_split(struct wg *wg, struct moment now, uint32_t peer, struct split *split,
		       uint32_t most, struct outbox *out);
/* As wg_send(), by the packet's destination address. False: no route, malformed or dropped. */
bool wg_route(struct wg *wg, struct moment now, struct bytes packet, struct outbox *out);

/* One datagram from the network. Types 1 to 4 with their exact lengths; all else is counted
 * and dropped. May answer, and may give a packet for the TUN. `ecn`: the outer DS field. */
void wg_input(struct wg *wg, struct moment now, const struct endpoint *from, uint8_t ecn,
	      struct bytes datagram, struct outbox *out);

/* The same for datagrams that came together from one address with one DS field. Those from the
 * first on that are data of one session are opened at once, each with its own counter, source and
 * verdict, and what follows from them for the peer is done once. Returns how many were taken: at
 * least one. */
uint32_t wg_input_run(struct wg *wg, struct moment now, const struct endpoint *from, uint8_t ecn,
		      const struct bytes *datagrams, uint32_t count, struct outbox *out);

/* False: it was made for another private key than ours, or for nobody (by mac1 of an initiation,
 * section 5.4.4, and the receiver index of the others). Changes nothing, and proves nothing. */
bool wg_expects(const struct wg *wg, struct bytes datagram);

/* Does what is due (section 6), as far as the outbox has room; call again while
 * wg_deadline() has come. */
void wg_tick(struct wg *wg, struct moment now, struct outbox *out);
struct instant wg_deadline(const struct wg *wg);

/* TAI64N issued in the future must be above this floor (persisted by the caller ahead of
 * use, so that a clock that went back does not lock us out). */
void wg_set_timestamp_floor(struct wg *wg, struct tai64n floor);
struct tai64n wg_timestamp_last(const struct wg *wg); /* the highest issued; zero: none */

/* A fact for the world above. */
enum wg_fact_kind {
	WG_FACT_HANDSHAKE,   /* a session is confirmed; endpoint; initiator */
	WG_FACT_GAVE_UP,     /* 90 s without an answer (REKEY_ATTEMPT_TIME) */
	WG_FACT_EXPIRED,     /* all keys of the peer were wiped after REJECT_AFTER_TIME * 3 */
	WG_FACT_HEARD_FROM,  /* an authentic packet came from another endpoint than the one set */
};
struct wg_fact {
	enum wg_fact_kind kind;
	uint32_t peer;
	uint32_t slot;
	struct endpoint endpoint;
	bool initiator;
};
/* Takes the oldest fact; false when there is none. When the ring is full the oldest is lost. */
bool wg_next_fact(struct wg *wg, struct wg_fact *out);
bool wg_has_facts(const struct wg *wg);

struct wg_peer_info {
	struct dh_public key;
	uint32_t slot;
	struct sym_key preshared;      /* the caller wipes it */
	bool has_preshared;
	struct endpoint endpoint;
	uint16_t keepalive_s;
	struct wall last_handshake;    /* zero: never */
	struct instant last_handshake_at;
	struct instant last_heard;     /* last authentic packet; zero: never */
	uint64_t rx_bytes, tx_bytes;   /* whole WireGuard messages, as `wg show` counts */
	bool handshaking;              /* initiations go out and no answer came yet */
	bool has_session;              /* a session that may send, as of the time last told */
	uint32_t staged;
};
void wg_peer_info(const struct wg *wg, uint32_t peer, struct wg_peer_info *out);

/* Why something was dropped; counted since start. */
struct wg_counters {
	uint64_t handshakes_sent, handshakes_received, cookies_sent, cookies_received;
	uint64_t data_sent, data_received, keepalives_sent, keepalives_received;
	uint64_t drop_malformed;      /* type or length */
	uint64_t drop_mac1, drop_mac2_needed, drop_ratelimit;
	uint64_t drop_unknown_peer, drop_unknown_index;
	uint64_t drop_handshake;      /* AEAD, state or small-order failures of a handshake */
	uint64_t drop_replayed_handshake, drop_flood;
	uint64_t drop_auth, drop_replay, drop_expired;
	uint64_t drop_source;         /* inner source is not the peer's (cryptokey routing) */
	uint64_t drop_inner;          /* inner packet malformed */
	uint64_t drop_no_route, drop_no_endpoint, drop_staged_full;
};
const struct wg_counters *wg_counters(const struct wg *wg);

#endif
