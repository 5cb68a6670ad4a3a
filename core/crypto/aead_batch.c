/* aead_batch.c - the library's job interface is function pointers in memory that the shell
 * allocated, so nothing is linked and nothing asked of the system.
 *
 * Jobs of this kind are complete when they come back from submission (release 1.3); should a
 * library begin to keep some back, they are flushed. It computes tags and leaves it to us to
 * compare them. What it decrypted under a wrong tag is wiped. Jobs hold pointers to keys, no keys.
 */
#include "crypto/aead_batch.h"

#include <string.h>

#if CRYPTO_IPSEC_MB

#include <intel-ipsec-mb.h>

#define TOGETHER 64u

struct nonce {
	uint8_t b[12];
};

static void fill(IMB_JOB *job, const struct aead_job *a, bool seals, const struct nonce *nonce,
		 uint8_t *tag)
{
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = seals ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = seals ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = job->dec_keys = a->key->b;
	job->key_len_in_bytes = sizeof(a->key->b);
	job->src = a->in;
	job->dst = a->out;
	job->cipher_start_src_offset_in_bytes = job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = a->len;
	job->iv = nonce->b;
	job->iv_len_in_bytes = sizeof(nonce->b);
	job->u.CHACHA20_POLY1305.aad = nonce->b;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = AEAD_TAG;
}

static void run(IMB_MGR *many, struct aead_job *jobs, size_t count, bool seals,
		uint8_t (*tags)[AEAD_TAG])
{
	struct nonce nonces[TOGETHER] uninitialized;
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		IMB_JOB *job = IMB_GET_NEXT_JOB(many);

		memset(nonces[i].b, 0, 4);
		store_le64(nonces[i].b + 4, jobs[i].counter);
		fill(job, &jobs[i], seals, &nonces[i],
		     seals ? jobs[i].out + jobs[i].len : tags[i]);
		for (job = IMB_SUBMIT_JOB_NOCHECK(many); job; job = IMB_GET_COMPLETED_JOB(many)) {
			BUG_ON(job->status != IMB_STATUS_COMPLETED);
			done++;
		}
	}
	while (done < count) {
		IMB_JOB *job = IMB_FLUSH_JOB(many);

		BUG_ON(!job || job->status != IMB_STATUS_COMPLETED);
		done++;
	}
}

static void seal_many(IMB_MGR *many, struct aead_job *jobs, size_t count)
{
	run(many, jobs, count, true, NULL);
}

static void open_many(IMB_MGR *many, struct aead_job *jobs, size_t count)
{
	uint8_t tags[TOGETHER][AEAD_TAG] uninitialized;
	uint8_t had[TOGETHER][AEAD_TAG] uninitialized;

	for (size_t i = 0; i < count; i++)
		memcpy(had[i], jobs[i].in + jobs[i].len, AEAD_TAG);
	run(many, jobs, count, false, tags);
	for (size_t i = 0; i < count; i++) {
		jobs[i].ok = ct_equal(tags[i], had[i], AEAD_TAG);
		if (!jobs[i].ok)
			wipe(jobs[i].out, jobs[i].len);
	}
	wipe(tags, count * AEAD_TAG); /* right tags for forged packets */
}

#else

#define TOGETHER 64u
typedef void IMB_MGR;

static void seal_many(IMB_MGR *many, struct aead_job *jobs, size_t count)
{
	BUG_ON(many || jobs || count);
}

static void open_many(IMB_MGR *many, struct aead_job *jobs, size_t count)
{
	BUG_ON(many || jobs || count);
}

#endif

static void seal_with(void *many, struct aead_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		BUG_ON(jobs[i].len > AEAD_BATCH_LONGEST);
	for (size_t n; many && count; jobs += n, count -= n) {
		n = count < TOGETHER ? count : TOGETHER;
		seal_many(many, jobs, n);
	}
	for (; count; jobs++, count--)
		aead_seal(jobs->out, jobs->in, jobs->len, NULL, 0, jobs->counter, jobs->key);
}

static void open_with(void *many, struct aead_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		BUG_ON(jobs[i].len > AEAD_BATCH_LONGEST);
	for (size_t n; many && count; jobs += n, count -= n) {
		n = count < TOGETHER ? count : TOGETHER;
		open_many(many, jobs, n);
	}
	for (; count; jobs++, count--)
		jobs->ok = aead_open(jobs->out, jobs->in, jobs->len + AEAD_TAG, NULL, 0,
				     jobs->counter, jobs->key);
}

void aead_seal_batch(struct aead_job *jobs, size_t count)
{
	seal_with(crypto_current()->many, jobs, count);
}

void aead_open_batch(struct aead_job *jobs, size_t count)
{
	open_with(crypto_current()->many, jobs, count);
}

