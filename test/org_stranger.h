/* org_stranger.h - the protocol of first contact, written a second time from docs/protocol.md, by
 * somebody who may put into it what he likes. */
#ifndef TEST_ORG_STRANGER_H
#define TEST_ORG_STRANGER_H

#include "org_world.h"

#include "base/cursor.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

struct stranger {
	struct dh_secret secret;
	struct dh_public ours, theirs;
	bool initiator;
	uint8_t cookie[16];
	uint8_t tags[64];     /* of the welcome */
};

static inline void stranger_start(struct stranger *s, uint8_t id, bool initiator)
{
	memset(s, 0, sizeof(*s));
	memset(s->secret.b, id, 32);
	x25519_clamp(&s->secret);
	x25519_public(&s->ours, &s->secret);
	s->initiator = initiator;
}

static inline struct sym_key stranger_hash(const struct sym_key *key, const char *label,
					   uint8_t step, const struct stranger *s, bool both)
{
	const struct dh_public *i = s->initiator ? &s->ours : &s->theirs;
	const struct dh_public *r = s->initiator ? &s->theirs : &s->ours;
	struct bytes parts[] = { bytes_of(label, strlen(label)), bytes_of(&step, 1),
				 bytes_of(i->b, 32), bytes_of(r->b, 32) };
	struct sym_key out;
	struct hash h;

	blake2b(&h, key, parts, both ? 4 : 3);
	memcpy(out.b, h.b, 32);
	return out;
}

static inline struct sym_key stranger_key(const struct stranger *s, uint8_t step)
{
	struct dh_secret shared;
	struct sym_key k;

	ok(x25519(&shared, &s->secret, &s->theirs));
	memcpy(k.b, shared.b, 32);
	return stranger_hash(&k, "meshguard first contact key v1", step, s, true);
}

/* mark: the key of an org, or NULL: open. */
static inline void stranger_tag(const struct stranger *s, uint8_t step,
				const struct public_key *mark, uint8_t out[8])
{
	const struct bytes open = bytes_of("meshguard open to all v1", 24);
	struct sym_key k;
	struct hash h;

	blake2b(&h, NULL, &open, 1);
	memcpy(k.b, mark ? mark->b : h.b, 32);
	k = stranger_hash(&k, "meshguard first contact tag v1", step, s, step != 0xe2);
	memcpy(out, k.b, 8);
}

/* Of 16 tags with that mark at that place. */
static inline struct datagram stranger_hello(const struct stranger *s,
					     const struct public_key *mark, unsigned place)
{
	struct datagram d = { .len = 161 };

	memset(d.b, 0x5a, d.len);
	d.b[0] = 0xe2;
	memcpy(d.b + 1, s->ours.b, 32);
	stranger_tag(s, 0xe2, mark, d.b + 33 + 8 * place);
	return d;
}

static inline bool stranger_hears_welcome(struct stranger *s, const struct datagram *d)
{
	struct sym_key key;
	uint8_t inner[80];

	if (d->len != 161 || d->b[0] != 0xe3 || memcmp(d->b + 1, s->ours.b, 8) != 0)
		return false;
	memcpy(s->theirs.b, d->b + 9, 32);
	key = stranger_key(s, 0xe3);
	if (!xaead_open(inner, d->b + 65, 96, d->b, 41, d->b + 41, &key))
		return false;
	memcpy(s->cookie, inner, 16);
	memcpy(s->tags, inner + 16, 64);
	return true;
}

/* Signs as the key whose point is the negative of that of sk, which has the same twin. */
static inline void stranger_signs_minus(struct signature *out, const uint8_t *m, size_t len,
					const struct secret_key *sk)
{
	uint8_t a[64], r[32] = { 5 }, h[64];
	crypto_hash_sha512_state st;

	crypto_hash_sha512(a, sk->b, 32);
	x25519_clamp((struct dh_secret *)(void *)a);
	memset(a + 32, 0, 32);
	crypto_core_ed25519_scalar_reduce(a, a);
	crypto_core_ed25519_scalar_negate(a, a);
	ok(!crypto_scalarmult_ed25519_base_noclamp(out->b, r));
	ok(!crypto_scalarmult_ed25519_base_noclamp(h, a));
	crypto_hash_sha512_init(&st);
	crypto_hash_sha512_update(&st, out->b, 32);
	crypto_hash_sha512_update(&st, h, 32); /* the negative key */
	crypto_hash_sha512_update(&st, m, len);
	crypto_hash_sha512_final(&st, h);
	crypto_core_ed25519_scalar_reduce(h, h);
	crypto_core_ed25519_scalar_mul(a, h, a);
	crypto_core_ed25519_scalar_add(out->b + 32, r, a);
}

struct script { /* what a letter says */
	uint8_t b[MAX_DATAGRAM];
	struct writer w;
	bool minus;        /* signed by the negative key */
};

static inline void script_start(struct script *t, const struct stranger *s, uint8_t step,
				const struct public_key *own, const struct public_key *mark)
{
	uint8_t tag[8];

	t->minus = false;
	t->w = wr_of(t->b, sizeof(t->b));
	stranger_tag(s, step, mark, tag);
	wr_bytes(&t->w, own->b, 32);
	wr_u8(&t->w, 1);
	wr_bytes(&t->w, tag, 8);
}

