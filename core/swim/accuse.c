/* accuse.c - what makes an accusation count.
 *
 * Signed: context || be64(subject) || be64(sequence) || key of the accuser. The sequence binds it
 * to one record of the subject, so that its next record voids all accusations that there are.
 *
 * Admissible: on each ring a member is watched by the living member before it. An accusation
 * counts from the first WATCHERS living members before the subject on any ring, which is at most
 * 16 watchers a subject, and 16 subjects that one liar can hurt. Members under suspicion are not
 * counted as living: when many die at once, who watches next is already admitted. */
#include "swim/accuse.h"

#include "swim/member.h"
#include "swim/peer.h"
#include "swim/rings.h"
#include "swim/scope.h"

#include "identity/signed.h"

#include <string.h>

#define SMALL (TARGETS_ALL + 8u) /* views differ about who has 32 others, too */
#define CREDIT_S 600u
#define LIES_ALLOWED 5u

static const char context[] = "meshguard accusation v1";
#define WORDS (8u + 8u + 32u)

static struct bytes words(uint8_t out[static WORDS], uint64_t subject, uint64_t sequence,
			  const struct public_key *accuser)
{
	store_be64(out, subject);
	store_be64(out + 8, sequence);
	memcpy(out + 16, accuser->b, sizeof(accuser->b));
	return bytes_of(out, WORDS);
}

void accuse_sign(const struct swim *s, uint32_t subject, struct signature *out)
{
	uint8_t memory[WORDS];

	signed_make(out->b, context,
		    words(memory, slot_id(s, subject), slot_sequence(s, subject), &s->self.key),
		    s->secret);
}

bool accuse_verify(const struct swim *s, uint32_t accuser, const struct accusation *a)
{
	const struct public_key *key = &slot_identity(s, accuser)->key;
	uint8_t memory[WORDS];

	return signed_check(a->signature.b, context,
			    words(memory, a->subject, a->sequence, key), key);
}

bool accuse_small(const struct swim *s)
{
	return s->counters.alive <= SMALL;
}

bool accuse_admissible(struct swim *s, uint32_t accuser, uint32_t subject)
{
	if (subject != s->cap && accuser != s->cap && scope_lacks(s, subject, accuser))
		return false;
	return accuse_small(s) || rings_rank(s, accuser, subject, WATCHERS) != 0;
}

void accuse_was_right(struct swim *s, uint32_t accuser, bool right)
{
	struct peer *p;

	if (accuser == s->cap)
		return;
	p = peer_of(s, accuser);
	if (instant_since(s->now, p->credit_since).ns > span_s(CREDIT_S).ns) {
		p->credit_since = s->now;
		p->was_right = p->was_wrong = 0;
	}
	if (right && p->was_right < UINT8_MAX)
		p->was_right++;
	if (!right && p->was_wrong < UINT8_MAX)
		p->was_wrong++;
}

bool accuse_believed(const struct swim *s, uint32_t accuser)
{
	const struct peer *p = peer_seen(s, accuser);
	unsigned all = p->was_right + p->was_wrong;

	return p->was_wrong <= LIES_ALLOWED || 5u * p->was_right >= all
	       || instant_since(s->now, p->credit_since).ns > span_s(CREDIT_S).ns;
}