const char *aead_name(void)
{
	return crypto_current()->many ? "intel-ipsec-mb" : "libcrypto";
}

/* --- the check */

#define CHECKED 3u
#define LONGEST 1600u

/* RFC 8439, 2.8.2's key and text, with WireGuard's kind of nonce and no additional data: made by
 * libsodium. */
static const uint8_t known_sealed[] = {
	0xa4, 0x79, 0xcb, 0x54, 0x62, 0x89, 0x46, 0xd6, 0xf4, 0x04, 0x2a, 0x8e, 0x38, 0x4e,
	0xf4, 0xbd, 0x2f, 0xbc, 0x73, 0x30, 0xb8, 0xbe, 0x55, 0xeb, 0x2d, 0x8d, 0xc1, 0x8a,
	0xaa, 0x51, 0xd6, 0x6a, 0x8e, 0xc1, 0xf8, 0xd3, 0x61, 0x9a, 0x25, 0x8d, 0xb0, 0xac,
	0x56, 0x95, 0x60, 0x15, 0xb7, 0xb4, 0x93, 0x7e, 0x9b, 0x8e, 0x6a, 0xa9, 0x57, 0xb3,
	0xdc, 0x02, 0x14, 0xd8, 0x03, 0xd7, 0x76, 0x60, 0xaa, 0xbc, 0x91, 0x30, 0x92, 0x97,
	0x1d, 0xa8, 0xf2, 0x07, 0x17, 0x1c, 0xe7, 0x84, 0x36, 0x08, 0x16, 0x2e, 0x2e, 0x75,
	0x9d, 0x8e, 0xfc, 0x25, 0xd8, 0xd0, 0x93, 0x69, 0x90, 0xaf, 0x63, 0xc8, 0x20, 0xba,
	0x87, 0xe8, 0xa9, 0x55, 0xb5, 0xc8, 0x27, 0x4e, 0xf7, 0xd1, 0x0f, 0x6f, 0xaf, 0xd0,
	0x46, 0x47, 0xfa, 0x67, 0x75, 0x57, 0x7a, 0x1a, 0x25, 0x0d, 0xcc, 0x2d, 0xf3, 0x7e,
	0x95, 0xe4, 0x6c, 0x4a,
};

static bool knows_the_answer(void *many)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	uint8_t sealed[sizeof(known_sealed)];
	struct sym_key key;
	struct aead_job job = { .in = (const uint8_t *)text, .out = sealed, .key = &key,
				.len = sizeof(text) - 1, .counter = UINT64_C(0x4746454443424140) };

	_Static_assert(sizeof(known_sealed) == sizeof(text) - 1 + AEAD_TAG, "one text");
	for (uint8_t i = 0; i < sizeof(key.b); i++)
		key.b[i] = (uint8_t)(0x80 + i);
	seal_with(many, &job, 1);
	return !memcmp(sealed, known_sealed, sizeof(sealed));
}

/* Three packets of that length at once, the one in the middle forged. */
static bool agrees(void *many, size_t len)
{
	uint8_t plain[CHECKED][LONGEST], sealed[CHECKED][LONGEST + AEAD_TAG];
	uint8_t other[LONGEST + AEAD_TAG];
	struct sym_key keys[CHECKED];
	struct aead_job jobs[CHECKED];
	bool good = true;

	for (unsigned i = 0; i < CHECKED; i++) {
		for (size_t k = 0; k < len; k++)
			plain[i][k] = (uint8_t)(k * 7 + i + len);
		memset(keys[i].b, (int)(len + 77 * i), sizeof(keys[i].b));
		jobs[i] = (struct aead_job){ .in = plain[i], .out = sealed[i], .len = len,
					     .counter = len << 20 | i, .key = &keys[i] };
	}
	seal_with(many, jobs, CHECKED);
	for (unsigned i = 0; i < CHECKED; i++) {
		aead_seal(other, plain[i], len, NULL, 0, jobs[i].counter, &keys[i]);
		good &= !memcmp(other, sealed[i], len + AEAD_TAG);
		jobs[i].in = sealed[i];
	}
	sealed[1][len + len % AEAD_TAG] ^= 1;
	open_with(many, jobs, CHECKED);
	for (unsigned i = 0; i < CHECKED; i++) {
		good &= jobs[i].ok == (i != 1);
		if (jobs[i].ok)
			good &= !memcmp(sealed[i], plain[i], len);
		else
			good &= ct_is_zero(sealed[i], len);
	}
	return good;
}

bool aead_batch_check(const struct crypto_contexts *c)
{
	const struct crypto_contexts *own = crypto_used();
	bool good;

	crypto_use(c);
	good = knows_the_answer(c->many);
	for (size_t len = 0; len <= LONGEST; len += len < 300 ? 1 : 61)
		good &= agrees(c->many, len);
	crypto_use(own);
	return good;
}
