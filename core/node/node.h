/* node.h - the node: one event in, actions out. The one room that knows all protocols.
 *
 * The daemon (linux/mesh.c) and the simulator drive the same object: node_step() with an event
 * and the time, until node_deadline() says when time alone is an event. Nothing here reads a
 * clock, waits, or allocates.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/event.h"
#include "base/outbox.h"
#include "control/report.h"
#include "crypto/random.h"
#include "identity/statement.h"
#include "nat/address_rules.h"
#include "identity/token.h"
#include "nat/relay.h"
#include "policy/filter.h"
#include "packet/split.h"
#include "swim/swim.h"
#include "wg/uapi.h"

struct node;

#define NODE_ANNOUNCE 8u

struct node_config {
	uint32_t members;            /* admitted keys at the most; 0: MAX_MEMBERS */
	uint32_t sessions;           /* WireGuard key pairs at the most; 0: 3 * 2048 */
	uint16_t port;
	uint32_t mtu;
	char interface[16];
	struct prefix prefix;        /* IPv4 mesh prefix */
	struct secret_key secret;    /* copied; wipe yours */
	struct public_key public;
	char label[MAX_NAME + 1];    /* what the node calls itself; may be empty */
	bool gossip_only;            /* membership alone: no tunnels, no packets */
	bool no_birthday;            /* neither many sockets nor many ports for a hard NAT */
	bool open;                   /* every key is let in, as `up --open` */
	uint64_t built;              /* unix seconds at which this program was made, or 0: it is
	                                not earlier now, whatever the clock says */
	enum relay_mode relay;       /* whether to carry others' traffic */
	enum swim_profile profile;   /* how much gossip may cost */
	bool closed;                 /* nothing that is new comes in before NODE_POLICY_END; else
	                                everything does */
	struct endpoint announce[NODE_ANNOUNCE]; /* first of our candidates; port 0: `port`. If the
	                                first is on loopback, others' candidates there are
	                                believed, too */
	unsigned announce_count;
	struct address_rules rules;  /* which addresses are told to others, and tried of theirs */
	uint8_t entropy[32];
	struct bytes peers;          /* node_actions.peers as saved last; empty: none */
	struct bytes clock;          /* node_actions.clock as saved last; empty: first start */
	void (*keylog)(void *ctx, const struct wg_keylog *log);
	void *keylog_ctx;
};

/* 0 members: the default. The memory is zeroed by mmap and touched as far as it is used. */
size_t node_size(uint32_t members, uint32_t sessions);
struct node *node_init(void *memory, const struct node_config *config, struct moment now);
/* Wipes every secret. */
void node_wipe(struct node *node);

enum node_event_kind {
	NODE_TIME,          /* nothing but the time */
	NODE_DATAGRAM,      /* from, ecn, data: one UDP datagram */
	NODE_PACKET,        /* data: one IP packet from the TUN */
	NODE_TRUST_BEGIN,   /* the trust store follows; unreadable: there is none to read */
	NODE_TRUST_DENY,    /* key: kept out, whatever admits it. Before orgs and keys.
	                       unreadable: no key, but not all denials and revocations could be
	                       read; orgs and open let in nobody */
	NODE_TRUST_ORG,     /* key, name: an org whose nodes are let in */
	NODE_TRUST_STATEMENT, /* data: a signed statement as it lies on disk */
	NODE_TRUST_CERTIFICATE, /* data: a certificate of this node's own */
	NODE_TRUST_KEY,     /* key, name; twin: see trust_add */
	NODE_TRUST_END,     /* number: unusable entries */
	NODE_POLICY_BEGIN,  /* the service rules follow, all of them */
	NODE_POLICY_LIST,   /* list: what one file says (name, origin, rules and count of it) */
	NODE_POLICY_END,    /* number: enum policy_default; they are in force from now on */
	NODE_POLICY_BAD,    /* name: "global.policy:3: why". What was in force stays */
	NODE_POLICY_UNDONE, /* a change of the rules was not confirmed; those of before follow */
	NODE_RESUMED,       /* this machine slept: all paths may be gone */
	NODE_MAPPED,        /* from: what a router says that our port is mapped as; family 0: no
	                       more */
	NODE_STUN,          /* from: an address of the STUN server of that number, which is asked */
	NODE_SEED,          /* from: an address to ask; number: enum seed_source (nat/path.h) */
	NODE_LAN,           /* from, name, data: a service found by mDNS, the name of its instance
	                       and its TXT record, from anybody */
	NODE_ADDRESSES,     /* endpoints, number: own underlay addresses (port 0), anew */
	NODE_TOKENS_BEGIN,  /* the tokens in use follow, all of them */
	NODE_TOKEN,         /* token: at most NODE_TOKENS, others are left out */
	NODE_TOKENS_END,
	NODE_TOKEN_TOLD,    /* number: enum node_token_outcome of the last wish */
	NODE_STOP,          /* say goodbye */
};

