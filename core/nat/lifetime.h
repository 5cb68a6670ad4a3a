/* lifetime.h - how long the NAT in front of us keeps a mapping that nothing uses.
 *
 * A socket of its own speaks to a helper, twice with three seconds between (Linux keeps a flow of
 * both directions longer once it is that old), and is silent for some time. Then the helper is
 * asked by another way to send it one datagram: does that arrive, the mapping lives. Six lengths
 * of silence, the middle one first: each trial halves what is left. The mapping that carries
 * everything else is never left alone for that.
 *
 * Here is the search, without a datagram: the caller touches, knocks, and says what came. A trial
 * counts as failed only when the helper still answers afterwards.
 *
 * The helper is a member without a NAT, or a STUN server with RESPONSE-PORT (RFC 5780, 4.6).
 * Members' bytes, sealed (docs/protocol.md, "Lifetime of a mapping"):
 *   touch   2c | id 8 | zero     from the socket in question
 *   answer  2d | id 8            to where the touch came from, at once, and for each knock
 *   knock   2e | id 8 | zero     by the path of everything else
 * Touch and knock are so long that the answer to them is shorter.
 */
#ifndef NAT_LIFETIME_H
#define NAT_LIFETIME_H

#include "base/bug.h"
#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/instant.h"

#define LIFETIME_TRIALS 6u
/* Silence in seconds: two less than what NATs are set to. */
extern const uint16_t lifetime_silence_s[LIFETIME_TRIALS];

enum lifetime_do {
	LIFETIME_NOTHING,
	LIFETIME_FRESH,              /* close the socket, open another one, touch with it */
	LIFETIME_TOUCH,              /* once more, with the same one */
	LIFETIME_KNOCK,
};
enum lifetime_stage {
	LIFETIME_IDLE, LIFETIME_OPENING, LIFETIME_AGING, LIFETIME_CONFIRMING, LIFETIME_SILENT,
	LIFETIME_KNOCKING, LIFETIME_CHECKING,
};
struct lifetime {
	enum lifetime_stage stage;
	unsigned low, high;          /* trials below low came through; high and up not */
	unsigned trial;
	unsigned sends;
	struct instant next;         /* NEVER: nothing to do */
	bool fruitless;              /* the last measurement did not come to an end */
	bool known;                  /* one did before */
	uint16_t seconds;            /* it lives so long at least; 0: not even the shortest */
};

void lifetime_init(struct lifetime *l);
/* Begins a measurement, of silences up to `most_s` seconds; what was known stays so until the
 * end. */
void lifetime_begin(struct lifetime *l, uint16_t most_s, struct instant now);
void lifetime_abandon(struct lifetime *l);
/* What is to be done now; call it until it says nothing. When a measurement that was begun is over
 * it measures no more: `fruitless` says whether nothing came of it. */
enum lifetime_do lifetime_tick(struct lifetime *l, struct instant now) must_check;
/* The helper's answer came to the socket in question. */
void lifetime_heard(struct lifetime *l, struct instant now);
struct instant lifetime_deadline(const struct lifetime *l);
bool lifetime_measures(const struct lifetime *l);

/* How often something is to be sent so that mappings live: 0.6 of the lifetime, 5 to 120 s; 20 s
 * while it is not known. */
struct span lifetime_keepalive(const struct lifetime *l);

/* --- between members */

#define LIFETIME_ID 8u
#define LIFETIME_TYPE_TOUCH 0x2Cu
#define LIFETIME_TYPE_ANSWER 0x2Du
#define LIFETIME_TYPE_KNOCK 0x2Eu
#define LIFETIME_ASK_LEN 32u
#define LIFETIME_ANSWER_LEN 9u

void lifetime_encode(uint8_t type, const uint8_t id[static LIFETIME_ID],
		     uint8_t out[static LIFETIME_ASK_LEN]);
/* One whole message of the three. False: it is none. */
bool lifetime_decode(struct bytes message, uint8_t id[static LIFETIME_ID]) must_check;

/* The helper's side: where touches came from. One for each member, the one that was touched longest
 * ago gives way. */
#define LIFETIME_HELPED 64u
struct lifetime_help {
	struct lifetime_helped {
		uint32_t slot;
		struct endpoint at;      /* family 0: free */
		uint8_t id[LIFETIME_ID];
		struct instant touched;
		struct instant full;     /* bucket: answers */
	} list[LIFETIME_HELPED];
};
/* Whether a touch from there is to be answered there. */
bool lifetime_touched(struct lifetime_help *h, uint32_t slot, const struct endpoint *from,
		      const uint8_t id[static LIFETIME_ID], struct instant now);
/* Where the answer to a knock goes; false: nowhere. */
bool lifetime_knocked(struct lifetime_help *h, uint32_t slot, const uint8_t id[static LIFETIME_ID],
		      struct endpoint *to, struct instant now);
void lifetime_forget(struct lifetime_help *h, uint32_t slot);

#endif
