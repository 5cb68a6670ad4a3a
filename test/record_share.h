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
	struct swim_record *records;
	uint32_t *place;       /* index plus 1, by hash of the bytes; the next free one after it */
	uint32_t count;
};

static inline uint32_t record_share_keep(void *ctx, const struct record *record)
{
	static const uint8_t key[16] = "not a secret";
	struct record_share *share = ctx;
	uint64_t at = siphash(key, record->wire, record->len);
	struct swim_record *r;

	for (;; at++) {
		uint32_t index = share->place[at % SHARE_PLACES];

		if (!index)
			break;
		r = &share->records[index - 1];
		if (r->kept.len == record->len && !memcmp(r->kept.wire, record->wire, record->len))
			return index - 1;
	}
	if (share->count == SHARE_PLACES / 2) {
		puts("Bail out! too many records");
		exit(1);
	}
	r = &share->records[share->count++];
	r->sequence = record->body.sequence;
	record_keep(record, &r->kept);
	share->place[at % SHARE_PLACES] = share->count;
	return share->count - 1;
}

static inline void record_share_init(struct record_share *share)
{
	share->records = calloc(SHARE_PLACES / 2, sizeof(*share->records));
	share->place = calloc(SHARE_PLACES, sizeof(*share->place));
	share->count = 0;
}

/* Also of one that was never begun. */
static inline void record_share_free(struct record_share *share)
{
	free(share->records);
	free(share->place);
}

#endif
