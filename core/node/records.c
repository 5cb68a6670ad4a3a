/* Our own record, and what the records of others say.
 *
 * Our sequence number starts at the wall clock in milliseconds, above every one saved before, and
 * rises by one for each record. What was issued, and the TAI64N of handshakes, is persisted ahead
 * of use, so that a clock that went back and a crash cost nothing. So is the index of our
 * address. */
#include "node/node_impl.h"

#include "base/cursor.h"

#include <string.h>

/* How far ahead of the clock the floor is saved, and how near it may come before it is saved
 * again. */
#define AHEAD_S 600u
#define NEAR_S 60u
#define SEQUENCE_AHEAD 65536u

/* What others say must not make us flood them with records: so many at once, then one in each. */
#define SIGN_BURST 8u
#define SIGN_EACH span_s(1)


/* A host may change its addresses all the time; all paths are probed at once, then once in each. */
#define NETWORK_EACH span_s(1)

static uint64_t tai64n_seconds(const struct tai64n *t)
{
	return load_be64(t->b) & ~(1ull << 62);
}

/* What this key may have used. Floors above that leave no later number, so the key would be mute,
 * or its handshakes refused, for as long as it lives: better what others remember. */
static bool is_plausible(const struct node *n)
{
	const uint64_t s = load_be64(n->clock_saved.b);

	return n->index_saved <= ADDRESS_INDEXES && n->left_saved <= ADDRESS_INDEXES &&
	       n->sequence_saved <= INT64_MAX && (!s || s >> 40 == 1u << 22);
}

static void load_clock(struct node *n)
{
	struct cursor c = cur_of(n->config.clock.data, n->config.clock.len);

	cur_bytes(&c, n->clock_saved.b, sizeof(n->clock_saved.b));
	n->sequence_saved = cur_be64(&c);
	n->index_saved = cur_u8(&c);
	n->left_saved = cur_u8(&c);
	if (!cur_done(&c) || !is_plausible(n)) {
		memset(&n->clock_saved, 0, sizeof(n->clock_saved));
		n->sequence_saved = 0;
		n->index_saved = n->left_saved = 0;
	}
	n->config.clock = bytes_of(NULL, 0);
}

void records_init(struct node *n, struct moment now)
{
	uint64_t wall_ms = now.wall.s * 1000 + now.wall.ns / 1000000;

	load_clock(n);
	wg_set_timestamp_floor(n->wg, n->clock_saved);
	n->self.key = n->config.public;
	n->self.prefix = n->config.prefix;
	n->self.sequence = wall_ms > n->sequence_saved ? wall_ms : n->sequence_saved;
	if (name_valid(n->config.label, strnlen(n->config.label, MAX_NAME)))
		memcpy(n->self.name, n->config.label, strnlen(n->config.label, MAX_NAME));
	contest_use_index(n, 0);
	n->told_ipv4 = n->ipv4;
	contest_use_index(n, n->index_saved);
	n->self_left = n->left_saved;
	mesh_ipv6(&n->config.public, &n->ipv6);
	n->record_stale = true;
}

/* When the bucket has a token. */
static struct instant sign_at(const struct node *n)
{
	uint64_t most = (SIGN_BURST - 1) * SIGN_EACH.ns;

	return (struct instant){ n->sign_full.ns > most ? n->sign_full.ns - most : 0 };
}

static bool may_sign(const struct node *n)
{
	return n->record_stale && n->self.sequence < RECORD_SEQUENCE_DEAD - 1;
}

struct instant records_deadline(const struct node *n)
{
	struct instant network = n->network_stale ? n->network_at : INSTANT_NEVER;

	return instant_min(network, may_sign(n) ? sign_at(n) : INSTANT_NEVER);
}

/* Each record of ours goes to everybody, and everybody checks its signature. */
static bool says_the_same(const struct record_body *a, const struct record_body *b)
{
	bool same = b->sequence && a->flags == b->flags && a->address_index == b->address_index &&
		    a->nat_kind == b->nat_kind &&
		    a->candidate_count == b->candidate_count &&
		    a->relay_count == b->relay_count &&
		    !memcmp(a->relays, b->relays, sizeof(a->relays)) &&
		    !memcmp(a->certificate, b->certificate, sizeof(a->certificate));

	for (unsigned i = 0; same && i < a->candidate_count; i++)
		same = endpoint_equal(&a->candidates[i], &b->candidates[i]);
	return same;
}

void records_sign(struct node *n, struct moment now)
{
	if (!may_sign(n))
		return;
	if (!n->record_urgent && !n->leaving && !instant_reached(sign_at(n), now.boot))
		return;
	where_fill(n, &n->self, now.boot);
	relaying_judge(n);
	keeping_set(n);
	n->self.flags = (uint16_t)((n->leaving ? RECORD_LEAVING : 0) |
				   (n->settled ? RECORD_SETTLED : 0) |
				   (relay_is_willing(n->relaying.service) ? RECORD_RELAYS : 0) |
				   n->self_left << RECORD_LEFT_SHIFT);
	punching_self(n, now.boot);
	relaying_fill(n, &n->self);
	if (!n->record_urgent && says_the_same(&n->self, &n->record.body)) {
		n->record_stale = false;
		return;
	}
	if (instant_before(n->sign_full, now.boot))
		n->sign_full = now.boot;
	n->sign_full = instant_add(n->sign_full, SIGN_EACH);
	n->self.sequence++;
	n->record_stale = n->record_urgent = false;
	BUG_ON(!record_sign(&n->self, &n->config.secret, &n->record));
	swim_set_self(n->swim, &n->record, now.boot);
}

