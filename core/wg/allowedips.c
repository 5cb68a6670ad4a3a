/* allowedips.c - a path-compressed binary trie for each family, over an array of nodes.
 *
 * A node stands for a prefix. Its two children lie below it, under the values of the bit
 * that follows the prefix; bits that decide nothing are skipped. A node with an owner is an
 * entry; one without is there because two entries part at it, so it always has two children
 * and there are fewer of these than entries: 2n nodes are enough for n entries.
 *
 * Each descent takes at most as many steps as the family has bits, however many entries there
 * are. Nodes refer to each other by number; 0 is nobody. Addresses are kept as two 64-bit
 * words, IPv4 in the upper half of the first, so that comparing takes one or two instructions.
 *
 * The entries of a peer are linked in the order in which they were given to it, which is the
 * order that others see when they list them.
 */
#include "wg/allowedips.h"

#include "base/bug.h"

#include <string.h>

struct key {
	uint64_t hi, lo;
};

struct node {
	struct key key;
	uint32_t child[2];
	uint32_t peer;          /* ALLOWEDIPS_NONE: two entries part here */
	uint32_t next, prev;    /* of the same peer's entries; next also links free nodes */
	uint8_t len;
	uint8_t family;
};

struct owner {
	uint32_t first, last;   /* its entries */
};

struct allowedips {
	uint32_t root_v4, root_v6;
	uint32_t count;         /* entries */
	uint32_t cap;           /* entries that fit */
	uint32_t peers;
	uint32_t fresh;         /* nodes above this were never used */
	uint32_t free;          /* returned nodes, linked by next */
	struct owner *owners;
	struct node *nodes;     /* numbered from 1: nodes[0] is not used */
};

static size_t nodes_size(uint32_t prefixes)
{
	return (2 * (size_t)prefixes + 1) * sizeof(struct node);
}

size_t allowedips_size(uint32_t prefixes, uint32_t peers)
{
	return sizeof(struct allowedips) + nodes_size(prefixes) + peers * sizeof(struct owner);
}

struct allowedips *allowedips_init(void *memory, uint32_t prefixes, uint32_t peers)
{
	struct allowedips *t = memory;
	struct node *nodes = (struct node *)(t + 1);

	BUG_ON(prefixes > UINT32_MAX / 4);
	*t = (struct allowedips){
		.cap = prefixes,
		.peers = peers,
		.nodes = nodes,
		.owners = (struct owner *)(nodes + 2 * (size_t)prefixes + 1),
	};
	return t;
}

void allowedips_clear(struct allowedips *t)
{
	for (uint32_t n = 1; n <= t->fresh; n++)
		if (t->nodes[n].peer != ALLOWEDIPS_NONE)
			t->owners[t->nodes[n].peer] = (struct owner){ 0 };
	t->root_v4 = t->root_v6 = 0;
	t->count = t->fresh = t->free = 0;
}

static struct key key_v4(const uint8_t ip[static 4])
{
	return (struct key){ .hi = (uint64_t)load_be32(ip) << 32 };
}

static struct key key_v6(const uint8_t ip[static 16])
{
	return (struct key){ .hi = load_be64(ip), .lo = load_be64(ip + 8) };
}

/* The first len bits; the rest is zero. */
static struct key key_cut(struct key k, unsigned len)
{
	if (len == 0)
		k.hi = 0;
	else if (len < 64)
		k.hi &= UINT64_MAX << (64 - len);
	if (len <= 64)
		k.lo = 0;
	else if (len < 128)
		k.lo &= UINT64_MAX << (128 - len);
	return k;
}

static struct key key_of(const struct prefix *p)
{
	return key_cut(p->ip.family == FAMILY_IPV4 ? key_v4(p->ip.b) : key_v6(p->ip.b), p->len);
}

/* How many leading bits are equal. */
static unsigned common_bits(struct key a, struct key b)
{
	if (a.hi != b.hi)
		return (unsigned)__builtin_clzll(a.hi ^ b.hi);
	if (a.lo != b.lo)
		return 64 + (unsigned)__builtin_clzll(a.lo ^ b.lo);
	return 128;
}

