#include "org/contact.h"
#include "crypto/hash.h"

#include <string.h>

static const char key_label[] = "meshguard first contact key v1";
static const char tag_label[] = "meshguard first contact tag v1";
static const char open_label[] = "meshguard open to all v1";

static struct bytes label_of(const char *label)
{
	return bytes_of(label, strlen(label));
}

void contact_open_mark(struct sym_key *out)
{
	const struct bytes label = label_of(open_label);
	struct hash h;

	blake2b(&h, NULL, &label, 1);
	memcpy(out->b, h.b, sizeof(out->b));
}

void contact_key(struct sym_key *out, enum step step, const struct dh_secret *shared,
		 const struct contact *c)
{
	const uint8_t byte = (uint8_t)step;
	const struct bytes parts[] = {
		label_of(key_label), bytes_of(&byte, 1),
		bytes_of(c->initiator.b, sizeof(c->initiator.b)),
		bytes_of(c->responder.b, sizeof(c->responder.b)),
	};
	struct sym_key s;
	struct hash h;

	memcpy(s.b, shared->b, sizeof(s.b));
	blake2b(&h, &s, parts, sizeof(parts) / sizeof(*parts));
	memcpy(out->b, h.b, sizeof(out->b));
	wipe(&s, sizeof(s));
	wipe(&h, sizeof(h));
}

void contact_tag(uint8_t out[static MARK_TAG], enum step step, const struct sym_key *mark,
		 const struct contact *c)
{
	const uint8_t byte = (uint8_t)step;
	const struct bytes parts[] = {
		label_of(tag_label), bytes_of(&byte, 1),
		bytes_of(c->initiator.b, sizeof(c->initiator.b)),
		bytes_of(c->responder.b, sizeof(c->responder.b)),
	};
	struct hash h;

	blake2b(&h, mark, parts, step == STEP_HELLO ? 3 : 4);
	memcpy(out, h.b, MARK_TAG);
}

void contact_match(struct match *out, enum step step, const struct marks *marks,
		   const struct contact *c, const uint8_t *tags, unsigned count)
{
	out->count = 0;
	for (unsigned i = 0; i < marks->count; i++) {
		uint8_t tag[MARK_TAG];
		bool found = false;

		contact_tag(tag, step, &marks->list[i], c);
		for (unsigned k = 0; k < count; k++)
			found |= ct_equal(tag, tags + (size_t)k * MARK_TAG, MARK_TAG);
		if (found && out->count < INTRODUCE_MATCHES)
			out->mark[out->count++] = (uint8_t)i;
	}
}
