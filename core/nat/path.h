/* path.h - where each member can be reached: candidates, probes, choice (design, section 6).
 *
 * A probe is a sealed message with a random id to one address; its answer tells the address that
 * we were seen under. No path changes because of a datagram that is not the answer to a probe of
 * ours. The best answered path is in use; keeping and losing it is decided here, and so is first
 * contact: the seeds are called, paced and with backoff, by the names of all members that were not
 * located, and who says that it is here is probed.
 *
 * Payloads (inside the sealed datagram), docs/protocol.md "Probe":
 *   probe   20 | id 8 | zero
 *   answer  21 | id 8 | seen as     both PATH_PROBE_LEN bytes
 *   here    22 | id 8 | zero        answers a call, whose id it has; as long
 *
 * A padded probe (docs/protocol.md "Padded probe") tells whether a datagram of its length passes:
 * the sealed datagram of a probe, which names the length, and zeros behind it.
 */
#ifndef NAT_PATH_H
#define NAT_PATH_H

#include "base/event.h"
#include "base/outbox.h"
#include "crypto/random.h"
#include "identity/channel.h"
#include "identity/record.h"

#define PATH_TYPE_PROBE 0x20u
#define PATH_TYPE_ANSWER 0x21u
#define PATH_TYPE_HERE 0x22u
#define PATH_PROBE_LEN 32u
#define PATH_PROBE_LONG 137u /* sealed, two sealed answers long */

#define PATH_PADDED_MIN 106u /* a padded probe of a byte, and a sealed probe */
#define PATH_MTU_MIN 1280u   /* the shortest limit, which IPv6 needs (RFC 8200, 5) */
#define PATH_MTU_MAX 9000u            /* an interface with more is left alone */
#define PATH_SEALED_MORE 32u /* by which WireGuard's datagram is longer than a packet */

struct paths;

/* The data of an OUT_CALL. */
struct path_call {
	uint8_t id[CHANNEL_CALL_ID];
	uint32_t count;
	uint32_t slots[CHANNEL_CALL_MOST];
};

struct paths_config {
	uint32_t members;
	uint64_t seed;
	struct random *random;       /* probe ids */
	uint8_t hash_key[16];
	bool restarted;              /* not the first start: filters may know the former process */
	bool loopback;               /* we announce such an address: others' mean something here */
};

size_t paths_size(uint32_t members);
struct paths *paths_init(void *memory, const struct paths_config *config, struct instant now);

void paths_admit(struct paths *p, uint32_t slot, struct instant now);
void paths_forget(struct paths *p, uint32_t slot);
/* An address to ask for members without a path, and who named it. At most MAX_SEEDS; one that is
 * known is not added again. Where there is no room, one that was found (not SEED_GIVEN) and that no
 * member answered at gives way, the oldest first. */
enum seed_source { SEED_GIVEN, SEED_SAVED, SEED_NAME, SEED_DNS, SEED_MDNS, SEED_SOURCES };
void paths_add_seed(struct paths *p, const struct endpoint *seed, enum seed_source source,
		    struct instant now);
/* Addresses of the mesh are never candidates: underlay(ctx, ip) says whether an address may be
 * one. */
void paths_set_filter(struct paths *p, bool (*underlay)(void *ctx, const struct ip *ip), void *ctx);
/* What the member's record claims (replaces the former claims); at most 8, 3 probes to one that
 * never answered, then backoff to 10 minutes. Beyond 64 members chance decides who is probed: the
 * others are when somebody wants them, or says something. */
void paths_set_candidates(struct paths *p, uint32_t slot, const struct endpoint *list, unsigned n,
			  struct instant now);
/* It was reached there before a restart: probed like a claim, or not. */
void paths_suggest(struct paths *p, uint32_t slot, const struct endpoint *at, struct instant now);
/* So many authentic bytes of this member came from there and were not used up by answers; to be
 * told before paths_heard and paths_input, which spend them, and know only addresses that were
 * told or claimed. What is not fresh may be a replay: its address takes no other's place. */
void paths_received(struct paths *p, uint32_t slot, const struct endpoint *from, size_t bytes,
		    bool fresh);
/* An authentic packet of this member came from there. If that is not the path in use, both are
 * probed at once, and the new one is taken when it answers and the old one does not. */
void paths_heard(struct paths *p, uint32_t slot, const struct endpoint *from, struct instant now);
/* Traffic went out to it and nothing comes back (WireGuard or SWIM): check the path now, at most
 * five times a second. */
void paths_doubt(struct paths *p, uint32_t slot, struct instant now);
/* Tunnel traffic goes to it or comes from it. Paths that are used so are kept, others are left
 * alone: probes and gossip are no use. */
