/* linux/priv.h - the privileged process and the node process, and what passes between them.
 *
 * meshguard starts as one process with rights. It opens what needs rights (TUN, addresses,
 * sockets, the control listener), forks, and keeps only its sockets to the child and copies of the
 * UDP sockets (marks need rights). The child, the node process, drops every right and does all
 * parsing of network bytes. The parent, the privileged process, serves a few fixed-size typed
 * requests, watches the configuration directory, and cleans up when the child ends. When the
 * parent dies the child ends too.
 *
 * Requests and notices are the structs below, one per SOCK_SEQPACKET message, checked for size and
 * range by the receiver; descriptors travel by SCM_RIGHTS.
 */
#ifndef LINUX_PRIV_H
#define LINUX_PRIV_H

#include "base/bytes.h"
#include "base/bug.h"
#include "base/endpoint.h"
#include "base/limits.h"
#include "linux/store.h"
#include "nat/address_rules.h"
#include "policy/policy.h"
#include "nat/relay.h"
#include "swim/swim.h"
#include "linux/offload.h"

#include <net/if.h>
#include <stdint.h>

enum priv_kind {
	/* child asks, parent answers with the same kind and `result` */
	PRIV_SET_MARK = 1,   /* value: SO_MARK for the UDP sockets */
	PRIV_UDP_OPEN,       /* value: port, 0 any; answer: value the port, two descriptors (v4,
	                        v6). The port in use gives the same sockets again */
	PRIV_ADDRESS,        /* prefix: an address of our key, or of the second one, with the length
	                        of its net (host bits stay): put it on the interface (flag set) or
	                        take it off. value: additional, and nobody's source by default */
	PRIV_SET_MTU,        /* value */
	PRIV_SAVE,           /* which, data: a small file of state, replaced whole */
	PRIV_UDP_CLOSE,      /* the child closed its UDP sockets: the port shall be free again */
	PRIV_TRUST_AGAIN,    /* the trust store is read and told again */
	PRIV_SAVE_STATEMENT, /* data: struct priv_statement; -EDQUOT: no more are kept */
	PRIV_DNS_OPEN,       /* prefix.ip: our IPv4 mesh address at present, or none; answer: two
	                        descriptors (v4, v6), bound to port 53 of our mesh addresses. Those
	                        of before must be closed */
	PRIV_TOKEN_WISH,     /* data: struct node_token_wish; see connect_feed_wish */
	PRIV_HOSTS,          /* data: struct host_entry (linux/hosts.h), as many as fit, for
	                        /etc/hosts; flag: PRIV_HOSTS_FIRST, PRIV_HOSTS_LAST of a list */
	PRIV_UPNP,           /* endpoint: ip of the router, local ours; value: our UDP port, which:
	                        the outside one; flag: map it by UPnP, else take it away. What
	                        comes of it is told by PRIV_MAPPED; -EBUSY: not now */
	/* parent tells */
	PRIV_TRUST_BEGIN = 64, /* the trust store was read; flag: it could not be read */
	PRIV_TRUST_DENY,     /* key, name: a key that is kept out; flag: no key, but not all that is
	                        to keep others out could be read */
	PRIV_TRUST_ORG,      /* key, name: an org whose nodes are let in */
	PRIV_TRUST_STATEMENT, /* data: a signed statement, verified */
	PRIV_TRUST_CERTIFICATE, /* data: a certificate of our own key, verified */
	PRIV_TRUST_KEY,      /* key, twin, name: one usable entry */
	PRIV_TRUST_END,      /* value: number of unusable entries */
	PRIV_STOP,           /* end gracefully: signal or `down` */
	PRIV_SEED,           /* endpoint: an address of a seed, told once; value: which seed, which:
	                        enum seed_source (nat/path.h) */
	PRIV_MAPPED,         /* flag: mapped by UPnP as `endpoint` for `value` seconds; else: not */
	PRIV_STUN,           /* endpoint: an address of the STUN server number `value` */
	PRIV_SECOND,         /* data: struct priv_second; key: which one is the main key */
	PRIV_POLICY_BEGIN,   /* the service rules follow, all of them */
	PRIV_POLICY_LIST,    /* data: struct priv_rules, a list or a part of it */
	PRIV_POLICY_END,     /* value: enum policy_default */
	PRIV_POLICY_BAD,     /* data: why they are not told, with its terminator */
	PRIV_POLICY_PENDING, /* data: struct instant, until when a change of the rules waits for its
	                        confirmation, INSTANT_NEVER for none; flag: one was undone */
	PRIV_TOKENS_BEGIN,   /* the tokens in use follow */
	PRIV_TOKEN,          /* data: struct node_token */
	PRIV_TOKENS_END,
	PRIV_SAVED_SEED,     /* endpoint: of a file in seeds/ */
};

