/* report.h - what the daemon tells about itself: typed, without words; the JSON of it is
 * linux/control_json. */
#ifndef CONTROL_REPORT_H
#define CONTROL_REPORT_H

#include "base/endpoint.h"
#include "base/instant.h"
#include "base/limits.h"

/* Why a trusted key has no tunnel. */
enum report_reason {
	REASON_NONE,            /* it works */
	REASON_NEVER_HEARD,     /* no seed answered for it, nobody told us where it is */
	REASON_NO_SEED,         /* we know no address to ask at all */
	REASON_NO_ANSWER,       /* its addresses are known, none answers */
	REASON_NO_HANDSHAKE,    /* control works; the tunnel does not answer */
	REASON_LEFT,
	REASON_DEAD,
	REASON_PREFIX,          /* its IPv4 prefix differs from ours: only IPv6 */
	REASON_ADDRESS,         /* its IPv4 address is held by another key: only IPv6 */
	REASON_BOTH_HARD,       /* no port can be guessed at either NAT, and no member relays */
	REASON_NO_HELPER,       /* it is behind a NAT, and we reach no member that could help */
};

/* What lets a peer in; the first that does. */
enum report_admission { REPORT_AUTHORIZED, REPORT_MEMBER, REPORT_VOUCHED, REPORT_OPEN };

/* Who named a seed: --seed as an address, seeds/, --seed as a name, --dns, --mdns. */
enum report_source { REPORT_GIVEN, REPORT_SAVED, REPORT_NAME, REPORT_DNS, REPORT_MDNS };

#define REPORT_ORGS 72u
#define REPORT_MEMBERSHIPS 4u
#define REPORT_PEER_NAME (2 * MAX_NAME + 9u)

/* Where we know a candidate of ours from. */
enum report_candidate { CANDIDATE_ANNOUNCED, CANDIDATE_INTERFACE, CANDIDATE_MAPPED,
			CANDIDATE_SEEN };
#define REPORT_STUN 8u
/* Who made a port mapping, and as far as we know what it is worth. */
enum report_protocol { MAPPED_BY_PCP, MAPPED_BY_NATPMP, MAPPED_BY_UPNP };
#define REPORT_MAPPINGS 3u
struct report_mapping {
	enum report_protocol protocol;
	struct endpoint gateway;
	struct endpoint external;      /* as the gateway says; unproved */
	struct instant until;          /* its lease ends */
	bool double_nat;               /* the external address is not one of the Internet, or not
	                                  what others see */
};

enum report_second { REPORT_NO_SECOND, REPORT_NEXT, REPORT_FORMER };

struct report_node {
	struct public_key key;
	struct {                       /* the other key, while this node's key changes */
		enum report_second role; /* it is to follow `key`, or `key` followed it */
		struct public_key key;
		struct ip ipv4, ipv6;
		uint64_t until;        /* unix seconds at which the older of the two ends */
		uint64_t left_s;       /* until then; 0: it has ended */
		uint32_t reached;      /* peers with a path to it */
		uint32_t peers;
	} second;
	char interface[16];
	struct ip ipv4, ipv6;          /* ipv4.family 0: IPv6-only at present */
	struct prefix prefix;
	bool gossip_only;              /* no tunnels, no addresses */
	uint16_t port;
	uint32_t mtu;
	struct instant started;        /* boot clock */
	uint64_t sequence;
	uint32_t trusted, alive;
	uint32_t bad_keys;             /* unusable entries of the trust store */
	uint32_t max_members;          /* keys in use at the most */
	uint32_t left_out;             /* keys of the trust store beyond that */
	bool trust_unreadable;
	bool open;                     /* every key is let in */
	bool relays;                   /* carries traffic of peers that cannot reach each other */
	uint32_t denied;               /* keys that are kept out whatever others say */
	uint32_t statements;           /* of orgs, kept here */
	unsigned org_count;            /* trusted orgs, or whose certificate is ours */
	struct report_org {
		struct public_key key;
		char name[MAX_NAME + 1];
		bool trusted;
		bool revoked;          /* it revoked this node */
		uint32_t members;      /* let in by certificate, and peers that have a good one */
		uint64_t until;        /* unix seconds at which our own certificate of it ends; 0:
		                          we have none */
		uint64_t left_s;       /* until then; 0: it has ended */
	} orgs[REPORT_ORGS];
	char services_default[8];      /* allow, deny, observe; or closed: no rules yet */
	uint32_t service_rules;        /* in force, the default not counted */
	char services_trouble[256];    /* why newer ones are not in force; empty: there are none */
	struct instant services_until; /* a change of them waits for its confirmation; zero: none */
	uint8_t nat_kind;              /* enum nat_kind of identity/record.h */
	bool lifetime_known;           /* how long our NAT keeps a mapping was measured */
	uint16_t lifetime_s;           /* so long at least; 0: shorter than can be measured */
	uint32_t keepalive_ms;         /* paths are kept by something so often; 0: no NAT */
	struct instant dialled_back;   /* a member came through unasked; zero: never */
	unsigned candidate_count;      /* what our record says */
	struct {
		struct endpoint endpoint;
		enum report_candidate source;
	} candidates[MAX_CANDIDATES];
	unsigned stun_count;           /* addresses of STUN servers */
	struct report_stun {
		struct endpoint server, mapped; /* mapped.ip.family 0: it never told */
		bool asking, answered;
		uint64_t rtt_us;       /* 0: unknown */
	} stun[REPORT_STUN];
	unsigned mapping_count;
	struct report_mapping mappings[REPORT_MAPPINGS];
	uint64_t wakeups;
	char aead[16];                 /* what packets are sealed and opened by */
	char offloads[64];             /* of the kernel, in use: words, each after a space */
	struct { const char *name; uint64_t bytes; uint64_t entries; uint64_t used; } tables[16];
	unsigned table_count;
	struct { const char *name; uint64_t value; } counters[192];
	unsigned counter_count;
	unsigned seed_count;
	struct {
		struct endpoint endpoint;
		bool answered;
		enum report_source source;
	} seeds[MAX_SEEDS];
};

