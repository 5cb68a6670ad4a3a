#include "org/letter.h"
#include "base/cursor.h"
#include "crypto/hash.h"

#include <string.h>

#define SIGNATURE 64u
#define SIGNED_BODY 128u        /* four times 32 */

_Static_assert(MAX_STATEMENT <= MAX_CERTIFICATE, "a paper holds either");

static const char *context_of(enum step step)
{
	return step == STEP_INTRODUCTION ? "meshguard introduction v1" : "meshguard accept v1";
}

/* What the signature is over. */
static struct bytes signed_body(uint8_t out[static SIGNED_BODY], struct bytes body,
				const struct contact *c, const struct public_key *initiator)
{
	struct writer w = wr_of(out, SIGNED_BODY);
	struct hash h;

	blake2b(&h, NULL, &body, 1);
	wr_bytes(&w, c->initiator.b, sizeof(c->initiator.b));
	wr_bytes(&w, c->responder.b, sizeof(c->responder.b));
	if (initiator)
		wr_bytes(&w, initiator->b, sizeof(initiator->b));
	wr_bytes(&w, h.b, sizeof(h.b));
	return bytes_of(out, wr_len(&w));
}

static bool is_of_match(const struct paper *p, const struct letter_draft *d)
{
	for (unsigned i = 0; i < d->match->count; i++)
		if (!memcmp(p->org.b, d->marks->list[d->match->mark[i]].b, sizeof(p->org.b)))
			return true;
	return false;
}

static void write_papers(struct writer *w, const struct letter_draft *d)
{
	uint8_t count = 0, *count_at = w->at;

	wr_u8(w, 0);
	for (unsigned i = 0; i < d->paper_count && count < INTRODUCE_PAPERS; i++) {
		const struct paper *p = &d->papers[i];

		if (!is_of_match(p, d) || (size_t)(w->end - w->at) < 3u + p->len)
			continue;
		wr_u8(w, (uint8_t)p->kind);
		wr_be16(w, p->len);
		wr_bytes(w, p->wire, p->len);
		count++;
	}
	*count_at = count;
}

size_t letter_write(uint8_t *out, size_t room, bool fill, const struct letter_draft *d)
{
	struct writer w = wr_of(out, room - SIGNATURE);
	uint8_t memory[SIGNED_BODY];
	size_t len;

	BUG_ON(room < LETTER_LEAST || (d->step == STEP_ACCEPT) != (d->initiator != NULL));
	wr_bytes(&w, d->own->b, sizeof(d->own->b));
	wr_u8(&w, (uint8_t)d->match->count);
	for (unsigned i = 0; i < d->match->count; i++) {
		uint8_t tag[MARK_TAG];

		contact_tag(tag, d->step, &d->marks->list[d->match->mark[i]], d->contact);
		wr_bytes(&w, tag, sizeof(tag));
	}
	write_papers(&w, d);
	if (fill)
		wr_zero(&w, (size_t)(w.end - w.at));
	len = wr_len(&w);
	BUG_ON(!len);
	signed_make(out + len, context_of(d->step),
		    signed_body(memory, bytes_of(out, len), d->contact, d->initiator), d->secret);
	return len + SIGNATURE;
}

bool letter_read(struct letter *out, struct bytes plain)
{
	struct cursor c;

	if (plain.len < SIGNATURE)
		return false;
	memset(out, 0, sizeof(*out));
	out->body = bytes_of(plain.data, plain.len - SIGNATURE);
	out->signature = plain.data + out->body.len;
	c = cur_of(out->body.data, out->body.len);
	cur_bytes(&c, out->key.b, sizeof(out->key.b));
	out->tag_count = cur_u8(&c);
	if (!out->tag_count || out->tag_count > INTRODUCE_MATCHES)
		return false;
	out->tags = cur_span(&c, (size_t)out->tag_count * MARK_TAG).data;
	out->paper_count = cur_u8(&c);
	if (out->paper_count > INTRODUCE_PAPERS)
		return false;
	for (unsigned i = 0; i < out->paper_count; i++) {
		out->papers[i].kind = cur_u8(&c);
		out->papers[i].wire = cur_span(&c, cur_be16(&c));
		if (out->papers[i].kind < PAPER_CERTIFICATE || out->papers[i].kind > PAPER_VERDICT)
			return false;
	}
	return cur_ok(&c) && ct_is_zero(c.at, cur_left(&c));
}

bool letter_verify(const struct letter *l, enum step step, const struct contact *c,
		   const struct public_key *initiator)
{
	uint8_t memory[SIGNED_BODY];

	return signed_check(l->signature, context_of(step),
			    signed_body(memory, l->body, c, initiator), &l->key);
}

static bool read_certificate(const struct letter *l, struct bytes wire, struct certificate *out)
{
	struct certificate_claim claim;

	return certificate_decode(wire, &claim)
	    && !memcmp(&claim.body.node, &l->key, sizeof(l->key))
	    && certificate_verify(&claim, out);
}

static bool read_vouch(const struct letter *l, struct bytes wire, struct statement *out)
{
	struct statement_claim claim;

	return statement_decode(wire, &claim) && claim.body.kind == STATEMENT_VOUCH
	    && !memcmp(&claim.body.subject, &l->key, sizeof(l->key))
	    && statement_verify(&claim, out);
}

bool letter_verdict(const struct letter *l, enum token_verdict *out)
{
	const struct bytes wire = l->papers[0].wire;

	if (l->paper_count != 1 || l->papers[0].kind != PAPER_VERDICT || wire.len != 1
	    || wire.data[0] >= VERDICTS)
		return false;
	*out = (enum token_verdict)wire.data[0];
	return true;
}

bool letter_papers(const struct letter *l, struct introduced *out)
{
	out->certificate_count = out->statement_count = 0;
	for (unsigned i = 0; i < l->paper_count; i++) {
		struct bytes wire = l->papers[i].wire;

		if (l->papers[i].kind == PAPER_VERDICT)
			return false;
		if (l->papers[i].kind == PAPER_CERTIFICATE
		    ? !read_certificate(l, wire, &out->certificates[out->certificate_count++])
		    : !read_vouch(l, wire, &out->statements[out->statement_count++]))
			return false;
	}
	return true;
}
