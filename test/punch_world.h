/* punch_world.h - one side of punching in virtual time, and what the other side and the helpers
 * would say. */
#ifndef TEST_PUNCH_WORLD_H
#define TEST_PUNCH_WORLD_H

#include "tap.h"

#include "contexts.h"
#include "nat/punch.h"

#define MEMBERS 64u
#define PEER 0u
#define HELPER 1u  /* public */
#define SECOND 2u  /* a helper, too */
#define OTHERS 3u

static struct punch_via helper;
static struct paths *p;
static struct punches *u;
static struct random random_state;
static struct instant now;
static struct outbox out;

/* What went out since `clear`. */
static struct {
	struct punch_message said[8];
	unsigned count, via[8];
	uint64_t epoch[8];
	unsigned openers, whole, opened, closed, other_hops;
	struct instant first_whole, first_opener;
	uint16_t last_socket;
	uint8_t probe[8];          /* id of the last whole probe to the peer */
	struct endpoint to;
} sent;

static struct endpoint at(uint8_t last, uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(6, 12, 0, last), .port = port };
}

static void take(void)
{
	for (uint32_t i = 0; i < out.count; i++) {
		const struct out *o = &out.items[i];

		if (o->kind == OUT_THROUGH && o->slot >= OTHERS)
			continue;
		if (o->kind == OUT_THROUGH && sent.count < 8) {
			ok(o->slot == PEER);
			ok(punch_decode(bytes_of(o->data, o->len), &sent.said[sent.count]));
			sent.epoch[sent.count] = o->epoch;
			sent.via[sent.count++] = o->via;
		} else if (o->kind == OUT_SOCKET_OPEN) {
			sent.opened++;
			sent.last_socket = o->to.socket;
		} else if (o->kind == OUT_SOCKET_CLOSE) {
			sent.closed++;
		} else if (o->kind == OUT_MESSAGE && o->slot == PEER && o->hops) {
			if (!sent.openers++)
				sent.first_opener = now;
			sent.other_hops += o->hops < 2 || o->hops > 4;
		} else if (o->kind == OUT_MESSAGE && o->slot == PEER) {
			if (!sent.whole++)
				sent.first_whole = now;
			memcpy(sent.probe, o->data + 1, 8);
			sent.to = o->to;
		}
	}
	outbox_clear(&out);
}

static void run_ms(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		now = instant_add(now, span_ms(1));
		while (instant_reached(punch_deadline(u), now)) {
			punch_tick(u, now, &out);
			take();
		}
	}
}

static void clear(void)
{
	memset(&sent, 0, sizeof(sent));
}

/* The member answers a probe to that address: there is a path. */
static void path_to(uint32_t slot, const struct endpoint *to, unsigned rtt_ms)
{
	uint8_t answer[PATH_PROBE_LEN] = { PATH_TYPE_ANSWER };
	bool found = false;

	paths_suggest(p, slot, to, now);
	paths_tick(p, now, &out);
	for (uint32_t i = 0; i < out.count; i++)
		if (out.items[i].slot == slot) {
			memcpy(answer + 1, out.items[i].data + 1, 8);
			found = true;
		}
	ok(found);
	outbox_clear(&out);
	answer[9] = FAMILY_IPV4;
	answer[10] = answer[11] = 77;
	memcpy(answer + 12, (const uint8_t[]){ 6, 11, 0, 2 }, 4);
	now = instant_add(now, span_ms(rtt_ms));
	ok(paths_input(p, now, slot, to, bytes_of(answer, sizeof(answer)), 9, true, &out));
	outbox_clear(&out);
}

static void begin_with(uint8_t self, uint8_t kind, bool birthday)
{
	static struct out items[1024];
	static uint8_t arena[1u << 20];
	static void *memory[2];
	const uint8_t entropy[32] = { 1 };
	const struct endpoint claims[] = { at(2, 51821) };
	const struct endpoint own[] = { { .ip = ip_v4(6, 11, 0, 2), .port = 51821 } };

	test_crypto();
	random_init(&random_state, entropy);
	outbox_init(&out, items, 1024, arena, sizeof(arena));
	now = (struct instant){ 1000000000u };
	free(memory[0]);
	free(memory[1]);
	memory[0] = calloc(1, paths_size(MEMBERS));
	memory[1] = calloc(1, punches_size(MEMBERS));
	const struct paths_config paths = { .members = MEMBERS, .seed = 7,
					    .random = &random_state };
	p = paths_init(memory[0], &paths, now);
	const struct punches_config config = { .members = MEMBERS, .seed = 8, .paths = p,
					       .random = &random_state, .birthday = birthday };
	u = punches_init(memory[1], &config);
	for (uint32_t slot = 0; slot < 3; slot++) {
		paths_admit(p, slot, now);
		punch_admit(u, slot, true);
	}
	path_to(HELPER, &(struct endpoint){ .ip = ip_v4(4, 1, 0, 2), .port = 51821 }, 40);
	path_to(SECOND, &(struct endpoint){ .ip = ip_v4(4, 2, 0, 2), .port = 51821 }, 60);
	punch_set_record(u, HELPER, NAT_PUBLIC, NULL, 0, now);
	punch_set_self(u, self);
	punch_set_own(u, own, 1, now);
	punch_set_record(u, PEER, kind, claims, 1, now);
	paths_set_shy(p, PEER, true);
	paths_set_candidates(p, PEER, claims, 1, now);
	paths_tick(p, now, &out);
	outbox_clear(&out);
	clear();
	helper = (struct punch_via){ .slot = HELPER, .sees = at(2, 0).ip };
	punch_wanted(u, PEER, now);
}

static inline void begin(void)
{
	begin_with(NAT_EASY, NAT_EASY, true);
}

/* What the peer says to our last ask. */
static struct punch_message reply(uint8_t step, uint8_t kind, uint8_t flags)
{
	struct punch_message m = { .step = step, .kind = kind, .flags = flags, .count = 1 };

	memcpy(m.asked, sent.said[0].asked, 8);
	memset(m.answered, 7, 8);
	m.list[0] = at(2, 51821);
	return m;
}

static void hear(const struct punch_message *m, bool knows_us)
{
	uint8_t wire[PUNCH_LEN];

	punch_encode(m, wire);
	punch_input(u, now, PEER, &helper, bytes_of(wire, sizeof(wire)), 99, knows_us, &out);
	take();
}

#endif
