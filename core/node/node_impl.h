/* node_impl.h - what the files of this room share; nobody else includes it. */
#ifndef NODE_NODE_IMPL_H
#define NODE_NODE_IMPL_H

#include "base/map.h"
#include "base/pool.h"
#include "base/rng.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "dns/limit.h"
#include "identity/address.h"
#include "identity/channel.h"
#include "identity/record.h"
#include "identity/trust.h"
#include "nat/lifetime.h"
#include "nat/path.h"
#include "nat/stun_client.h"
#include "nat/punch.h"
#include "nat/relay.h"
#include "nat/relayed.h"
#include "node/forward.h"
#include "node/node.h"
#include "org/introduce.h"
#include "org/spread.h"
#include "packet/icmp.h"
#include "packet/ip.h"
#include "swim/swim.h"
#include "wg/wg.h"

#define NODE_EVENTS 1024u
#define NODE_OWN_ADDRESSES 32u
#define NODE_STATEMENTS 16384u
#define NODE_RELAYS 64u
#define NODE_CERTIFICATES 8u  /* of our own */
#define NODE_BELLS 16u
#define NODE_PORTS 256u       /* sockets for who comes by a token, docs/nat.md, "Birthday" */
#define NODE_MET 4u           /* of whom we met by tokens: where */

/* What the node keeps for one admitted key; the rooms keep the rest under the same slot. */
struct node_peer {
	uint32_t wg;                /* handle */
	struct ip ipv4;             /* the address that is routed to it; family 0: none */
	uint8_t address_index;      /* the one that ipv4 derives from */
	bool prefix_differs;
	bool renew;                 /* admitted while we ran: may hold a session we forgot */
	bool address_lost;          /* its IPv4 address is held by another key */
	bool claimed;               /* a record of its own claims address_index */
	uint16_t burnt;             /* by index: that address of its is contested */
	uint16_t strangers;         /* times that it told of keys that we do not admit */
	uint8_t tells;              /* times that it is still to be told of our successor */
	uint64_t epoch;             /* of its process, as last adopted */
	struct instant heard_full;  /* bucket: what it tells of its own */
	uint8_t refused;            /* times that relays did so, since it was wanted last */
	struct instant relays_full; /* bucket: relays that are asked for a channel to it */
};

/* An IPv4 address that two keys met on. */
struct burnt {
	struct ip ip;
	uint32_t keys;              /* admitted ones that met there */
};

struct node {
	struct node_config config;
	struct dh_secret dh;
	struct random random;
	struct rng rng;
	struct event_ring events;
	struct instant started;

	struct trust *trust;
	struct channel *channel;
	struct swim *swim;
	struct paths *paths;
	struct punches *punches;
	struct wg *wg;
	struct node_peer *peers;         /* by slot */
	struct forwarding forwarding;
	struct map holders;         /* IPv4 mesh address -> slot */
	struct burnt *burnt;
	struct pool burnt_pool;
	struct map burnt_map;       /* IPv4 mesh address -> burnt */
	uint8_t hash_key[16];

	struct services {
		struct policy *policy[2];
		struct policy_hits *hits[2];
		unsigned current;       /* the one in force; the other one is filled */
		bool full;              /* it did not all fit */
		struct filter *filter;  /* NULL: gossip only */
		char trouble[sizeof(((struct report_node *)0)->services_trouble)];
		struct instant denied_full; /* bucket: events about denials */
	} services;

	struct node_orgs {
		struct statement_store *statements;
		struct certificate_store *certificates; /* of others, and ours */
		struct spread *spread;
		struct introductions *introductions;
		uint64_t *unsaved;      /* bits: statements that came over the network */
		uint32_t unsaved_count;
		bool in_round;          /* the trust store is being given */
		bool told;              /* spread was told the orgs of this round */
		struct certificate own[NODE_CERTIFICATES];
		unsigned own_count;
		struct ending {         /* that was told */
			uint8_t hash[SIGNED_HASH];
			uint8_t stage;
		} endings[NODE_CERTIFICATES];
		unsigned endings_at;
		struct instant passed;  /* so far trust was told that time passes */
		uint64_t now;           /* as of the last step */
		struct instant look_at; /* when something ends */
		uint64_t no_room;       /* keys that would be let in */
	} orgs;