#define NODE_TOKENS 16u

enum node_token_role {
	NODE_TOKEN_INVITED, /* ours, and nobody came yet */
	NODE_TOKEN_SPENT,   /* ours, and somebody came */
	NODE_TOKEN_JOINING, /* we want to come by it */
};
struct node_token {
	uint8_t role;                /* enum node_token_role */
	uint8_t verdict;             /* spent: what is said to who came, enum token_verdict */
	uint8_t id[TOKEN_ID];
	struct sym_key mark;         /* token_mark */
	struct public_key key;       /* joining: of its maker; spent: of who came */
	unsigned count;              /* joining: where its maker may be; invited: where the joiner
	                                said that he is */
	struct token_candidate candidates[TOKEN_CANDIDATES];
	struct sym_key bell;         /* token_bell, where there are introducers */
	unsigned introducer_count;   /* invited: members who hear for us that somebody comes;
	                                joining: whom to tell */
	struct token_introducer introducers[TOKEN_INTRODUCERS];
	bool hard;                   /* the other one's NAT uses another port for each destination:
					his port is not known */
	uint64_t expires;            /* unix seconds */
};

enum node_token_outcome {
	NODE_TOKEN_FAILED,  /* not written: he comes again */
	NODE_TOKEN_DONE,    /* the other one is trusted now */
	NODE_TOKEN_ASKED,   /* a human is asked */
	NODE_TOKEN_GONE,    /* it was used before */
	NODE_TOKEN_OVER,    /* it has expired */
};

/* Somebody came by a token of ours and proved his key, or the maker of one said what becomes of
 * us. */
struct node_token_wish {
	uint8_t id[TOKEN_ID];
	uint8_t verdict;             /* enum token_verdict; of our own: accepted */
	struct public_key key;
	struct endpoint at;
};

/* Sockets beside the main one that it may ask for, numbered from 1: those of punching, and one. */
#define NODE_SOCKETS 385u

struct node_event {
	enum node_event_kind kind;
	struct endpoint from;
	uint8_t ecn;
	struct bytes data;
	struct public_key key;
	const struct dh_public *twin;
	const char *name;
	const struct ip *addresses;
	uint32_t number;
	const struct policy_list *list;
	const struct node_token *token;
	bool unreadable;
};

#define NODE_LISTS 4096u     /* files of service rules at the most, */
#define NODE_RULES 16384u    /* and rules in all of them */

#define NODE_CLOCK_LEN 22u
#define NODE_PEERS_MAX 4080u

struct node_actions {
	struct outbox out;           /* OUT_DATAGRAM and OUT_PACKET; the caller clears it */
	bool save_clock;             /* keep `clock` over restarts; the caller clears it */
	uint8_t clock[NODE_CLOCK_LEN];
	bool save_peers;             /* keep `peers` over restarts; the caller clears it */
	uint32_t peers_len;
	uint8_t peers[NODE_PEERS_MAX];
	bool read_trust_again;       /* give the trust store once more: keys that were refused for
	                                want of room may have it now; the caller clears it */
	bool save_statement;         /* keep `statement` over restarts; the caller clears it, and
	                                is given the next one at the next step */
	struct statement statement;
	bool set_address;            /* give the interface `ipv4` instead of `former`; the caller
	                                clears it. Family 0: none */
	struct ip ipv4, former;
	bool token_wish;             /* carry `wish` out and answer by NODE_TOKEN_TOLD; the caller
	                                clears it */
	struct node_token_wish wish;
};

/* Fresh entropy, once per turn of the loop: of two copies of a machine none shall draw the nonces
 * of the other. */
void node_entropy(struct node *node, const uint8_t entropy[32]);
/* actions->out must have room for one step (OUTBOX_STEP_*); the caller empties it. */
void node_step(struct node *node, struct moment now, const struct node_event *event,
	       struct node_actions *actions);
