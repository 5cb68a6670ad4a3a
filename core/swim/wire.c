/* wire.c - the codec of swim's messages.
 *
 * Counts are checked against the bytes that are left, entry by entry, and never believed: a count
 * larger than what follows fails the message before anybody looks at its first entry (attack:
 * ping whose declared number of items exceeds the items present). */
#include "swim/wire.h"
#include "identity/record.h"

static void get_header(struct cursor *c, struct wire_header *h)
{
	h->type = cur_u8(c);
	h->flags = cur_u8(c);
	h->id = cur_be32(c);
	h->known = 0;
	h->count = 0;
	h->list = 0;
	if (!(h->flags & WIRE_BRIEF)) {
		h->known = cur_be64(c);
		h->count = cur_be32(c);
		h->list = cur_be64(c);
	}
	h->digest = cur_be64(c);
}

static unsigned get_count(struct cursor *c, size_t each, unsigned max)
{
	unsigned n = cur_u8(c);

	if (n > max || n * each > cur_left(c))
		cur_fail(c);
	return cur_ok(c) ? n : 0;
}

/* Ids rise, so that a list can be searched and none comes twice. */
static void get_entries(struct cursor *c, struct wire_message *m, bool ids_only)
{
	uint64_t least = 0;

	m->entries = get_count(c, ids_only ? 8 : WIRE_ENTRY, WIRE_ENTRIES_MAX);
	for (unsigned i = 0; i < m->entries; i++) {
		struct wire_entry *e = &m->entry[i];
		uint8_t dead = 0;

		*e = (struct wire_entry){ .id = cur_be64(c) };
		if (!ids_only) {
			e->sequence = cur_be64(c);
			dead = cur_u8(c);
			e->dead = dead == 1;
		}
		if ((i && e->id < least) || dead > 1 || (!ids_only && !e->sequence))
			cur_fail(c);
		if (e->id == UINT64_MAX && i + 1 < m->entries)
			cur_fail(c);
		least = e->id + 1;
	}
}

static void get_list(struct cursor *c, struct wire_message *m)
{
	m->first = cur_be64(c);
	m->last = cur_be64(c);
	get_entries(c, m, false);
	if (m->first > m->last)
		cur_fail(c);
	if (m->entries && (m->entry[0].id < m->first || m->entry[m->entries - 1].id > m->last))
		cur_fail(c);
}

static void get_prints(struct cursor *c, struct wire_message *m)
{
	unsigned n;

	m->position = cur_be32(c);
	m->total = cur_be32(c);
	n = get_count(c, WIRE_PRINT, WIRE_PRINTS_MAX);
	m->prints = cur_span(c, n * WIRE_PRINT);
	if (!n || m->total > WIRE_LIST_MAX || m->position > m->total || n > m->total - m->position)
		cur_fail(c);
}

static void get_body(struct cursor *c, struct wire_message *m)
{
	uint8_t reason;

	switch (m->h.type) {
	case WIRE_PING:
	case WIRE_ACK:
	case WIRE_FORWARDED:
	case WIRE_ITEMS:
		break;
	case WIRE_PING_REQ:
		cur_bytes(c, m->target.b, sizeof(m->target.b));
		break;
	case WIRE_NACK:
		reason = cur_u8(c);
		if (reason > WIRE_NACK_UNKNOWN)
			cur_fail(c);
		m->reason = (enum wire_nack)reason;
		break;
	case WIRE_LIST:
		get_list(c, m);
		break;
	case WIRE_WANT:
		get_entries(c, m, true);
		if (!m->entries)
			cur_fail(c);
		break;
	case WIRE_BUCKETS:
		m->buckets = cur_span(c, WIRE_BUCKETS_COUNT * WIRE_BUCKET);
		break;
	case WIRE_SCOPE:
		get_prints(c, m);
		break;
	case WIRE_SCOPE_ASK:
		m->position = cur_be32(c);
		break;
	default:
		cur_fail(c);
	}
}

struct held {
	bool (*is)(const void *ctx, struct bytes record);
	const void *ctx;
};

static bool is_record(struct bytes wire, const struct held *held)
{
	struct record_claim claim;

	return wire.len && (held->is(held->ctx, wire) || record_decode(wire, &claim));
}

static void get_item(struct cursor *c, struct wire_item *item, const struct held *held)
{
	uint8_t kind = cur_u8(c);

	*item = (struct wire_item){ .kind = (enum wire_item_kind)kind };
	if (kind == WIRE_ITEM_RECORD) {
		item->record = cur_span(c, record_length((struct bytes){ c->at, cur_left(c) }));
		if (!cur_ok(c) || !is_record(item->record, held))
			cur_fail(c);
	} else if (kind == WIRE_ITEM_ACCUSATION) {
		item->accusation.subject = cur_be64(c);
		item->accusation.sequence = cur_be64(c);
		item->accusation.accuser = cur_be64(c);
		cur_bytes(c, item->accusation.signature.b, sizeof(item->accusation.signature.b));
	} else {
		cur_fail(c);
	}
}

bool wire_decode_new(struct bytes message, bool (*is_held)(const void *ctx, struct bytes record),
		     const void *ctx, struct wire_message *out)
{
	const struct held held = { is_held, ctx };
	struct cursor c = cur_of(message.data, message.len);

	if (message.len > CHANNEL_PAYLOAD_MAX)
		return false;
	get_header(&c, &out->h);
	out->entries = 0;
	get_body(&c, out);
	out->items = 0;
	if (!(out->h.flags & WIRE_BARE))
		out->items = get_count(&c, WIRE_ACCUSATION, WIRE_ITEMS_MAX);
	for (unsigned i = 0; i < out->items && cur_ok(&c); i++)
		get_item(&c, &out->item[i], &held);
	return cur_done(&c);
}

static bool is_none_held(const void *ctx, struct bytes record)
{
	(void)ctx;
	(void)record;
	return false;
}

bool wire_decode(struct bytes message, struct wire_message *out)
{
	return wire_decode_new(message, is_none_held, NULL, out);
}

void wire_put_header(struct writer *w, const struct wire_header *h)
{
	wr_u8(w, h->type);
	wr_u8(w, h->flags);
	wr_be32(w, h->id);
	if (!(h->flags & WIRE_BRIEF)) {
		wr_be64(w, h->known);
		wr_be32(w, h->count);
		wr_be64(w, h->list);
	}
	wr_be64(w, h->digest);
}

void wire_put_entry(struct writer *w, const struct wire_entry *e)
{
	wr_be64(w, e->id);
	wr_be64(w, e->sequence);
	wr_u8(w, e->dead);
}

void wire_put_record(struct writer *w, struct bytes record)
{
	wr_u8(w, WIRE_ITEM_RECORD);
	wr_bytes(w, record.data, record.len);
}

void wire_put_accusation(struct writer *w, const struct accusation *a)
{
	wr_u8(w, WIRE_ITEM_ACCUSATION);
	wr_be64(w, a->subject);
	wr_be64(w, a->sequence);
	wr_be64(w, a->accuser);
	wr_bytes(w, a->signature.b, sizeof(a->signature.b));
}