	struct rotation {           /* of our own key */
		struct statement own;
		bool given;             /* in this round of the trust store */
		bool announced;         /* `own`, to all peers that are reached */
		bool more;              /* one round over all peers is not the last */
		struct instant due;
		uint32_t at;            /* the slot that was looked at last */
	} rotation;

	struct node_connect {       /* by tokens */
		struct node_token list[NODE_TOKENS];
		unsigned count;
		struct introduced held; /* the shell is asked about */
		bool holding, wishing;
		struct instant held_at;
		struct node_token_wish wish;
		struct met { struct public_key key; struct endpoint at; } met[NODE_MET];
		unsigned met_at;
		struct bell {           /* of a member's token, that we hear for him */
			struct public_key owner;
			struct sym_key mark;
			struct instant until;   /* zero: free */
			struct instant full;    /* bucket: what he is told */
		} bells[NODE_BELLS];
		struct connect_ports {  /* where somebody's port is not known */
			uint16_t sockets[NODE_PORTS]; /* lent by core/nat; 0: none */
			unsigned next_socket;   /* to send from */
			uint16_t scout;
			bool opens;             /* from many sockets, to: */
			struct endpoint to;
			struct instant next;    /* INSTANT_ZERO: nothing to do */
		} ports;
		struct instant hang_at; /* when to ask our introducers again */
		unsigned rings;         /* that came of tokens of ours, since they changed */
	} connect;

	struct node_where {         /* where others reach us */
		struct stun_client stun;
		struct endpoint mapped; /* as a router says; family 0: not */
		struct instant ask_at;  /* the servers, again; NEVER: members tell us */
		unsigned asked;         /* so often since anybody told us */
		unsigned started;       /* steps of the start that were told */
		uint8_t sources[MAX_CANDIDATES]; /* enum report_candidate of each candidate */
	} where;
	struct node_keeping {       /* of our NAT's mappings */
		struct lifetime lifetime;
		struct lifetime_help help; /* what others measure */
		bool measuring, open;   /* the socket in question is */
		uint32_t helper;        /* TRUST_NONE: there was none yet */
		struct endpoint to;     /* where the helper is */
		uint8_t id[LIFETIME_ID];
		struct instant at;      /* the next measurement */
	} keeping;
	struct relaying {
		struct relay *service;  /* what we do for others */
		struct relayed *mine;   /* what others do for us */
		uint32_t known[NODE_RELAYS]; /* members that relay, by their records */
		unsigned known_count;
		struct instant look_at; /* which channels are of no use any more */
		uint64_t drop_frame;    /* no channel, or not what frames carry */
		uint64_t drop_message;
	} relaying;

	/* our own record */
	struct record_body self;
	struct record record;
	struct ip ipv4, ipv6;
	struct ip own[NODE_OWN_ADDRESSES];
	unsigned own_count;
	bool record_stale;          /* sign a new one, when the bucket allows it */
	bool record_urgent;         /* at the end of the step, in any case */
	struct instant sign_full;   /* bucket: when it is full again */
	bool addresses_told;        /* once at least */
	bool network_stale;         /* they changed, and the paths were not told yet */
	struct instant network_at;  /* not before this */
	bool leaving;
	bool settled;               /* we have held our IPv4 address for a while */
	struct instant settle_from; /* since when we are among others; zero: alone */
	struct ip told_ipv4;        /* what the interface has; family 0: none */
	unsigned self_left;         /* 1 + the index that we left when settled; 0: none */
	uint8_t index_saved, left_saved;

	/* persisted ahead of use: TAI64N and our sequence */
	struct tai64n clock_saved;
	uint64_t sequence_saved;

	struct instant refused_at;  /* the last ICMP error to this host */
	struct instant too_big_full; /* bucket: those that tell what a path takes */
	uint8_t cache[NODE_PEERS_MAX]; /* as it is on disk */
	size_t cache_len;
	struct instant cache_due;   /* when to save it; NEVER: nothing new */
	struct instant cache_saved;