/* The bit that follows the first `len` ones; len < 128. */
static unsigned bit_after(struct key k, unsigned len)
{
	return (len < 64 ? k.hi : k.lo) >> (~len & 63) & 1;
}

static uint32_t *root_of(struct allowedips *t, uint8_t family)
{
	return family == FAMILY_IPV4 ? &t->root_v4 : &t->root_v6;
}

static uint32_t node_get(struct allowedips *t, struct key key, uint8_t len, uint8_t family)
{
	uint32_t n = t->free;

	if (n)
		t->free = t->nodes[n].next;
	else
		n = ++t->fresh;
	BUG_ON(n > 2 * t->cap);
	t->nodes[n] = (struct node){
		.key = key, .peer = ALLOWEDIPS_NONE, .len = len, .family = family,
	};
	return n;
}

static void node_put(struct allowedips *t, uint32_t n)
{
	t->nodes[n] = (struct node){ .peer = ALLOWEDIPS_NONE, .next = t->free };
	t->free = n;
}

/* Takes the entry out of its owner's list. */
static void disown(struct allowedips *t, uint32_t n)
{
	struct node *node = &t->nodes[n];
	struct owner *o = &t->owners[node->peer];

	*(node->prev ? &t->nodes[node->prev].next : &o->first) = node->next;
	*(node->next ? &t->nodes[node->next].prev : &o->last) = node->prev;
	node->peer = ALLOWEDIPS_NONE;
	node->next = node->prev = 0;
	t->count--;
}

static void own(struct allowedips *t, uint32_t n, uint32_t peer)
{
	struct node *node = &t->nodes[n];
	struct owner *o = &t->owners[peer];

	node->peer = peer;
	node->prev = o->last;
	*(o->last ? &t->nodes[o->last].next : &o->first) = n;
	o->last = n;
	t->count++;
}

/* Puts a node for the key where *link is: above the node there, or beside it. */
static uint32_t graft(struct allowedips *t, uint32_t *link, struct key key, uint8_t len,
		      uint8_t family)
{
	uint32_t n = node_get(t, key, len, family);
	uint32_t below = *link;
	uint32_t fork;
	unsigned common;

	if (!below)
		return *link = n;
	common = common_bits(key, t->nodes[below].key);
	if (common >= len) {
		t->nodes[n].child[bit_after(t->nodes[below].key, len)] = below;
		return *link = n;
	}
	fork = node_get(t, key_cut(key, common), (uint8_t)common, family);
	t->nodes[fork].child[bit_after(key, common)] = n;
	t->nodes[fork].child[!bit_after(key, common)] = below;
	*link = fork;
	return n;
}

/* Where the way to the key ends: at a link to its own node, or to the one (or none) that it
 * must be put above or beside. *above, if wanted, is the link before it, or NULL. */
static uint32_t *descend(struct allowedips *t, struct key key, uint8_t len, uint8_t family,
			 uint32_t **above)
{
	uint32_t *link = root_of(t, family);

	*above = NULL;
	while (*link) {
		struct node *node = &t->nodes[*link];

		if (node->len >= len || common_bits(key, node->key) < node->len)
			break;
		*above = link;
		link = &node->child[bit_after(key, node->len)];
	}
	return link;
}

static bool is_at(const struct allowedips *t, uint32_t n, struct key key, uint8_t len)
{
	const struct node *node = &t->nodes[n];

	return n && node->len == len && node->key.hi == key.hi && node->key.lo == key.lo;
}

static void check(const struct prefix *p)
{
	BUG_ON(p->ip.family != FAMILY_IPV4 && p->ip.family != FAMILY_IPV6);
	BUG_ON(p->len > ip_bits(&p->ip));
}

