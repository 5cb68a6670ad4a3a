/* policy.h - all service rules of a node, compiled: who may reach what, and which rule says so.
 *
 * A list is what one file says: peer/NAME.policy, org/NAME.policy or global.policy. For a peer the
 * lists are asked in order: its own, those of its orgs by name, the global one; in each the first
 * rule that matches decides, and after all of them the default. A question costs a binary search in
 * each list, however many rules it has.
 *
 * A change of the rules makes a second policy from the files: policy_clear, policy_add for each
 * list, policy_bind for each admitted peer, policy_hits_carry from the one in force; then
 * filter_set_policy, and the first one is free.
 *
 * A policy is filled once and then only read; what changes while it is in force is policy_bind
 * alone, for the owner may admit a peer, or learn that it belongs to an org, at any time. Hits are
 * counted in an array beside it. Memory is the caller's: policy_size() bytes, zeroed, aligned for
 * uint64_t.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "policy/rules.h"

#define POLICY_NONE UINT32_MAX     /* no list */
#define POLICY_NAME 64u            /* bytes of a list's name; a key is 64 hex digits */
#define POLICY_PEER_ORGS 7u        /* lists of orgs that one peer may have */
#define POLICY_MOST_LISTS 65000u

/* Where a verdict comes from. */
enum policy_origin {
	POLICY_FROM_PEER,
	POLICY_FROM_ORG,
	POLICY_FROM_GLOBAL,
	POLICY_FROM_DEFAULT,
	POLICY_FROM_BROKEN, /* a file could not be read: everything is denied */
};

/* What a packet is, as far as rules can tell. */
enum policy_kind {
	POLICY_IS_TCP,      /* with a destination port */
	POLICY_IS_UDP,      /* with a destination port */
	POLICY_IS_ICMP,     /* ICMP in IPv4, ICMPv6 in IPv6 */
	POLICY_IS_OTHER,    /* another protocol, or a later fragment: matched by `all` without ports
	                       and by no other rule */
	POLICY_IS_DOUBTFUL, /* its headers are cut short or contradict each other, so that it may
	                       become anything: allowed as POLICY_IS_OTHER is, but denied or
	                       rejected by any rule that does so, whatever its protocol */
};

struct policy_capacity {
	uint32_t slots; /* of peers: 0..slots-1 */
	uint32_t lists; /* at most POLICY_MOST_LISTS */
	uint32_t rules; /* in all lists together */
};

struct policy_verdict {
	uint8_t action;  /* enum policy_action */
	uint8_t origin;  /* enum policy_origin */
	bool observed;   /* allowed by the default `observe`: `deny` would have denied it */
	uint32_t list;   /* POLICY_NONE: default or broken */
	uint32_t rule;   /* index in the list */
	uint32_t line;   /* of the list's file; 0: default or broken */
	uint32_t hit;    /* index into the hits */
};

/* One for the default (index 0; broken counts there, too) and one for each rule. */
struct policy_hits {
	uint64_t packets; /* that it decided about, those of its open flows included */
	uint64_t flows;   /* that it let in */
};

struct policy_list {
	const char *name;   /* "" of the global one */
	enum policy_origin origin;
	const struct policy_rule *rules;
	uint32_t count;
	uint32_t hit;       /* index of its first rule's hits */
};

struct policy;

size_t policy_size(const struct policy_capacity *c);
/* An empty policy: no lists, and everything is allowed by default. */
struct policy *policy_init(void *memory, const struct policy_capacity *c);
/* Empty again, to be filled anew; touches what was used only. */
void policy_clear(struct policy *p);

/* --- filling */

/* Copies the rules. name: at most POLICY_NAME bytes, "" for the global list; it must not be there
 * yet. Returns the list's id, POLICY_NONE when there is no room for it. Milliseconds for a list of
 * POLICY_MAX_RULES. */
uint32_t policy_add(struct policy *p, enum policy_origin origin, const char *name,
		    const struct policy_rule *rules, uint32_t count) must_check;
void policy_set_default(struct policy *p, enum policy_default d);
/* Denies everything, whatever lists there are: for a start with a bad file. */
void policy_break(struct policy *p);
/* The list of that name, or POLICY_NONE. */
uint32_t policy_find(const struct policy *p, enum policy_origin origin, const char *name);

/* Whose rules those in the slot obey; an unbound slot has the global list and the default. The
 * peer's own list (POLICY_NONE: none) is chosen by the caller: by its key before its alias.
 * Orgs come in any order. Who has more than POLICY_PEER_ORGS of them is denied everything. */
void policy_bind(struct policy *p, uint32_t slot, uint32_t own, const uint32_t *orgs,
		 uint32_t org_count);

/* --- asking */

void policy_judge(const struct policy *p, uint32_t slot, enum policy_kind kind, uint16_t port,
		  struct policy_verdict *out);
/* The same for somebody who has no slot. */
void policy_judge_as(const struct policy *p, uint32_t own, const uint32_t *orgs, uint32_t org_count,
		     enum policy_kind kind, uint16_t port, struct policy_verdict *out);

enum policy_default policy_default_of(const struct policy *p);
bool policy_is_broken(const struct policy *p);
uint32_t policy_lists(const struct policy *p);
/* id < policy_lists(p), in the order in which they were added. */
struct policy_list policy_list_of(const struct policy *p, uint32_t id);

/* --- hits */

/* Most entries that a policy of that capacity has, and those that p has. */
uint32_t policy_most_hits(const struct policy_capacity *c);
uint32_t policy_hits_count(const struct policy *p);
/* Fills all of `to`: a rule that stands in the list of the same name as before keeps its hits, and
 * so does the default if it is still the same; others begin with 0. The two arrays are different;
 * old NULL: there was none. */
void policy_hits_carry(const struct policy *old, const struct policy_hits *from,
		       const struct policy *p, struct policy_hits *to);

#endif