	bool trust_loaded;          /* once at least */
	uint32_t trust_rounds;
	struct dns_limit dns_limit; /* questions for names */
	struct instant lan_full;    /* bucket: what was found on the LAN and looked at */
	bool trust_unreadable;
	uint32_t bad_keys;
	uint32_t left_out, left_out_told; /* keys for which there was no room */

	uint32_t out_before;        /* items in the caller's outbox when this step began */
	size_t tunnel_credit;       /* of this step's datagram, beyond what answered it */
	struct instant consent_full; /* bucket: packets to where nothing comes from */
	unsigned ticked;            /* the room that was served last by time */

	/* messages of swim and nat on their way to the channel; what one room may ask for */
	struct outbox inner;
	struct out inner_items[OUTBOX_STEP_ITEMS];

	struct node_counters {
		uint64_t drop_unknown_kind, drop_mesh_source, drop_gossip_only;
		uint64_t drop_control, drop_unknown_tag, drop_forged, drop_call;
		uint64_t drop_replayed, drop_successor, drop_passed, drop_lan;
		uint64_t drop_stale, drop_no_path, drop_no_consent, drop_type, drop_packet;
		uint64_t drop_no_route, drop_dns_rate, too_big, cut;
		uint64_t datagrams, packets;
	} counters;
	uint8_t inner_arena[OUTBOX_STEP_BYTES];
};

/* node.c - what every step begins with, and ends with: what the rooms learnt, and what is to be
 * said and kept. */
void node_begin(struct node *n, struct moment now, const struct outbox *out);
void node_finish(struct node *n, struct moment now, enum node_event_kind kind,
		 struct node_actions *actions);

/* packets.c - one packet of this host. */
void node_packet(struct node *n, struct moment now, struct bytes data, struct outbox *out);

/* demux.c - what kind of datagram it is, by its first bytes (design, section 4). */
enum demux_kind { DEMUX_UNKNOWN, DEMUX_WIREGUARD, DEMUX_STUN, DEMUX_RELAY, DEMUX_SEALED,
		  DEMUX_CALL, DEMUX_INTRODUCTION, DEMUX_PADDED };
#define PADDED_FIRST_BYTE 0xE7u
enum demux_kind demux(struct bytes datagram);

/* peering.c - who is admitted: one key in or out of all rooms. */
void peering_begin(struct node *n, bool unreadable);
void peering_key(struct node *n, const struct node_event *given, struct moment now);
void peering_end(struct node *n, uint32_t bad, struct moment now);
/* The slot is new in trust: it comes into all other rooms. False: it cannot, and has no slot. */
bool peering_admit(struct node *n, uint32_t slot, struct moment now);
/* Dismisses it, or all, as far as trust does not let it in any more. */
void peering_check(struct node *n, uint32_t slot, struct moment now);
void peering_sweep(struct node *n, struct moment now);
/* Who has that X25519 key goes, unless the trust store lets it in; with `unmet` unless it has
 * proved its key. True if there was one. */
bool peering_evict_twin(struct node *n, const struct dh_public *dh, bool unmet, struct moment now);
/* One goes who has no path: let in because we are open, or unless open_only let in by an org and
 * never met. False: there is none. */
bool peering_make_room(struct node *n, bool open_only, struct moment now);

/* orgs.c - who comes in and goes by what orgs say. */
struct orgs_layout {
	size_t statements, certificates, spread, introductions, unsaved;
};
void orgs_place(struct orgs_layout *l, uint32_t members, size_t *at);
void orgs_init(struct node *n, uint8_t *base, const struct orgs_layout *l, struct moment now);
/* A round of the trust store: before all others, what it says of orgs, and after all keys. */
void orgs_begin(struct node *n);
void orgs_event(struct node *n, const struct node_event *e, struct moment now);
void orgs_end(struct node *n, struct moment now);
/* A datagram of a first contact. */
void orgs_contact(struct node *n, struct moment now, const struct endpoint *from,
		  struct bytes datagram, struct outbox *out);