/* The same for datagrams that were there at one time, all of them NODE_DATAGRAM and at least one:
 * packets of the tunnels among them are opened one after the other and then judged together.
 * Returns how many were taken, from the first on: at least one, and as many as belong together and
 * leave room for one more step. Call it again with the rest, after making room. */
uint32_t node_datagrams(struct node *node, struct moment now, const struct node_event *events,
			uint32_t count, struct node_actions *actions);
/* The same for packets of this host, of NODE_PACKET's kind, in order; returns how many were taken:
 * at least one, and as many as leave room for one more step. */
uint32_t node_packets(struct node *node, struct moment now, const struct bytes *packets,
		      uint32_t count, struct node_actions *actions);
/* The same for the next segments of one packet of this host, which are of one flow, so that its
 * peer, path, session and rules are looked up once; they leave as one run of datagrams. Returns how
 * many, at most NODE_SEGMENTS; 0: from here on they must be given to node_packets(), since their
 * way is not open, not direct, or narrow. */
#define NODE_SEGMENTS 64u
uint32_t node_segments(struct node *node, struct moment now, struct split *split,
		       struct node_actions *actions);
struct instant node_deadline(const struct node *node);

/* Asks how long a sealed probe takes to that peer and back, now: by its path, which counts as used,
 * or by the one that is found within three seconds. Returns a number for the other two;
 * NODE_NO_PING: nobody has that key, or 16 are under way. */
#define NODE_NO_PING UINT32_MAX
uint32_t node_ping(struct node *node, struct moment now, const struct public_key *key);
/* False: not yet. *rtt_us: microseconds, at least one; 0: no answer came. */
bool node_pinged(const struct node *node, uint32_t ping, uint64_t *rtt_us) must_check;
void node_ping_end(struct node *node, uint32_t ping);

struct node_name {
	char name[2 * MAX_NAME + 2];
	struct ip ipv4, ipv6;        /* family 0: none */
};
/* The peers with their names, in no order: fills *out with the one above `after` (UINT32_MAX to
 * start) and returns its number, or UINT32_MAX when there is none. */
uint32_t node_name(const struct node *node, uint32_t after, struct node_name *out);
/* Another number whenever names or their addresses may have changed. */
uint64_t node_names_version(const struct node *node);
/* The TXT record for neighbours on the LAN (dns/lan.h) under that name, which must not be known
 * before; out has LAN_TXT_MAX bytes. Returns the length. */
size_t node_lan_txt(struct node *node, struct bytes name, uint8_t *out);
/* Answers a question for names of the mesh (dns/zone.h) that came from there (NULL, or a mesh
 * address of our own: this host), as often as dns/limit.h allows; out has DNS_ANSWER_MAX bytes.
 * Returns the length; 0: no answer. */
size_t node_answer_dns(struct node *node, struct instant now, const struct ip *from,
		       struct bytes query, uint8_t *out);

/* For two nodes with different keys on the same sockets: whether a datagram is meant for this one.
 * Changes nothing. What is of neither kind each may look at. */
enum node_claim {
	NODE_CLAIMS,     /* only this key can read it, or is asked for */
	NODE_DISCLAIMS,  /* another key's, or nobody's */
	NODE_CANNOT_SAY, /* it names no key */
};
enum node_claim node_expects(const struct node *node, struct bytes datagram);
/* True if a peer has that key and a path to it is up. */
bool node_reaches(const struct node *node, const struct public_key *key);
/* What node_actions.peers would be now, for the configuration of another node. The length. */
size_t node_peers(const struct node *node, uint8_t out[static NODE_PEERS_MAX]);

const struct event_ring *node_events(const struct node *node);
void node_report(const struct node *node, struct report_node *out);
/* Fills *out with the peer of the lowest slot above `after` (UINT32_MAX to start) and returns its
 * slot, or UINT32_MAX when there is none. */
uint32_t node_report_peer(const struct node *node, uint32_t after, struct report_peer *out);
/* The same of the one with that key. */
uint32_t node_report_key(const struct node *node, const struct public_key *key,
			 struct report_peer *out);
/* The rules in force by number, the default first: fills *out with the one above `after`
 * (UINT32_MAX to start) and returns its number, or UINT32_MAX when there is none. */
uint32_t node_report_service(const struct node *node, uint32_t after, struct report_service *out);
/* The same of what was observed, in no order. */
uint32_t node_report_observed(const struct node *node, uint32_t after, struct report_observed *out);
/* For the read-only UAPI; holds until the next step. */
void node_uapi(struct node *node, struct uapi_device *out);

#endif
