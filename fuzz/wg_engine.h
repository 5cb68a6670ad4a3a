/* wg_engine.h - an engine for fuzz targets: the same one, from the beginning, for each input. */
#ifndef FUZZ_WG_ENGINE_H
#define FUZZ_WG_ENGINE_H

#include "contexts.h"
#include "crypto/random.h"
#include "wg/wg.h"

#include <string.h>

#define FUZZ_PEERS 4u
#define FUZZ_PREFIXES 16u

struct fuzz_engine {
	struct wg *wg;
	struct allowedips *routes;
	struct random random;
	struct outbox out;
	struct out items[OUTBOX_STEP_ITEMS];
	uint8_t arena[OUTBOX_STEP_BYTES];
};

static inline struct moment fuzz_start(void)
{
	return (struct moment){ { UINT64_C(1000000000) * 1000 }, { 1700000000, 0 } };
}

static inline struct fuzz_engine *fuzz_engine(void)
{
	static struct fuzz_engine e;
	static void *memory, *routes;
	struct wg_config config = {
		.limits = { .peers = FUZZ_PEERS, .sessions = 6, .staged_packets = 8 },
		.random = &e.random, .roam = true,
	};
	size_t size = wg_size(&config.limits);
	size_t routes_size = allowedips_size(FUZZ_PREFIXES, FUZZ_PEERS);

	test_crypto();
	if (!memory) {
		memory = aligned_alloc(64, (size + 63) / 64 * 64);
		routes = malloc(routes_size);
		if (!memory || !routes)
			abort();
	}
	memset(memory, 0, size);
	memset(routes, 0, routes_size);
	random_init(&e.random, (const uint8_t[32]){ 1 });
	outbox_init(&e.out, e.items, OUTBOX_STEP_ITEMS, e.arena, sizeof(e.arena));
	e.routes = allowedips_init(routes, FUZZ_PREFIXES, FUZZ_PEERS);
	e.wg = wg_init(memory, &config, fuzz_start().boot);
	wg_set_routes(e.wg, e.routes);
	return &e;
}

#endif
