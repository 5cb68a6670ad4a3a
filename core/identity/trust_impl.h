/* trust_impl.h - what the files of trust share; nobody else includes this. */
#ifndef IDENTITY_TRUST_IMPL_H
#define IDENTITY_TRUST_IMPL_H

#include "base/map.h"
#include "base/pool.h"
#include "identity/org_name.h"
#include "identity/trust.h"

/* What is kept of a certificate. */
struct membership {
	uint64_t org;                   /* trust_hash of its key, which is secret to others */
	uint64_t not_before;
	uint64_t expires : 63;          /* 0: there is none */
	uint64_t good : 1;              /* when it was judged */
};

struct peer {
	struct public_key key;
	struct dh_public dh;
	uint64_t round;            /* it was given in last; 0: never */
	enum admission why;
	bool named;                /* it is found by its name, which is no mere label */
	uint8_t label_of;          /* 1 + the membership that its label comes from; 0: none */
	char name[MAX_NAME + 1];
	struct membership memberships[TRUST_MEMBERSHIPS];
};

struct denial {
	struct public_key key;
	uint64_t round;
};

struct trusted_org {
	struct public_key key;
	uint64_t hash;
	uint64_t newest;           /* it was not earlier than that when it signed something */
	uint64_t round;
};

struct trust {
	uint8_t hash_key[16];
	struct public_key own;
	struct dh_public own_dh;
	uint64_t round;
	bool in_round;             /* the store is being given */
	bool open;
	bool denials_lost;         /* there are more than we could take */
	bool denials_fit;          /* so far in this round */
	uint32_t guests;           /* slots of keys that are not in the trust store */
	uint32_t org_count;
	uint64_t expiry;
	const struct statement_store *statements;
	struct pool pool, denial_pool;
	struct map by_key, by_dh, denied;
	struct map by_name;        /* labels, too, which nobody is found by */
	struct peer *peers;
	struct denial *denials;
	struct trusted_org orgs[TRUST_ORGS];
	struct org_name org_names[TRUST_ORGS];
};

uint64_t trust_hash(const struct trust *t, const void *data, size_t len);
/* A slot for a key that has none. TRUST_NEW, _OWN_KEY, _TWIN, _INVALID or _FULL. */
enum trust_result trust_new_peer(struct trust *t, const struct public_key *key,
				 const struct dh_public *twin, bool guest, uint32_t *slot);
/* The peer keeps `name` as a label, and is found by no name. */
void trust_label(struct trust *t, uint32_t slot, const char *name);
/* Changes why it is in. */
void trust_set_why(struct trust *t, uint32_t slot, enum admission why);
/* True for a denial of this round; with `old` also of the one before, until this one is over. */
bool trust_is_denied(const struct trust *t, const struct public_key *key, bool old);

#endif