static inline void script_paper(struct script *t, uint8_t kind, const uint8_t *wire, uint16_t len)
{
	wr_u8(&t->w, kind);
	wr_be16(&t->w, len);
	wr_bytes(&t->w, wire, len);
}

/* Fills up to `body` bytes with zeros (0: as it is), and signs. */
static inline void script_sign(struct script *t, const struct stranger *s, const char *context,
			       const struct public_key *initiator, const struct secret_key *sk,
			       size_t body)
{
	const struct dh_public *i = s->initiator ? &s->ours : &s->theirs;
	const struct dh_public *r = s->initiator ? &s->theirs : &s->ours;
	struct bytes all;
	struct signature sig;
	struct hash h;
	uint8_t m[256];
	struct writer w = wr_of(m, sizeof(m));

	if (body > wr_len(&t->w))
		wr_zero(&t->w, body - wr_len(&t->w));
	all = bytes_of(t->b, wr_len(&t->w));
	blake2b(&h, NULL, &all, 1);
	wr_bytes(&w, context, strlen(context));
	wr_bytes(&w, i->b, 32);
	wr_bytes(&w, r->b, 32);
	if (initiator)
		wr_bytes(&w, initiator->b, 32);
	wr_bytes(&w, h.b, 32);
	if (t->minus)
		stranger_signs_minus(&sig, m, wr_len(&w), sk);
	else
		ed25519_sign(&sig, m, wr_len(&w), sk);
	wr_bytes(&t->w, sig.b, 64);
	ok(wr_ok(&t->w));
}

#define INTRODUCTION_BODY (1232u - 121 - 64)

/* Key, one mark, one paper at most (kind 0: none); signed by sk. */
static inline void script_plain(struct script *t, const struct stranger *s,
				const struct person *p, const struct public_key *mark,
				uint8_t kind, const uint8_t *wire, uint16_t len)
{
	script_start(t, s, 0xe4, &p->pk, mark);
	wr_u8(&t->w, kind != 0);
	if (kind)
		script_paper(t, kind, wire, len);
	script_sign(t, s, "meshguard introduction v1", NULL, &p->sk, INTRODUCTION_BODY);
}

static inline struct datagram stranger_introduces(const struct stranger *s, const struct script *t)
{
	struct datagram d = { .len = 1232 };
	struct sym_key key = stranger_key(s, 0xe4);

	d.b[0] = 0xe4;
	memcpy(d.b + 1, s->ours.b, 32);
	memcpy(d.b + 33, s->theirs.b, 32);
	memcpy(d.b + 65, s->cookie, 16);
	memset(d.b + 81, 0x33, 24);
	xaead_seal(d.b + 105, t->b, 1111, d.b, 81, d.b + 81, &key);
	return d;
}

/* Knows p's mark, and has its welcome at that address. */
static inline void stranger_is_welcome(struct stranger *s, struct person *p, struct instant now,
				       const struct endpoint *from, const struct public_key *mark)
{
	struct datagram hello = stranger_hello(s, mark, s->ours.b[0] % 16), d;

	d = answer(p, now, from, &hello);
	ok(stranger_hears_welcome(s, &d));
}

/* As responder. */
static inline struct datagram stranger_welcomes(struct stranger *s, const struct datagram *hello,
						const struct public_key *mark)
{
	struct datagram d = { .len = 161 };
	struct sym_key key;
	uint8_t inner[80];

	memcpy(s->theirs.b, hello->b + 1, 32);
	key = stranger_key(s, 0xe3);
	memset(inner, 0x44, sizeof(inner));
	stranger_tag(s, 0xe3, mark, inner + 16 + 8 * 3);
	d.b[0] = 0xe3;
	memcpy(d.b + 1, s->theirs.b, 8);
	memcpy(d.b + 9, s->ours.b, 32);
	memset(d.b + 41, 0x22, 24);
	xaead_seal(d.b + 65, inner, 80, d.b, 41, d.b + 41, &key);
	return d;
}

/* The letter in an introduction that was sent to it. */
static inline bool stranger_reads(const struct stranger *s, const struct datagram *d,
				  uint8_t plain[static 1111])
{
	struct sym_key key = stranger_key(s, 0xe4);

	return d->len == 1232 && d->b[0] == 0xe4 && !memcmp(d->b + 1, s->theirs.b, 32) &&
	       !memcmp(d->b + 33, s->ours.b, 32) &&
	       xaead_open(plain, d->b + 105, 1127, d->b, 81, d->b + 81, &key);
}

static inline struct datagram stranger_accepts(const struct stranger *s, const struct script *t)
{
	struct datagram d = { .len = 49 + wr_len(&t->w) };
	struct sym_key key = stranger_key(s, 0xe5);

	d.b[0] = 0xe5;
	memcpy(d.b + 1, s->theirs.b, 8);
	memset(d.b + 9, 0x11, 24);
	xaead_seal(d.b + 33, t->b, wr_len(&t->w), d.b, 9, d.b + 9, &key);
	return d;
}

#endif