/* A service rule in force, or the default. */
struct report_service {
	char origin[8];                /* default, peer, org, global */
	char list[64 + 1];             /* its file: a name, or a key in hex; empty for default and
	                                  global */
	char rule[32];
	uint32_t line;                 /* of the file; 0: the default */
	uint64_t packets, flows;
};

/* What the default `observe` let in, and `deny` would not have. */
struct report_observed {
	struct public_key key;         /* the peer */
	char name[MAX_NAME + 1];
	uint8_t protocol;              /* number in the IP header */
	uint16_t port;                 /* of TCP and UDP; else 0 */
	uint64_t times;                /* flows; packets of what has none */
	struct instant first, last;
};

enum report_state { REPORT_UNKNOWN, REPORT_ALIVE, REPORT_SUSPECT, REPORT_DEAD, REPORT_LEFT };

struct report_peer {
	struct public_key key;
	struct dh_public wireguard_key;
	char name[REPORT_PEER_NAME];   /* from the trust store; of an org's member NODE.ORG, or of
	                                  one of several NODEs of an org NODE-1f3a90.ORG */
	char label[MAX_NAME + 1];      /* what the node calls itself */
	enum report_admission admission;
	char org[MAX_NAME + 1];        /* of which it is a member, as people call it; empty: of
	                                  none */
	unsigned ruled_count;          /* orgs of which it is a member: the names of their rules, */
	char ruled_by[REPORT_MEMBERSHIPS][MAX_NAME + 1]; /* in the order in which those count */
	uint64_t until;                /* unix seconds at which its membership ends; 0: never */
	uint64_t left_s;               /* until then */
	struct ip ipv4, ipv6;          /* ipv4.family 0: none */
	enum report_state state;       /* gossip */
	enum report_reason reason;
	bool path_up;
	struct endpoint endpoint;      /* family 0: none known; of the relay, if there is one */
	char relay[2 * MAX_NAME + 2];  /* the peer that the path goes through; empty: direct */
	uint64_t rtt_us;               /* 0: unknown */
	uint16_t path_mtu;             /* longest packet that is known to pass; 0: none yet */
	bool session;                  /* tunnel */
	bool handshaking;              /* it was asked for a session and did not answer yet */
	struct wall last_handshake;    /* zero: never */
	struct instant last_handshake_at;
	struct instant last_heard;
	uint64_t rx_bytes, tx_bytes;
	uint64_t sequence;
	bool has_successor;            /* it announced another key, which was not accepted */
	bool successor_disputed;       /* two different ones, of which the next is one */
	struct public_key successor;
	uint64_t successor_until;      /* unix seconds at which the old one ends */
	bool second_reached;           /* it has a path to our second key */
	uint64_t conflict;             /* the last sequence with two records; 0: none */
	uint8_t nat_kind;              /* by its own word; enum nat_kind of identity/record.h */
};

#endif