void paths_used(struct paths *p, uint32_t slot, struct instant now);
/* Whether there was tunnel traffic with it within so long. */
bool paths_used_within(const struct paths *p, uint32_t slot, struct span most,
		       struct instant now);
/* Somebody wants to reach it now (a packet waits): candidates are probed now, backoff
 * notwithstanding, at most once a second. */
void paths_wanted(struct paths *p, uint32_t slot, struct instant now);
/* Gossip has something to say to it: its addresses are probed now, unless that was done before. */
void paths_try(struct paths *p, uint32_t slot, struct instant now);
/* Our own network changed: everything in use is probed again at once, and all addresses of those
 * without a path that were probed before. */
void paths_network_changed(struct paths *p, struct instant now);

/* The MTU of the tunnel; paths are measured up to it. At first, and for 1280 and less or more than
 * 9000, none is. Forgets what was measured. */
void paths_set_mtu(struct paths *p, uint32_t mtu);
/* The longest packet that the path in use takes, at least PATH_MTU_MIN; 0: any, as far as is
 * known. */
uint32_t paths_mtu(const struct paths *p, uint32_t slot);
/* Whether there is a path with such a limit. */
bool paths_any_narrow(const struct paths *p);

/* A user asks for the round trip of this moment, by the path in use or the next one within three
 * seconds; ping.c. Returns its number, for the other two; PATH_NO_PING: there are too many. */
#define PATH_PINGS 16u
#define PATH_NO_PING UINT32_MAX
enum path_ping_state { PING_NONE, PING_WAITS, PING_ANSWERED, PING_SILENT };
uint32_t paths_ping(struct paths *p, uint32_t slot, struct instant now);
enum path_ping_state paths_pinged(const struct paths *p, uint32_t number, struct span *rtt);
void paths_ping_end(struct paths *p, uint32_t number);

/* A relay has a channel to it: an address like any other, but used only while no direct one
 * answers. Probed now. */
void paths_relay(struct paths *p, uint32_t slot, const struct endpoint *at, struct instant now);
/* The channel is gone; the path, too, if it was that. */
void paths_relay_gone(struct paths *p, uint32_t slot, const struct endpoint *at,
		      struct instant now);
/* We are behind a NAT whose mappings live for so long without traffic: those of the paths that were
 * used within two hours are kept. 0: we are not. */
void paths_set_keepalive(struct paths *p, struct span every);

/* Whether a call of `len` bytes, 1 to 65,535, may be looked at: all together are limited by their
 * bytes. */
bool paths_may_look(struct paths *p, struct instant now, size_t len);
/* A call by the tag of `slot` came from there, which proves nothing. At most one message goes back,
 * shorter than the call, and nothing else happens. */
void paths_called(struct paths *p, struct instant now, uint32_t slot, const struct endpoint *from,
		  const uint8_t id[static CHANNEL_CALL_ID], struct outbox *out);
/* A probe, an answer or a here from `slot`, at least authentic. `epoch` is the sender's; an
 * answer's item carries it, so that the node seals it for the question's epoch. `knows_us`: it
 * carried our epoch, without which no answer is taken. True: it was the answer to a probe of ours,
 * so the sender's epoch may be adopted. */
bool paths_input(struct paths *p, struct instant now, uint32_t slot, const struct endpoint *from,
		 struct bytes message, uint64_t epoch, bool current, struct outbox *out);
/* A padded probe of `slot`, at least authentic, in a datagram of `len` bytes. */
void paths_padded(struct paths *p, struct instant now, uint32_t slot, const struct endpoint *from,
		  struct bytes message, uint64_t epoch, bool fresh, size_t len,
		  struct outbox *out);
void paths_tick(struct paths *p, struct instant now, struct outbox *out);
struct instant paths_deadline(const struct paths *p);

/* --- for punching (punch.h); fire.c */

/* Whether it may be beyond our NAT: unicast, and neither private nor of this link or host. */
bool paths_outside(const struct ip *ip);
#define PATH_OPENER_FIRST 2u /* TTLs of openers: they pass our own NATs and die before another's */
#define PATH_OPENERS 3u
/* Its record says that it is behind a NAT: what goes first to claims of it on the Internet are
 * openers. */
void paths_set_shy(struct paths *p, uint32_t slot, bool shy);
/* Until then only openers go to its silent claims: whole probes are fired. */
void paths_leave_to_punch(struct paths *p, uint32_t slot, struct instant until);
/* One probe now, `hops` as its TTL (0: whole); an answer counts. Whole ones to what never answered
 * are limited by IP address. False: not sent. */
bool paths_fire(struct paths *p, uint32_t slot, const struct endpoint *to, uint8_t hops,
		struct instant now, struct outbox *out);
