/* record_share.h - one copy of each record for all nodes of a simulation: the seam swim_store. */
#ifndef TEST_RECORD_SHARE_H
#define TEST_RECORD_SHARE_H

#include "tap.h"

#include "crypto/hash.h"
#include "swim/swim.h"

#include <stdlib.h>
#include <string.h>

#define SHARE_PLACES (1u << 18) /* a power of two; at most half of them are taken */

struct record_share {
	struct record_kept **place; /* by hash of the bytes, the next free one after it */
	uint32_t count;
};

static inline const struct record_kept *record_share_keep(void *ctx, const struct record *record)
{
	static const uint8_t key[16] = "not a secret";
	struct record_share *share = ctx;
	uint64_t at = siphash(key, record->wire, record->len);
	struct record_kept *kept;

	for (;; at++) {
		kept = share->place[at % SHARE_PLACES];
		if (!kept)
			break;
		if (kept->len == record->len && !memcmp(kept->wire, record->wire, kept->len))
			return kept;
	}
	if (++share->count > SHARE_PLACES / 2) {
		puts("Bail out! too many records");
		exit(1);
	}
	kept = malloc(sizeof(*kept));
	record_keep(record, kept);
	share->place[at % SHARE_PLACES] = kept;
	return kept;
}

static inline void record_share_init(struct record_share *share)
{
	*share = (struct record_share){ .place = calloc(SHARE_PLACES, sizeof(*share->place)) };
}

/* Also of one that was never begun. */
static inline void record_share_free(struct record_share *share)
{
	for (uint32_t i = 0; share->place && i < SHARE_PLACES; i++)
		free(share->place[i]);
	free(share->place);
}

#endif
