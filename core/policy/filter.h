/* filter.h - whether a packet of a peer may come in; what the packet path asks of this room.
 *
 * Only what comes in is judged: by the rules when it is new, and by the flow that it belongs to
 * from then on. What goes out passes and is noted, so that answers find their way back:
 *
 * - A flow that this host opened is never judged. It opens one with a TCP SYN, an ICMP echo
 *   request, or the first packet of any other protocol to a peer.
 * - A flow that a peer opened is judged with its first packet, and again with the next one after
 *   the rules changed. If it is denied then, it is kept as denied: what this host still sends in
 *   it does not make it a flow of its own.
 * - A TCP segment of no known flow is judged as a new one, whatever its flags.
 * - ICMP errors pass if the packet that they are about belongs to an open flow with that very
 *   peer; else they are ICMP as any other.
 * - Fragments: the first one is judged if its headers are there as a whole; the others pass with
 *   it, unless they would overwrite these headers. Others by `all` rules and the default.
 *
 * The caller has checked that the source belongs to the peer (cryptokey routing). One thread at a
 * time; `now` never goes back. Nothing is allocated.
 */
#ifndef POLICY_FILTER_H
#define POLICY_FILTER_H

#include "policy/flow.h"
#include "policy/observed.h"
#include "policy/policy.h"

enum filter_result { FILTER_PASS, FILTER_DROP, FILTER_REJECT };

enum filter_reason {
	FILTER_JUDGED,     /* now, by what the verdict says */
	FILTER_KNOWN,      /* belongs to a flow of the peer that was judged before */
	FILTER_OWN,        /* belongs to a flow that this host opened */
	FILTER_RELATED,    /* an ICMP error about an open flow */
	FILTER_FRAGMENT,   /* belongs to a first fragment that passed */
	FILTER_OVERLAP,    /* dropped: a fragment that would overwrite the headers of the first */
	FILTER_NOT_IP,     /* dropped: no IP packet */
	FILTER_REASONS
};

struct filter_decision {
	uint8_t result;   /* enum filter_result */
	uint8_t reason;   /* enum filter_reason */
	uint8_t kind;     /* enum policy_kind: what it was judged as, or would be */
	uint8_t protocol; /* number in the IP header */
	uint16_t port;    /* destination port of TCP and UDP; else 0 */
	bool is_first;    /* it opened a flow of the peer */
	struct policy_verdict verdict; /* of FILTER_JUDGED; else not to be looked at */
};

struct filter_config {
	uint32_t peers;        /* slots 0..peers-1 */
	uint32_t flows;        /* FLOW_DEFAULT_CAP */
	uint8_t hash_key[16];  /* random */
	/* Until then connections that were open before we started are taken for flows of ours when
	 * this host goes on with them from a port that clients use (32768 and up). 0: never. */
	struct instant pickup_until;
};

struct filter_counts {
	uint64_t in[FILTER_REASONS][3]; /* packets that came in, by reason and result */
	uint64_t out;                   /* packets that went out */
	uint64_t answers;               /* resets and errors that were sent for a reject, */
	uint64_t unanswered;            /* and those that were not, for there were too many */
};

struct filter;

size_t filter_size(const struct filter_config *c);
/* memory: filter_size() bytes, zeroed, aligned for uint64_t; the caller's. It is touched as far as
 * it is used. Without a policy everything that comes in and is new is denied. */
struct filter *filter_init(void *memory, const struct filter_config *c);

/* From now on these rules; flows of peers are judged again at their next packet. Both live until
 * others take their place. hits: policy_hits_count(p) of them, filled by policy_hits_carry; the
 * filter counts in them. The policy has at least as many slots as the filter. */
void filter_set_policy(struct filter *f, const struct policy *p, struct policy_hits *hits);
/* The same rules, but policy_bind was called: judge again. */
void filter_judge_again(struct filter *f);
/* The peer is gone; his slot may be another one's from now on. */
void filter_forget_peer(struct filter *f, uint32_t peer);

/* A packet of this host that goes to the peer. */
void filter_out(struct filter *f, struct bytes packet, uint32_t peer, struct instant now);
/* A packet of the peer. *out is always filled. */
enum filter_result filter_in(struct filter *f, struct bytes packet, uint32_t peer,
			     struct instant now, struct filter_decision *out);
/* The same for packets that came together, in order: out[i] about packets[i]. At most FILTER_BATCH.
 * With many flows a packet's own is in no cache; here all of them are fetched at once, so that
 * none is waited for alone. */
#define FILTER_BATCH 32u
struct filter_packet {
	struct bytes bytes;
	uint32_t peer;
};
void filter_in_batch(struct filter *f, const struct filter_packet *packets, uint32_t count,
		     struct instant now, struct filter_decision *out);

/* Longest answer to a rejected packet. */
#define FILTER_ANSWER_MAX 1280u
#define FILTER_ANSWERS_PER_SECOND 50u /* to one peer, so many at once as well; ten times as many
                                         in all */
/* What the peer is to be sent for a packet that got FILTER_REJECT: a TCP reset, or ICMP
 * "administratively prohibited". Returns its length; 0: nothing, for it is a reset, an error, a
 * fragment or not from one host to one host, or there were too many. cap: FILTER_ANSWER_MAX. The
 * answer does not go through filter_out. */
size_t filter_answer(struct filter *f, struct bytes packet, uint32_t peer, struct instant now,
		     uint8_t *out, size_t cap);

void filter_tick(struct filter *f, struct instant now);
struct instant filter_deadline(const struct filter *f);

const struct filter_counts *filter_counts(const struct filter *f);
/* To be read: for status, and for `service learn`. */
struct flows *filter_flows(struct filter *f);
const struct observations *filter_observed(const struct filter *f);

#endif
