/* For each machine a second channel with its keys, that never learns an epoch: it opens what comes
 * and finds nothing fresh, and so changes nothing. The keys of a pair are made when first used. */
#include "sim/wiretap.h"

#include "crypto/hash.h"
#include "identity/channel.h"
#include "identity/record.h"
#include "nat/path.h"
#include "swim/wire.h"

#include <stdlib.h>
#include <string.h>

struct wiretap {
	const struct world *world;
	struct random random;
	struct channel **channels;   /* by receiver; NULL: not made yet */
	bool *added;                 /* [receiver * n + sender] */
	uint64_t *ids;               /* of members, by machine */
	uint32_t *by_id;
	struct wire_message message;
	struct channel_opened opened;
};

static void *take(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	BUG_ON(!p);
	return p;
}

static const struct wiretap *sorting;

static int by_id(const void *a, const void *b)
{
	uint64_t x = sorting->ids[*(const uint32_t *)a], y = sorting->ids[*(const uint32_t *)b];

	return (x > y) - (x < y);
}

struct wiretap *wiretap_new(const struct world *w)
{
	struct wiretap *t = take(1, sizeof(*t));
	const uint8_t seed[32] = { 1 };

	t->world = w;
	random_init(&t->random, seed);
	t->channels = take(w->n, sizeof(*t->channels));
	t->added = take((size_t)w->n * w->n, sizeof(*t->added));
	t->ids = take(w->n, sizeof(*t->ids));
	t->by_id = take(w->n, sizeof(*t->by_id));
	for (uint32_t i = 0; i < w->n; i++) {
		struct hash h;

		blake3(&h, w->hosts[i].public.b, sizeof(w->hosts[i].public.b));
		t->ids[i] = load_be64(h.b);
		t->by_id[i] = i;
	}
	sorting = t;
	qsort(t->by_id, w->n, sizeof(*t->by_id), by_id);
	return t;
}

void wiretap_free(struct wiretap *t)
{
	for (uint32_t i = 0; i < t->world->n; i++)
		free(t->channels[i]);
	free(t->channels);
	free(t->added);
	free(t->ids);
	free(t->by_id);
	free(t);
}

static uint32_t find_id(const struct wiretap *t, uint64_t id)
{
	uint32_t low = 0, high = t->world->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (t->ids[t->by_id[mid]] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->world->n && t->ids[t->by_id[low]] == id ? t->by_id[low] : NOBODY;
}

static struct channel *channel_of(struct wiretap *t, uint32_t from, uint32_t to)
{
	const struct world *w = t->world;
	bool *added = &t->added[(size_t)to * w->n + from];

	if (!t->channels[to]) {
		struct channel_config config = {
			.members = w->n, .random = &t->random, .secret = &w->hosts[to].secret,
			.public = &w->hosts[to].public, .epoch = 1,
		};

		t->channels[to] = channel_init(take(1, channel_size(w->n)), &config);
	}
	if (!*added && from != to)
		BUG_ON(!channel_add_twin(t->channels[to], from, &w->hosts[from].public,
					 &w->hosts[from].twin));
	*added = true;
	return t->channels[to];
}

static void read_swim(struct wiretap *t, const struct tap_reader *r)
{
	const struct wire_message *m = &t->message;
	struct record_claim claim;

	for (unsigned i = 0; i < m->items; i++) {
		const struct accusation *a = &m->item[i].accusation;

		if (m->item[i].kind == WIRE_ITEM_ACCUSATION) {
			r->about(r->ctx, ABOUT_ACCUSED, find_id(t, a->subject), a->sequence);
			r->about(r->ctx, ABOUT_ACCUSER, find_id(t, a->accuser), 0);
		} else if (record_decode(m->item[i].record, &claim)) {
			r->about(r->ctx, ABOUT_RECORD, world_find(t->world, &claim.body.key),
				 claim.body.sequence);
		}
	}
	for (unsigned i = 0; i < m->entries; i++) {
		const struct wire_entry *e = &m->entry[i];
		uint32_t subject = find_id(t, e->id);
		bool wanted = m->h.type == WIRE_WANT;

		r->about(r->ctx, wanted ? ABOUT_WANTED : ABOUT_LISTED, subject, e->sequence);
		if (!wanted && e->dead)
			r->about(r->ctx, ABOUT_DEAD, subject, e->sequence);
	}
	if (m->h.type == WIRE_PING_REQ)
		r->about(r->ctx, ABOUT_TARGET, world_find(t->world, &m->target), 0);
}

enum tapped wiretap_read(struct wiretap *t, uint32_t from, uint32_t to, struct bytes data,
			 const struct tap_reader *reader, uint64_t *epoch, uint64_t *counter)
{
	struct channel_opened *o = &t->opened;

	if (data.len < CHANNEL_OVERHEAD || data.data[0] != CHANNEL_FIRST_BYTE)
		return TAPPED_OTHER;
	switch (channel_open(channel_of(t, from, to), data, o)) {
	case CHANNEL_UNKNOWN:
		return TAPPED_BLIND;
	case CHANNEL_AUTHENTIC:
		break;
	default:
		return TAPPED_BAD;
	}
	*epoch = o->epoch;
	*counter = o->counter;
	if (o->len && o->payload[0] >= PATH_TYPE_PROBE && o->payload[0] <= 0x2F)
		return TAPPED_PATH;
	if (!wire_decode(bytes_of(o->payload, o->len), &t->message))
		return TAPPED_BAD;
	read_swim(t, reader);
	return TAPPED_SWIM;
}
