#include "sim/host.h"

#include "base/limits.h"
#include "crypto/curve.h"
#include "identity/address.h"

#include <string.h>
#include <sys/mman.h>

#define WALL_START 1800000000u /* seconds since 1970 at world time 0 */
#define BOOT_SPREAD_MS 86400000u

static void draw(struct rng *rng, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i += 8)
		store_be64(out + i, rng_u64(rng));
}

void host_init(struct host *h, uint32_t number, uint64_t seed)
{
	uint8_t bytes[32];

	*h = (struct host){ .number = number, .prefix = mesh_ipv4_default_prefix() };
	rng_init(&h->rng, seed);
	draw(&h->rng, bytes, sizeof(bytes));
	ed25519_from_seed(&h->public, &h->secret, bytes);
	BUG_ON(!ed25519_to_dh_public(&h->twin, &h->public));
	h->wall_ahead_ms = (int64_t)rng_below(&h->rng, 4000) - 2000;
}

struct moment host_moment(const struct host *h, struct instant now)
{
	int64_t true_ms = (int64_t)(WALL_START * 1000ull + now.ns / 1000000u);
	uint64_t wall = (uint64_t)(true_ms + h->wall_ahead_ms);
	struct moment m = { .boot = instant_add(now, h->boot_ahead) };

	m.wall.s = wall / 1000;
	m.wall.ns = (uint32_t)(wall % 1000 * 1000000u + now.ns % 1000000u);
	return m;
}

void host_on(struct host *h, uint32_t members, bool reboot, struct instant now)
{
	struct node_config config = {
		.members = members, .sessions = 3 * members, .port = h->at.port, .mtu = MESH_MTU,
		.interface = "mg0", .prefix = h->prefix, .secret = h->secret, .public = h->public,
		.relay = h->relays ? RELAY_ON : RELAY_AUTO,
	};

	BUG_ON(h->node);
	if (reboot || !h->runs)
		h->boot_ahead = span_ms(1000 + rng_below(&h->rng, BOOT_SPREAD_MS));
	if (h->has_clock)
		config.clock = bytes_of(h->clock, sizeof(h->clock));
	draw(&h->rng, config.entropy, sizeof(config.entropy));
	h->size = node_size(members, 3 * members);
	h->memory = mmap(NULL, h->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	BUG_ON(h->memory == MAP_FAILED);
	h->node = node_init(h->memory, &config, host_moment(h, now));
	h->runs++;
	h->events_seen = 0;
	h->on_since = h->well_since = now;
	h->paused = false;
	h->paused_at = h->resumed_at = INSTANT_ZERO;
}

void host_off(struct host *h)
{
	if (!h->node)
		return;
	node_wipe(h->node);
	munmap(h->memory, h->size);
	h->node = NULL;
	memset(h->sockets, 0, sizeof(h->sockets));
}

struct instant host_deadline(const struct host *h)
{
	if (!h->node || h->paused)
		return INSTANT_NEVER;
	struct instant at = node_deadline(h->node);

	if (at.ns == UINT64_MAX)
		return at;
	return (struct instant){ at.ns > h->boot_ahead.ns ? at.ns - h->boot_ahead.ns : 0 };
}

void host_step(struct host *h, struct instant now, const struct node_event *event,
	       struct node_actions *actions)
{
	uint8_t fresh[32];

	draw(&h->rng, fresh, sizeof(fresh));
	node_entropy(h->node, fresh);
	node_step(h->node, host_moment(h, now), event, actions);
	h->wakes++;
	if (!actions->save_clock)
		return;
	memcpy(h->clock, actions->clock, sizeof(h->clock));
	h->has_clock = true;
	actions->save_clock = false;
}
