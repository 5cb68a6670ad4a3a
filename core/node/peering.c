/* Who is admitted. A key that comes in gets its slot in every room at once, and one that goes
 * loses it everywhere at once: its tunnel is closed and its keys are wiped before this returns. */
#include "node/node_impl.h"

#include <string.h>

void peering_begin(struct node *n, bool unreadable)
{
	n->trust_unreadable = unreadable;
	trust_begin(n->trust);
	orgs_begin(n);
}

static bool enter(struct node *n, uint32_t slot, struct moment now)
{
	const struct public_key *key = trust_key(n->trust, slot);
	struct node_peer *peer = &n->peers[slot];

	memset(peer, 0, sizeof(*peer));
	peer->renew = n->trust_loaded;
	if (!channel_add_twin(n->channel, slot, key, trust_dh(n->trust, slot)))
		return false;
	peer->wg = wg_peer_add(n->wg, trust_dh(n->trust, slot), slot, now.boot);
	if (peer->wg == WG_NONE) {
		channel_remove(n->channel, slot);
		return false;
	}
	paths_admit(n->paths, slot, now.boot);
	punch_admit(n->punches, slot, memcmp(&n->config.public, key, sizeof(*key)) < 0);
	swim_admit(n->swim, slot, key, now.boot);
	spread_admit(n->orgs.spread, slot, key);
	forward_claim(n, slot, 0, now.boot);
	cache_suggest(n, slot, now.boot);
	connect_suggest(n, slot, now.boot);
	service_bind(n, slot);
	n->forwarding.stale = true;
	return true;
}

static void dismiss(struct node *n, uint32_t slot, struct moment now)
{
	struct endpoint at;

	/* Forgetting a path tells nobody that it is lost. */
	if (paths_best(n->paths, slot, &at))
		introduce_target_lost(n->orgs.introductions, &at, now.boot);
	wg_peer_remove(n->wg, n->peers[slot].wg);
	channel_remove(n->channel, slot);
	punch_forget(n->punches, slot);
	keeping_forget(n, slot);
	paths_forget(n->paths, slot);
	relaying_forget(n, slot);
	swim_forget(n->swim, slot, now.boot);
	spread_forget(n->orgs.spread, slot);
	forward_release(n, slot);
	contest_forget(n, slot);
	service_forget(n, slot);
	memset(&n->peers[slot], 0, sizeof(n->peers[slot]));
	n->forwarding.stale = n->forwarding.gone = true;
	trust_remove(n->trust, slot);
}

bool peering_admit(struct node *n, uint32_t slot, struct moment now)
{
	if (!enter(n, slot, now)) {
		trust_remove(n->trust, slot);
		return false;
	}
	node_emit(n, now.boot, EV_PEER_ADMITTED, slot, NULL, trust_admission(n->trust, slot));
	return true;
}

static void revoke(struct node *n, uint32_t slot, struct moment now)
{
	node_emit(n, now.boot, EV_PEER_REVOKED, slot, NULL, 0);
	dismiss(n, slot, now);
}

void peering_check(struct node *n, uint32_t slot, struct moment now)
{
	switch (trust_admission(n->trust, slot)) {
	case ADMIT_AUTHORIZED:
	case ADMIT_ORG:
	case ADMIT_VOUCHED:
	case ADMIT_OPEN:
		service_bind(n, slot);
		break;
	case ADMIT_NO:
	case ADMIT_DENIED:
		revoke(n, slot, now);
		break;
	}
}

static bool is_guest(const struct node *n, uint32_t slot)
{
	enum admission why = trust_admission(n->trust, slot);

	return why == ADMIT_ORG || why == ADMIT_VOUCHED || why == ADMIT_OPEN;
}

bool peering_evict_twin(struct node *n, const struct dh_public *dh, bool unmet, struct moment now)
{
	uint32_t slot = trust_find_dh(n->trust, dh);

	if (slot == TRUST_NONE || !is_guest(n, slot) ||
	    (unmet && channel_peer_epoch(n->channel, slot)))
		return false;
	revoke(n, slot, now);
	return true;
}

bool peering_make_room(struct node *n, bool open_only, struct moment now)
{
	uint32_t slot = TRUST_NONE, victim = TRUST_NONE;
	struct endpoint at;

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE) {
		bool open = trust_admission(n->trust, slot) == ADMIT_OPEN;

		if (!is_guest(n, slot) || paths_best(n->paths, slot, &at))
			continue;
		if (open || (!open_only && victim == TRUST_NONE &&
			     !channel_peer_epoch(n->channel, slot)))
			victim = slot;
		if (open)
			break;
	}
	if (victim == TRUST_NONE)
		return false;
	revoke(n, victim, now);
	return true;
}

void peering_sweep(struct node *n, struct moment now)
{
	uint32_t slot = TRUST_NONE;

	while ((slot = trust_stale(n->trust, slot)) != TRUST_NONE)
		revoke(n, slot, now);
}

void peering_key(struct node *n, const struct node_event *given, struct moment now)
{
	uint32_t slot = TRUST_NONE;
	struct event e = { .at = now.boot, .subject = given->key };
	enum trust_result result = trust_add(n->trust, &given->key, given->twin, given->name,
					     &slot);
	struct dh_public dh;

	/* Nobody can keep out who is trusted here by having its twin let in. */
	if (result == TRUST_TWIN && ed25519_to_dh_public(&dh, &given->key) &&
	    peering_evict_twin(n, &dh, false, now))
		result = trust_add(n->trust, &given->key, given->twin, given->name, &slot);
	switch (result) {
	case TRUST_NEW:
		n->bad_keys += !peering_admit(n, slot, now);
		break;
	case TRUST_SAME:
	case TRUST_REFUSED: /* it is denied, which is no fault of the store */
		break;
	case TRUST_TWIN:
		e.kind = EV_KEY_TWIN;
		event_emit(&n->events, &e);
		n->bad_keys++;
		break;
	case TRUST_OWN_KEY:
	case TRUST_INVALID:
		n->bad_keys++;
		break;
	case TRUST_FULL:
		n->left_out++;
		break;
	}
}

/* Once for each number. Not while there is room: then the store is given once more. */
static void tell_left_out(struct node *n, struct moment now)
{
	if (n->left_out && trust_count(n->trust) < n->config.members)
		return;
	if (n->left_out && n->left_out != n->left_out_told)
		node_emit(n, now.boot, EV_TRUST_FULL, TRUST_NONE, NULL, n->left_out);
	n->left_out_told = n->left_out;
}

void peering_end(struct node *n, uint32_t bad, struct moment now)
{
	orgs_end(n, now);
	n->trust_loaded = true;
	n->trust_rounds++;
	service_bind_all(n);
	n->bad_keys += bad;
	if (bad)
		node_emit(n, now.boot, EV_TRUST_BAD, TRUST_NONE, NULL, bad);
	tell_left_out(n, now);
	if (!trust_count(n->trust))
		node_emit(n, now.boot, EV_TRUST_EMPTY, TRUST_NONE, NULL, n->trust_unreadable);
}
