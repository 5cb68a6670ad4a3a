/* Batches of packets against libsodium. The input is a script: of each job its length, counter, key
 * and what of it is bent; the architecture is the first byte's. */
#include "contexts.h"

#include "base/cursor.h"
#include "crypto/aead_batch.h"

#include <string.h>

#define JOBS 80u
#define ROOM (AEAD_BATCH_LONGEST + AEAD_TAG)

static uint8_t *plain[JOBS], *sealed[JOBS], *other;
static struct sym_key keys[JOBS];
static struct aead_job jobs[JOBS];
static const struct crypto_contexts *by_arch[6];

static void start(void)
{
	if (other)
		return;
	test_crypto();
	for (unsigned i = 0; i < 6; i++)
		by_arch[i] = crypto_used();
	other = malloc(ROOM);
	for (unsigned i = 0; i < JOBS; i++) {
		plain[i] = malloc(ROOM);
		sealed[i] = malloc(ROOM);
	}
	test_crypto_many(0);
	by_arch[5] = crypto_used();
}

static void sodium_seal(uint8_t *to, const uint8_t *in, const struct aead_job *j)
{
	uint8_t nonce[12] = { 0 };

	store_le64(nonce + 4, j->counter);
	BUG_ON(crypto_aead_chacha20poly1305_ietf_encrypt(to, NULL, in, j->len, NULL, 0, NULL,
							 nonce, j->key->b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor r = cur_of(data, size);
	bool bent[JOBS] = { false };
	size_t at[JOBS], total = 0;
	uint32_t count = 0;

	start();
	crypto_use(by_arch[cur_u8(&r) % 2 ? 5 : 0]);
	while (count < JOBS && cur_left(&r) >= 13) {
		struct aead_job *j = &jobs[count];
		uint8_t how = cur_u8(&r);
		size_t len = cur_be16(&r);

		if (how & 1)
			len %= 300;
		if (total + len > 300000)
			break;
		total += len;
		memset(keys[count].b, cur_u8(&r), sizeof(keys[count].b));
		*j = (struct aead_job){ .in = plain[count], .out = sealed[count], .len = len,
					.counter = cur_be64(&r), .key = &keys[count] };
		for (size_t k = 0; k < len; k++)
			plain[count][k] = (uint8_t)(k * how + k / 251);
		bent[count] = how & 2;
		at[count] = (size_t)j->counter % (len + AEAD_TAG);
		if (how & 4) { /* in place */
			memcpy(sealed[count], plain[count], len);
			j->in = sealed[count];
		}
		(void)cur_u8(&r);
		count++;
	}
	aead_seal_batch(jobs, count);
	for (uint32_t i = 0; i < count; i++) {
		sodium_seal(other, plain[i], &jobs[i]);
		BUG_ON(memcmp(other, sealed[i], jobs[i].len + AEAD_TAG));
		sealed[i][at[i]] ^= bent[i];
		jobs[i].in = jobs[i].out = sealed[i];
	}
	aead_open_batch(jobs, count);
	for (uint32_t i = 0; i < count; i++) {
		BUG_ON(jobs[i].ok == bent[i]);
		if (bent[i])
			BUG_ON(!ct_is_zero(sealed[i], jobs[i].len));
		else
			BUG_ON(memcmp(sealed[i], plain[i], jobs[i].len));
	}
	return 0;
}