/* Where these very bytes are; STATEMENT_NONE: nowhere. */
uint32_t orgs_has(const struct node *n, const struct statement_claim *c);
/* It came over the network, and is to be kept on disk. */
void orgs_keep(struct node *n, uint32_t statement);
/* Whom we ask for and what we show, anew. */
void orgs_marks(struct node *n, struct moment now);
/* Lets it in if anything does. */
void orgs_admit_key(struct node *n, const struct public_key *key, struct moment now);
void orgs_admit_member(struct node *n, const struct certificate *c, struct moment now);
/* A fresh message of a peer about what orgs said. */
void orgs_input(struct node *n, uint32_t slot, struct bytes message, struct moment now);
/* A path to the peer is there, or is gone; at: where. */
void orgs_path(struct node *n, uint32_t slot, const struct endpoint *at, bool up,
	       struct instant now);
/* Who came in by what was learned since, and who went. */
void orgs_facts(struct node *n, struct moment now);
/* The next statement that is to be kept, if there is one. */
void orgs_save(struct node *n, struct node_actions *actions);
/* In unix seconds, as of certificate_validity. */
uint64_t orgs_now(const struct node *n, struct moment now);
/* That org said that our own key is revoked. */
bool orgs_revoked_us(const struct node *n, const struct public_key *org);
bool orgs_own_is_good(const struct node *n, const struct certificate *c, struct moment now);
void orgs_tick(struct node *n, struct moment now);
void orgs_report(const struct node *n, struct report_node *r);
/* Its name, why it is in, and for how long. */
void orgs_report_peer(const struct node *n, uint32_t slot, struct report_peer *r);
struct instant orgs_deadline(const struct node *n);

/* successor.c - the key that is to follow ours, and those of others. */
#define SUCCESSOR_TYPE 0x38u /* first byte of the message; the statement is the rest */
void successor_init(struct node *n);
/* A round of the trust store: before, each successor that it has, and after all keys. */
void successor_begin(struct node *n);
void successor_given(struct node *n, const struct statement *s);
void successor_end(struct node *n, struct instant now);
void successor_path_up(struct node *n, uint32_t slot, struct instant now);
/* out: where the messages go in the end, which must have room for them. */
void successor_tick(struct node *n, struct instant now, const struct outbox *out);
struct instant successor_deadline(const struct node *n);
/* A fresh message of a peer about its own key. */
void successor_input(struct node *n, uint32_t slot, struct bytes message, struct moment now);
void successor_report(const struct node *n, uint32_t slot, struct report_peer *r);

/* connect.c - first contact by a token. */
void connect_event(struct node *n, const struct node_event *e, struct moment now,
		   struct outbox *out);
void connect_introduced(struct node *n, struct introduced *who, struct moment now,
			struct outbox *out);
/* Where a key that is new here was met. */
void connect_suggest(struct node *n, uint32_t slot, struct instant now);
/* The marks of all that is in use, to the room below. */
void connect_use(struct node *n, struct instant now);

/* bell.c - who hears for the maker of a token that somebody comes. */
#define BELL_TYPE 0x39u /* first byte of a message between a token's maker and an introducer */
void connect_input(struct node *n, uint32_t slot, struct bytes message, struct moment now);
void connect_tick(struct node *n, struct moment now, struct outbox *out);
/* After a hello: the maker is told. */
void connect_rung(struct node *n, struct instant now);
struct instant connect_deadline(const struct node *n);
/* connect_ports.c: tokens are others than before; and a socket by which somebody came is his. */
void connect_ports_changed(struct node *n, struct instant now);
void connect_ports_keep(struct node *n, uint16_t socket, uint32_t slot, struct instant now);
void connect_ports_tick(struct node *n, struct instant now, struct outbox *out);
void connect_wish(struct node *n, struct node_actions *actions);

/* reach.c - the sealed channel, paths and tunnels of a peer. */
void reach_input(struct node *n, struct moment now, const struct endpoint *from,
		 struct bytes datagram, struct outbox *out);
void reach_padded(struct node *n, struct moment now, const struct endpoint *from,
		  struct bytes datagram);
void reach_call(struct node *n, struct moment now, const struct endpoint *from,
		struct bytes datagram);
void reach_facts(struct node *n, struct moment now, struct outbox *out);
/* Before swim may take somebody for dead: whether the tunnel has heard of it. */
void reach_vouch(struct node *n, struct moment now);
void reach_flush(struct node *n, struct moment now, struct outbox *out);