/* The address that tunnels left by may be gone, or lead nowhere: the system chooses until the
 * probes say more. */
static void leave_by_any(struct node *n)
{
	uint32_t slot = TRUST_NONE;
	struct endpoint to;

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
		if (paths_best(n->paths, slot, &to))
			wg_peer_set_endpoint(n->wg, n->peers[slot].wg, &to);
}

void records_network(struct node *n, struct moment now)
{
	if (!n->network_stale || !instant_reached(n->network_at, now.boot))
		return;
	n->network_stale = false;
	n->network_at = instant_add(now.boot, NETWORK_EACH);
	paths_network_changed(n->paths, now.boot);
	where_changed(n, now.boot);
	keeping_changed(n, now.boot);
	relaying_renew(n, UINT32_MAX, now.boot);
	leave_by_any(n);
	node_emit(n, now.boot, EV_NETWORK_CHANGED, UINT32_MAX, NULL, n->own_count);
}

void records_own_addresses(struct node *n, const struct ip *list, unsigned count, struct moment now)
{
	unsigned kept = 0;
	struct ip own[NODE_OWN_ADDRESSES] = { 0 };

	for (unsigned i = 0; i < count && kept < NODE_OWN_ADDRESSES; i++)
		if (!mesh_has_address(&n->config.prefix, &list[i]))
			own[kept++] = list[i];
	if (n->addresses_told && kept == n->own_count && !memcmp(own, n->own, sizeof(own)))
		return;
	bool first = !n->addresses_told;
	n->addresses_told = true;
	memcpy(n->own, own, sizeof(own));
	n->own_count = kept;
	relaying_judge(n);
	n->record_stale = true;
	n->network_stale |= !first;
	records_network(n, now);
}

static bool prefix_same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && ip_equal(&a->ip, &b->ip);
}

void records_accept(struct node *n, uint32_t slot, struct moment now)
{
	struct node_peer *peer = &n->peers[slot];
	struct record record;
	const struct record_body *body = &record.body;
	struct swim_info info;

	swim_info(n->swim, slot, &info);
	if (!info.record)
		return;
	record_unkeep(info.record, &record);
	bool differs = !prefix_same(&body->prefix, &n->config.prefix);

	if (!peer->claimed || differs != peer->prefix_differs ||
	    body->address_index != peer->address_index) {
		if (differs && !peer->prefix_differs)
			node_emit(n, now.boot, EV_PREFIX_DIFFERS, slot, NULL, 0);
		peer->prefix_differs = differs;
		peer->claimed = true;
		forward_claim(n, slot, body->address_index, now.boot);
	}
	contest_record(n, slot, body, now);
	punching_record(n, slot, body, now.boot);
	relaying_record(n, slot, body);
	if (!(body->flags & RECORD_LEAVING))
		paths_set_candidates(n->paths, slot, body->candidates, body->candidate_count,
				     now.boot);
}

static void save_clock(struct node *n, struct node_actions *actions)
{
	struct writer w = wr_of(actions->clock, sizeof(actions->clock));

	wr_bytes(&w, n->clock_saved.b, sizeof(n->clock_saved.b));
	wr_be64(&w, n->sequence_saved);
	wr_u8(&w, n->index_saved);
	wr_u8(&w, n->left_saved);
	BUG_ON(wr_len(&w) != NODE_CLOCK_LEN);
	actions->save_clock = true;
}

/* Saves new floors when the ones in use come near to those saved. */
void records_clock(struct node *n, struct moment now, struct node_actions *actions)
{
	struct tai64n last = wg_timestamp_last(n->wg);
	uint64_t used = tai64n_seconds(&last);
	uint64_t saved = tai64n_seconds(&n->clock_saved);
	bool due = false;

	if (used + NEAR_S > saved) {
		store_be64(n->clock_saved.b, (1ull << 62) + (used ? used : now.wall.s) + AHEAD_S);
		store_be32(n->clock_saved.b + 8, 0);
		due = true;
	}
	if (n->self.sequence + SEQUENCE_AHEAD / 2 > n->sequence_saved) {
		n->sequence_saved = n->self.sequence + SEQUENCE_AHEAD;
		due = true;
	}
	if (n->self.address_index != n->index_saved || n->self_left != n->left_saved) {
		n->index_saved = n->self.address_index;
		n->left_saved = (uint8_t)n->self_left;
		due = true;
	}
	if (due)
		save_clock(n, actions);
}