enum priv_hosts { PRIV_HOSTS_FIRST = 1, PRIV_HOSTS_LAST = 2 };
enum priv_save { PRIV_SAVE_CLOCK, PRIV_SAVE_PEERS, PRIV_SAVE_NEXT_CLOCK, PRIV_SAVE_FORMER_CLOCK,
		 PRIV_SAVES };
#define PRIV_DATA 4096u

struct priv_message {
	uint32_t kind;
	int32_t result;          /* 0 or negative errno, in answers */
	uint32_t value;
	uint32_t flag;
	uint32_t which;          /* enum priv_save; enum seed_source */
	struct prefix prefix;
	struct endpoint endpoint;
	struct public_key key;
	struct dh_public twin;
	char name[MAX_NAME + 1];
	uint32_t data_len;
	uint8_t data[PRIV_DATA];
};

/* Rules of one list, as many as fit; travels without those that are not used. */
#define PRIV_RULES 330u
struct priv_rules {
	uint32_t origin;         /* enum policy_origin */
	uint32_t more;           /* parts of the same list follow */
	uint32_t count;
	char name[POLICY_NAME + 4];
	struct policy_rule rules[PRIV_RULES];
};
_Static_assert(sizeof(struct priv_rules) <= PRIV_DATA, "a part of a list fits a message");

/* A statement that came over the network, verified by the child. The parent, which does not believe
 * it, checks that `wire` is signed and says the same; a file whose statement counts more stays. */
struct priv_statement {
	uint32_t kind;           /* enum statement_kind */
	uint32_t len;
	uint64_t number;
	struct public_key issuer, subject;
	uint8_t wire[MAX_STATEMENT];
};

/* The other key that a daemon runs while its key changes (docs/rotation.md). It holds a secret:
 * whoever has it wipes it. */
enum second_role {
	SECOND_NONE,             /* there is none (any more) */
	SECOND_NEXT,             /* it is to follow the main key */
	SECOND_FORMER,           /* the main key followed it */
};
struct priv_second {
	uint32_t role;           /* enum second_role; the rest: unless there is none */
	struct public_key key;
	struct secret_key secret;
	uint64_t until;          /* unix seconds at which the older of the two ends */
};

#define PRIV_MAX_SEEDS MAX_SEEDS
#define PRIV_MAX_DOMAINS 8u
#define PRIV_ANNOUNCE 8u
#define PRIV_STUN_SERVERS 4u

/* What `up` and `wireguard` want; filled by cli/, checked there. */
struct priv_config {
	bool mesh;                     /* false: `meshguard wireguard`: no identity, no store */
	bool gossip_only;              /* mesh without interface and rights: membership alone */
	enum relay_mode relay;         /* whether to carry others' traffic */
	enum swim_profile profile;     /* how much gossip may cost */
	bool log_events;               /* one line of JSON each, on standard error */
	struct endpoint announce[PRIV_ANNOUNCE]; /* our first candidates; port 0: ours */
	unsigned announce_count;
	const char *stun[PRIV_STUN_SERVERS]; /* "host:port", checked */
	unsigned stun_count;
	bool no_mapping;               /* no router is asked to map our port */
	bool no_birthday;              /* neither many sockets nor many ports for a hard NAT */
	bool stun_given;               /* by the user: he is told what has no address */
	char interface[IFNAMSIZ];
	uint32_t mtu;
	uint32_t members;              /* mesh: trusted keys in use at the most */
	uint16_t port;
	bool port_given;
	struct prefix prefix;          /* mesh: IPv4 prefix, default 10.99.0.0/16 */
	const char *seeds[PRIV_MAX_SEEDS]; /* "host:port" as given */
	unsigned seed_count;
	const char *dns[PRIV_MAX_DOMAINS]; /* domains whose seeds are looked up */
	unsigned dns_count;
	bool mdns;                     /* neighbours are found and told by mDNS */
	bool hosts;                    /* names of peers stand in /etc/hosts */
	bool detach;                   /* return 0 to the caller once the address is usable */
	bool foreground;               /* wireguard: -f */
	const char *keylog;            /* path or NULL */
	bool open;                     /* every key is let in that is not denied or revoked */
	struct offload_off off;        /* mesh */
};