/* where.c - where others reach us: candidates, and who tells us. */
void where_init(struct node *n, struct instant now);
/* Steps of the start, up to this kind of event, are told in their order, each once. */
void where_started(struct node *n, enum event_kind step, int64_t a, struct instant now);
void where_stun(struct node *n, const struct node_event *e, struct moment now, struct outbox *out);
void where_stun_input(struct node *n, const struct endpoint *from, struct bytes datagram,
		      struct instant now);
/* Our network changed, or the last path was lost: nobody may know us any more. */
void where_changed(struct node *n, struct instant now);
void where_alone(struct node *n, struct instant now);
void where_tick(struct node *n, struct instant now, struct outbox *out);
struct instant where_deadline(const struct node *n);
/* What the record says of it. */
void where_fill(struct node *n, struct record_body *body, struct instant now);
void where_report(const struct node *n, struct report_node *r);
/* relaying.c - traffic through others, and of others through us. */
struct relaying_layout {
	size_t service, mine;
};
void relaying_place(struct relaying_layout *l, uint32_t members, size_t *at);
void relaying_init(struct node *n, uint8_t *base, const struct relaying_layout *l,
		   struct instant now);
/* Whether we relay, as of the configuration and what we know of our addresses. */
void relaying_judge(struct node *n);
/* Its record says whether it relays. */
void relaying_record(struct node *n, uint32_t slot, const struct record_body *body);
/* Into our own: relays that reach us. */
void relaying_fill(const struct node *n, struct record_body *self);
/* A path to it came up or was lost. */
void relaying_path(struct node *n, uint32_t slot);
void relaying_forget(struct node *n, uint32_t slot);
/* A packet waits for a peer without a direct path: relays are asked. */
void relaying_want(struct node *n, uint32_t slot, struct instant now);
/* Channels to it are bound again, to where we are now; UINT32_MAX: those to all. */
void relaying_renew(struct node *n, uint32_t slot, struct instant now);
/* A fresh message of types RELAY_TYPE_*. */
void relaying_input(struct node *n, struct moment now, uint32_t slot,
		    const struct endpoint *from, struct bytes message, struct outbox *out);
/* Whether a frame carries WireGuard. */
bool relaying_is_tunnel(struct bytes frame);
/* A frame: on to its other end, or what is in it to us. */
void relaying_frame(struct node *n, struct moment now, const struct node_event *e,
		    struct outbox *out);
/* Whether what came from there may be this member's: a channel is for one peer. */
bool relaying_is_from(const struct node *n, uint32_t slot, const struct endpoint *from);
/* The relay's name, if the path goes through one. */
void relaying_report(const struct node *n, const struct endpoint *at, struct report_peer *r);
void relaying_facts(struct node *n, struct instant now);
void relaying_tick(struct node *n, struct instant now);
struct instant relaying_deadline(const struct node *n);

/* records.c - our own record, and what the records of others say. */
void records_init(struct node *n, struct moment now);
void records_sign(struct node *n, struct moment now);
void records_network(struct node *n, struct moment now);
struct instant records_deadline(const struct node *n);
void records_accept(struct node *n, uint32_t slot, struct moment now);
void records_own_addresses(struct node *n, const struct ip *list, unsigned count,
			   struct moment now);
void records_clock(struct node *n, struct moment now, struct node_actions *actions);

/* lan.c - neighbours that were found on a LAN. */
void lan_found(struct node *n, const struct node_event *e, struct instant now);

/* contest.c - two keys on one IPv4 address. */
bool contest_burnt(const struct node *n, const struct ip *ip);
/* This peer claims what `holder` (MAP_NONE: this node) holds. */
void contest_mark(struct node *n, const struct ip *ip, uint32_t slot, uint32_t holder,
		  struct instant now);
void contest_forget(struct node *n, uint32_t slot);
/* What a peer's record says about addresses: moves us, if it is on us to move. */
void contest_record(struct node *n, uint32_t slot, const struct record_body *body,
		    struct moment now);
void contest_use_index(struct node *n, unsigned index);
void contest_tick(struct node *n, struct instant now);
struct instant contest_deadline(const struct node *n);