bool allowedips_insert(struct allowedips *t, const struct prefix *p, uint32_t peer)
{
	check(p);
	BUG_ON(peer >= t->peers);

	struct key key = key_of(p);
	uint32_t *above;
	uint32_t *link = descend(t, key, p->len, p->ip.family, &above);
	uint32_t n = *link;

	if (is_at(t, n, key, p->len) && t->nodes[n].peer != ALLOWEDIPS_NONE)
		disown(t, n);
	else if (t->count >= t->cap)
		return false;
	else if (!is_at(t, n, key, p->len))
		n = graft(t, link, key, p->len, p->ip.family);
	own(t, n, peer);
	return true;
}

/* Takes the entry's node out unless two others still part at it. */
static void prune(struct allowedips *t, uint32_t *link, uint32_t *above)
{
	uint32_t n = *link;
	struct node *node = &t->nodes[n];

	if (node->child[0] && node->child[1])
		return;
	*link = node->child[0] ? node->child[0] : node->child[1];
	node_put(t, n);
	if (*link || !above || t->nodes[*above].peer != ALLOWEDIPS_NONE)
		return;
	/* Nothing parts at the node above any more. */
	n = *above;
	node = &t->nodes[n];
	*above = node->child[0] ? node->child[0] : node->child[1];
	node_put(t, n);
}

bool allowedips_remove(struct allowedips *t, const struct prefix *p, uint32_t peer)
{
	check(p);

	struct key key = key_of(p);
	uint32_t *above;
	uint32_t *link = descend(t, key, p->len, p->ip.family, &above);

	if (peer == ALLOWEDIPS_NONE || !is_at(t, *link, key, p->len) ||
	    t->nodes[*link].peer != peer)
		return false;
	disown(t, *link);
	prune(t, link, above);
	return true;
}

void allowedips_remove_peer(struct allowedips *t, uint32_t peer)
{
	BUG_ON(peer >= t->peers);
	while (t->owners[peer].first) {
		uint32_t n = t->owners[peer].first;
		struct node *node = &t->nodes[n];
		uint32_t *above;
		uint32_t *link = descend(t, node->key, node->len, node->family, &above);

		BUG_ON(*link != n);
		disown(t, n);
		prune(t, link, above);
	}
}

static uint32_t lookup(const struct allowedips *t, uint32_t n, struct key key, unsigned bits)
{
	uint32_t best = ALLOWEDIPS_NONE;

	while (n) {
		const struct node *node = &t->nodes[n];

		if (common_bits(key, node->key) < node->len)
			break;
		if (node->peer != ALLOWEDIPS_NONE)
			best = node->peer;
		if (node->len >= bits)
			break;
		n = node->child[bit_after(key, node->len)];
	}
	return best;
}

uint32_t allowedips_lookup_v4(const struct allowedips *t, const uint8_t ip[static 4])
{
	return lookup(t, t->root_v4, key_v4(ip), 32);
}

uint32_t allowedips_lookup_v6(const struct allowedips *t, const uint8_t ip[static 16])
{
	return lookup(t, t->root_v6, key_v6(ip), 128);
}

uint32_t allowedips_lookup(const struct allowedips *t, const struct ip *ip)
{
	if (ip->family == FAMILY_IPV4)
		return allowedips_lookup_v4(t, ip->b);
	if (ip->family == FAMILY_IPV6)
		return allowedips_lookup_v6(t, ip->b);
	return ALLOWEDIPS_NONE;
}

bool allowedips_next(const struct allowedips *t, uint32_t peer, uint32_t *cursor,
		     struct prefix *out)
{
	BUG_ON(peer >= t->peers);

	uint32_t n = *cursor ? t->nodes[*cursor].next : t->owners[peer].first;
	const struct node *node = &t->nodes[n];

	if (!n)
		return false;
	*cursor = n;
	*out = (struct prefix){ .ip.family = node->family, .len = node->len };
	if (node->family == FAMILY_IPV4) {
		store_be32(out->ip.b, (uint32_t)(node->key.hi >> 32));
	} else {
		store_be64(out->ip.b, node->key.hi);
		store_be64(out->ip.b + 8, node->key.lo);
	}
	return true;
}

uint32_t allowedips_count(const struct allowedips *t)
{
	return t->count;
}
