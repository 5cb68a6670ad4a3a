/* Batches of packets, by each kind of processor that this machine can play. */
#include "crypto/aead_batch.h"

#include "base/rng.h"
#include "contexts.h"
#include "tap.h"

#include <string.h>

#define MOST 130u
#define LONGEST 4000u

static uint8_t plain[MOST][LONGEST], sealed[MOST][LONGEST + AEAD_TAG], out[MOST][LONGEST];
static struct sym_key keys[MOST];
static struct aead_job jobs[MOST];
static struct rng rng;

static void fill(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)rng_below(&rng, 256);
}

/* By libsodium. */
static void sodium_seal(uint8_t *to, const struct aead_job *j)
{
	uint8_t nonce[12] = { 0 };

	store_le64(nonce + 4, j->counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(to, NULL, j->in, j->len, NULL, 0, NULL, nonce,
						  j->key->b);
}

static void new_jobs(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		size_t len = rng_below(&rng, rng_below(&rng, 2) ? 100 : LONGEST + 1);

		fill(plain[i], len);
		fill(keys[i].b, sizeof(keys[i].b));
		jobs[i] = (struct aead_job){ .in = plain[i], .out = sealed[i], .len = len,
					     .counter = rng_u64(&rng), .key = &keys[i] };
	}
}

static void open_what_was_sealed(unsigned count)
{
	unsigned bent = (unsigned)rng_below(&rng, count);
	size_t byte = rng_below(&rng, jobs[bent].len + AEAD_TAG);

	sealed[bent][byte] ^= (uint8_t)(1u << rng_below(&rng, 8));
	for (unsigned i = 0; i < count; i++) {
		jobs[i].in = sealed[i];
		jobs[i].out = rng_below(&rng, 2) ? out[i] : sealed[i]; /* or in place */
		jobs[i].ok = i == bent;
	}
	aead_open_batch(jobs, count);
	for (unsigned i = 0; i < count; i++) {
		eq_int(jobs[i].ok, i != bent);
		if (jobs[i].ok)
			eq_mem(jobs[i].out, plain[i], jobs[i].len);
		else
			ok(ct_is_zero(jobs[i].out, jobs[i].len));
	}
}

static void agree(void)
{
	static uint8_t other[LONGEST + AEAD_TAG];

	rng_init(&rng, 7);
	aead_seal_batch(NULL, 0);
	aead_open_batch(NULL, 0);
	for (unsigned round = 0; round < 40; round++) {
		unsigned count = 1 + (unsigned)rng_below(&rng, MOST);

		new_jobs(count);
		aead_seal_batch(jobs, count);
		for (unsigned i = 0; i < count; i++) {
			sodium_seal(other, &jobs[i]);
			eq_mem(sealed[i], other, jobs[i].len + AEAD_TAG);
		}
		open_what_was_sealed(count);
	}
	ok(aead_batch_check(crypto_used()));
}

static void libcrypto_agrees_with_libsodium(void)
{
	test_crypto();
	eq_str(aead_name(), "libcrypto");
	agree();
}

static void every_processor_agrees_with_libsodium(void)
{
	for (int arch = 2; arch <= 5; arch++) {
		if (!test_crypto_many(arch)) {
			printf("# arch %d: not on this machine\n", arch);
			continue;
		}
		eq_str(aead_name(), "intel-ipsec-mb");
		agree();
	}
}

#if CRYPTO_IPSEC_MB

static IMB_JOB *(*honest)(IMB_MGR *);
static int wrong_at; /* a byte of the output; -1: the tag */

static IMB_JOB *bends(IMB_MGR *m)
{
	IMB_JOB *job = honest(m);

	if (job && wrong_at < 0)
		job->auth_tag_output[15] ^= 1;
	else if (job && job->msg_len_to_cipher_in_bytes > (uint64_t)wrong_at)
		job->dst[wrong_at] ^= 1;
	return job;
}

static void a_library_that_errs_is_found_out(void)
{
	struct crypto_contexts c;
	IMB_MGR *m;

	if (!test_crypto_many(0))
		return;
	c = *crypto_used();
	m = c.many;
	ok(aead_batch_check(&c));
	honest = m->submit_job_nocheck;
	m->submit_job_nocheck = bends;
	for (wrong_at = -1; wrong_at < 1200; wrong_at += 200)
		ok(!aead_batch_check(&c));
	m->submit_job_nocheck = honest;
	ok(aead_batch_check(&c));
	ok(crypto_used()->many == m);
}

#else

static void a_library_that_errs_is_found_out(void)
{
	ok(!test_crypto_many(0));
}

#endif

TAP_TESTS(T(libcrypto_agrees_with_libsodium), T(every_processor_agrees_with_libsodium),
	  T(a_library_that_errs_is_found_out))