/* keeping.c - how long our NAT keeps a mapping. */
#define NODE_LIFETIME_SOCKET ((uint16_t)NODE_SOCKETS)
void keeping_init(struct node *n, struct instant now);
/* The paths are told how often to say something. */
void keeping_set(struct node *n);
void keeping_changed(struct node *n, struct instant now);
void keeping_forget(struct node *n, uint32_t slot);
/* A message that may be for us; before any other room hears of it. True: it is, or nobody's. */
bool keeping_input(struct node *n, uint32_t slot, const struct endpoint *from,
		   struct bytes message, bool fresh, struct instant now);
void keeping_tick(struct node *n, struct instant now, struct outbox *out);
struct instant keeping_deadline(const struct node *n);
void keeping_report(const struct node *n, struct report_node *r);

/* cache.c - where peers were reached last. */
void cache_init(struct node *n);
void cache_suggest(struct node *n, uint32_t slot, struct instant now);
/* Where peers were reached whom nobody admits yet: perhaps an org does. */
void cache_introduce(struct node *n, struct instant now);
void cache_changed(struct node *n, struct instant now);
void cache_save(struct node *n, struct instant now, struct node_actions *actions);

/* forward.c */
uint64_t forward_hash(const struct node *n, const struct ip *ip);
/* The slot that this IPv4 address is routed to, or MAP_NONE. */
uint32_t forward_holder(const struct node *n, const struct ip *ip);
void forward_claim(struct node *n, uint32_t slot, unsigned index, struct instant now);
void forward_release(struct node *n, uint32_t slot);
void forward_publish(struct node *n, struct instant now);
struct instant forward_deadline(const struct node *n);

/* service.c - which services of this host the peers may reach. */
struct service_layout {
	size_t policy[2], hits[2], filter;
};
/* Places in memory that begins at *at, which is moved on. */
void service_place(struct service_layout *l, uint32_t members, size_t *at);
void service_init(struct node *n, uint8_t *base, const struct service_layout *l,
		  struct instant now);
void service_event(struct node *n, const struct node_event *e, struct instant now);
/* Which rules hold for a peer: when it comes, and when names or orgs may have changed. */
void service_bind(struct node *n, uint32_t slot);
void service_bind_all(struct node *n);
void service_forget(struct node *n, uint32_t slot);
/* A packet of this host that goes to the peer. */
void service_out(struct node *n, struct bytes packet, uint32_t slot, struct instant now);
/* Of the items from `first` on: packets that may not come in are taken back, and answered. */
void service_in(struct node *n, struct moment now, uint32_t first, struct outbox *out);
/* allow, deny, observe; closed: no rules yet. */
const char *service_default_name(const struct node *n);
void service_report(const struct node *n, struct report_node *out);
void service_tick(struct node *n, struct instant now);
struct instant service_deadline(const struct node *n);

/* fit.c - packets that are longer than the path takes; only where paths_any_narrow. */
/* True: the packet was dealt with. False: it goes as it is. */
bool fit_send(struct node *n, struct moment now, uint32_t slot, struct bytes packet,
	      const struct ip_packet *ip, struct outbox *out);
/* Of the items from `first` on: packets that came from peers. */
void fit_in(struct node *n, uint32_t first, const struct outbox *out);

/* punching.c */
/* Our own record is about to be made: how our NAT maps, and where we say that we are. */
void punching_self(struct node *n, struct instant now);
void punching_record(struct node *n, uint32_t slot, const struct record_body *body,
		     struct instant now);
/* A fresh message of that member; false: it has nothing to do with punching. */
bool punching_input(struct node *n, uint32_t slot, struct bytes message, struct instant now);
void punching_flush(struct node *n, const struct out *item, struct outbox *out);

/* node.c */
/* What came in WireGuard messages: of so many events those from the first on that belong together;
 * how many were taken. */
uint32_t node_tunnel(struct node *n, struct moment now, const struct node_event *e,
		     uint32_t count, struct outbox *out);
/* Where something of that size lies in memory that begins at 0; *at: where what comes next does. */
size_t node_place(size_t *at, size_t size);
void node_emit(struct node *n, struct instant now, enum event_kind kind, uint32_t slot,
	       const struct endpoint *e, int64_t a);

#endif
