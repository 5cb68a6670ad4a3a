/* Neighbours on a LAN, found by mDNS (linux/mdns.h). Anybody can say anything there, and everybody
 * hears it: what we say is a name drawn by chance and one tag for each peer, a hash of the name
 * under the key of the pair. Who shares that key recognises us; to all others it is noise, another
 * one after each start and each day.
 *
 * Where we recognise somebody, that address is a candidate of his, to be probed like any claim.
 * Where it is not known who may call (an org, --open, more peers than there is room for), it is
 * said, and the address becomes a seed. */
#include "node/node_impl.h"

#include "base/bucket.h"
#include "dns/lan.h"

#include <string.h>

/* Each look costs a hash for each peer. */
#define LOOKS 16u
#define LOOK_EVERY span_ms(500)

static bool calls_are_welcome(const struct node *n)
{
	return n->config.open || trust_org_count(n->trust) || n->orgs.own_count
	       || trust_count(n->trust) > LAN_TAGS;
}

size_t node_lan_txt(struct node *n, struct bytes name, uint8_t *out)
{
	struct lan_txt txt = { .call = calls_are_welcome(n) };
	uint8_t hint[CHANNEL_HINT];
	uint32_t slot = TRUST_NONE;

	while (txt.count < LAN_TAGS && (slot = trust_next(n->trust, slot)) != TRUST_NONE) {
		channel_hint(n->channel, slot, true, name, hint);
		memcpy(txt.tags[txt.count++], hint, LAN_TAG);
	}
	/* How many peers there are is nobody's business: whole strings. */
	while (txt.count == 0 || txt.count % LAN_STRING_TAGS) {
		random_bytes(&n->random, txt.tags[txt.count], LAN_TAG);
		txt.count++;
	}
	return lan_txt_write(&txt, out);
}

static bool has_tag(const struct lan_txt *txt, const uint8_t tag[static LAN_TAG])
{
	for (unsigned i = 0; i < txt->count; i++)
		if (ct_equal(txt->tags[i], tag, LAN_TAG))
			return true;
	return false;
}

static uint32_t recognise(const struct node *n, const struct lan_txt *txt, struct bytes name)
{
	uint8_t hint[CHANNEL_HINT];
	uint32_t slot = TRUST_NONE;

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE) {
		channel_hint(n->channel, slot, false, name, hint);
		if (has_tag(txt, hint))
			return slot;
	}
	return TRUST_NONE;
}

static bool may_look(struct node *n, struct instant now)
{
	return bucket_take(&n->lan_full, now, LOOK_EVERY, LOOKS);
}

void lan_found(struct node *n, const struct node_event *e, struct instant now)
{
	struct bytes name = bytes_of(e->name, strlen(e->name));
	struct lan_txt txt;
	uint32_t slot;

	if (name.len != LAN_NAME || !lan_txt_read(e->data, &txt) || !may_look(n, now)) {
		n->counters.drop_lan++;
		return;
	}
	slot = recognise(n, &txt, name);
	if (slot != TRUST_NONE)
		paths_suggest(n->paths, slot, &e->from, now);
	if (slot == TRUST_NONE && !(txt.call && calls_are_welcome(n))) {
		n->counters.drop_lan++;
		return;
	}
	paths_add_seed(n->paths, &e->from, SEED_MDNS, now);
	(void)introduce_add_target(n->orgs.introductions, &e->from, now);
}