/* What the child has after the fork. The listeners accept; descriptors are close-on-exec. */
struct priv_child {
	int channel;          /* non-blocking; readable: priv_next_notice. EOF: end at once */
	int requests;         /* for priv_ask and priv_tell; readable: priv_told */
	int tun;              /* non-blocking, IFF_NO_PI; -1: gossip only */
	char interface[IFNAMSIZ];
	uint32_t mtu;
	int udp4, udp6;       /* bound; -1 when the kernel has not got the family */
	uint16_t port;
	int control;          /* listener of the control socket (mesh), -1 otherwise */
	int uapi;             /* listener of the UAPI socket, -1 when it could not be made */
	int keylog;           /* or -1 */
	int mdns;             /* the mDNS helper (linux/mdns.h), or -1 */
	int ready;            /* for priv_ready; -1 when nobody waits */
	bool told;            /* that it is ready, to who looks at a node in the foreground */
	struct secret_key secret;   /* mesh: the identity; the child moves and wipes it */
	struct public_key public;
	struct prefix prefix;
	uid_t owner;          /* of the configuration directory: may use the control socket */
	struct address_rules rules; /* of the file `addresses` */
	uint8_t saved[PRIV_SAVES][PRIV_DATA]; /* what was saved by earlier runs */
	uint32_t saved_len[PRIV_SAVES];
	char store_path[PATH_MAX];
	char store_because[80];
	const struct priv_config *config;
};

/* Does all that needs rights, forks, and runs `child` in the child with its rights dropped; the
 * child's return value is its exit status. In the parent: serves until the child ended, cleans up
 * (interface by RTM_DELLINK, sockets, state file) and returns the exit status for the whole
 * program. Errors before the fork are one line on stderr: what, which, what to do; returns 1, or 2
 * for a malformed seed. With detach (and for a plain device without foreground) it returns in two
 * processes: 0 in the one that called, once the child is ready, or the daemon's exit status when
 * it ends before; and in the daemon at its end. */
int priv_run(const struct priv_config *config, int (*child)(struct priv_child *));

/* For the child: asks and waits for the answer, at most 5 s; notices that arrive meanwhile wait in
 * the channel. Returns the answer's result or negative errno. fds: for PRIV_UDP_OPEN, -1 for a
 * family that the kernel has not got; NULL when none is wanted. */
int priv_ask(struct priv_child *c, struct priv_message *m, int fds[2]) must_check;
/* The same without waiting, for what may take as long as a disk does. -EAGAIN: not now, answers to
 * others are due; try again once there is something to read. */
int priv_tell(struct priv_child *c, const struct priv_message *m) must_check;
/* 1: the request of priv_tell was answered, *result is what priv_ask would have returned; 0: not
 * yet; negative errno: the parent is gone. The answer may come while priv_ask waits for its own. */
int priv_told(struct priv_child *c, int *result) must_check;
/* Reads the next notice without waiting: 1 got one, 0 none, negative errno (-EPIPE: the parent is
 * gone). */
int priv_next_notice(struct priv_child *c, struct priv_message *m) must_check;

/* For the child: traffic can pass. Tells who waits (detach), and then stdio is let go of; a node in
 * the foreground says one line, once. */
void priv_ready(struct priv_child *c);

/* Paths of run time state, by network namespace, so that several hosts on one kernel do not meet:
 * /run/meshguard/<inode of the network namespace>/<interface>.sock and .state; a user who may not
 * write there has them in the second place, $XDG_RUNTIME_DIR/meshguard/<inode>/. False: there is
 * no such place, or its path does not fit. For cli/ too. */
#define RUNTIME_PLACES 2u
bool runtime_path(char *out, size_t cap, unsigned place, const char *interface,
		  const char *ending) must_check;
/* The process id of the daemon that holds this interface, or 0. */
pid_t runtime_holder(const char *interface);

/* `down` without a daemon: removes a left-over interface of ours. 0 removed, -ENOENT nothing there,
 * -EPERM/-EACCES no right, -EBUSY a daemon runs, -EEXIST there is one but it is not ours. */
int runtime_remove_leftover(const char *interface);

#endif