/* One that is not remembered: an answer to it counts for nothing. */
void paths_throw(struct paths *p, uint32_t slot, const struct endpoint *to, uint8_t hops,
		 struct outbox *out);
/* The one spray begins anew: an answer from any port of `ip` counts for ten seconds. */
void paths_spray_begin(struct paths *p, uint32_t slot, const struct ip *ip, struct instant now);
void paths_spray(struct paths *p, uint16_t port, struct outbox *out);
/* At which IPv4 address of the Internet the member answered us, no relay on the way, the path in
 * use before others; family 0: none. */
struct ip paths_answered_at(const struct paths *p, uint32_t slot);
/* Whether the path in use to that member leaves by this socket of ours, or one of its addresses
 * was heard from there lately. */
bool paths_socket_used(const struct paths *p, uint32_t slot, uint16_t socket, struct span lately,
		       struct instant now);
/* That socket is closed: addresses that were reached by it are forgotten. */
void paths_drop_socket(struct paths *p, uint32_t slot, uint16_t socket, struct instant now);
/* What the extra socket that was answered last is seen as; false: not that one. */
bool paths_socket_seen(const struct paths *p, uint16_t socket, struct endpoint *out);
/* All that members see us as at present, whether they agree or not, newest first; the number
 * written (at most n). */
unsigned paths_seen_any(const struct paths *p, struct endpoint *out, unsigned n);
/* How many members and servers see us at an IPv4 address of the Internet at present. */
unsigned paths_observers(const struct paths *p);

/* The address in use; false when there is none. */
bool paths_best(const struct paths *p, uint32_t slot, struct endpoint *out);
/* Whether there is one, and no relay on the way. */
bool paths_direct(const struct paths *p, uint32_t slot);

struct path_info {
	bool up;
	struct endpoint endpoint;    /* in use, or the last one, or the best candidate */
	struct span rtt;             /* smoothed; 0: unknown */
	struct instant since;
	struct instant last_answer;  /* zero: never */
	uint32_t probes_unanswered;  /* since the last answer */
	bool asked;                  /* some candidate was probed */
	unsigned candidates;
	uint16_t loss_permille;      /* of probes to it, smoothed */
	uint16_t mtu;                /* longest packet that is known to pass; 0: none yet */
};
void paths_info(const struct paths *p, uint32_t slot, struct path_info *out);
/* What others see us as, newest first; the number written (at most n). Two different observers
 * agree, or one did and nobody disagrees. */
unsigned paths_seen_as(const struct paths *p, struct endpoint *out, unsigned n);

/* A STUN server (number below PATH_SERVERS) saw us as that: one observation like a member's. */
#define PATH_SERVERS 8u
void paths_seen_by_server(struct paths *p, unsigned server, const struct endpoint *as,
			  struct instant now);
/* How a NAT maps us, from what others saw: addresses that are not private, IPv4 before IPv6. `own`:
 * our own addresses. */
enum nat_kind paths_nat_kind(const struct paths *p, const struct ip *own, unsigned n);
/* When a member last saw us as anything that is not private; zero: never. */
struct instant paths_told_at(const struct paths *p);

/* A datagram goes to that address, by whatever room. What then comes from there may have passed a
 * filter because of it. */
void paths_sent_to(struct paths *p, const struct ip *to, struct instant now);
/* When a member last came through unasked: from an address of the Internet that nothing was sent
 * to; zero: never. A NAT or firewall that lets it in lets in everybody. */
struct instant paths_dialled_back(const struct paths *p);

enum path_fact_kind { PATH_FACT_UP, PATH_FACT_CHANGED, PATH_FACT_LOST, PATH_FACT_SEEN_AS,
		      PATH_FACT_SEED_UNANSWERED,
		      PATH_FACT_ASKED /* a claim is probed, or did not answer; no path yet */ };
struct path_fact {
	enum path_fact_kind kind;
	uint32_t slot;
	struct endpoint endpoint;
	int64_t a;
};
/* The seeds; the number written (at most n). */
struct path_seed {
	struct endpoint endpoint;
	bool answered;               /* a member did, there */
	enum seed_source source;
};
unsigned paths_seeds(const struct paths *p, struct path_seed *out, unsigned n);
bool paths_next_fact(struct paths *p, struct path_fact *out);

struct paths_counters {
	uint64_t probes_sent, probes_received, answers_sent, answers_received;
	uint64_t padded_sent, padded_received, padded_answered;
	uint64_t calls_sent, calls_received, heres_sent, heres_received;
	uint64_t drop_malformed, drop_unasked, drop_rate, drop_call_rate;
};
const struct paths_counters *paths_counters(const struct paths *p);

#endif
