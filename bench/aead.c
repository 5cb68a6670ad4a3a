/* What sealing and opening a packet costs: libcrypto one by one, and batches by the library that
 * the data plane uses. `make bench-aead`. Best of several runs, CPU time; in brackets the ratio. */
#include "contexts.h"
#include "crypto/aead_batch.h"

#include <string.h>
#include <time.h>

#define BATCH 32u
#define RUNS 9u

static uint8_t plain[BATCH][8192], sealed[BATCH][8192 + AEAD_TAG];
static struct sym_key keys[BATCH];

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum how { SEAL_ONE, OPEN_ONE, SEAL_BATCH, OPEN_BATCH };

static void once(enum how how, size_t len, unsigned together)
{
	struct aead_job jobs[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		if (how == SEAL_ONE)
			aead_seal(sealed[i], plain[i], len, NULL, 0, i, &keys[i]);
		if (how == OPEN_ONE && !aead_open(plain[i], sealed[i], len + AEAD_TAG, NULL, 0, i,
						  &keys[i]))
			abort();
		jobs[i] = (struct aead_job){ .in = how == SEAL_BATCH ? plain[i] : sealed[i],
			.out = how == SEAL_BATCH ? sealed[i] : plain[i], .len = len, .counter = i,
			.key = &keys[i] };
	}
	for (unsigned i = 0; i < BATCH; i += together) {
		if (how == SEAL_BATCH)
			aead_seal_batch(jobs + i, together);
		if (how != OPEN_BATCH)
			continue;
		aead_open_batch(jobs + i, together);
		for (unsigned k = i; k < i + together; k++)
			if (!jobs[k].ok)
				abort();
	}
}

static double best_ns(enum how how, size_t len, unsigned together)
{
	double best = 1e18;

	for (unsigned r = 0; r < RUNS; r++) {
		double from = seconds();

		for (unsigned i = 0; i < 200; i++)
			once(how, len, together);
		from = (seconds() - from) / (200 * BATCH) * 1e9;
		best = from < best ? from : best;
	}
	return best;
}

int main(void)
{
	static const size_t sizes[] = { 64, 576, 1420, 8192 };

	test_crypto();
	test_crypto_many(0);
	memset(keys, 7, sizeof(keys));
	printf("ns a packet, batches by %s\n%6s %34s %34s\n", aead_name(), "bytes",
	       "seal: one by one, 1, 32", "open: one by one, 1, 32");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		double ns[6] = {
			best_ns(SEAL_ONE, sizes[i], 1), best_ns(SEAL_BATCH, sizes[i], 1),
			best_ns(SEAL_BATCH, sizes[i], BATCH), best_ns(OPEN_ONE, sizes[i], 1),
			best_ns(OPEN_BATCH, sizes[i], 1), best_ns(OPEN_BATCH, sizes[i], BATCH),
		};

		printf("%6zu", sizes[i]);
		for (unsigned k = 0; k < 6; k++)
			printf(" %6.0f (%.2f)", ns[k], ns[k] / ns[k / 3 * 3]);
		puts("");
	}
	return 0;
}
