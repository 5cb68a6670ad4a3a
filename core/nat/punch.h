/* punch.h - a direct path to a member behind a NAT, with the help of a member that reaches both.
 *
 * DOC: how it goes
 *
 * Both ends have a path to some member R. One of them asks, the other answers, the first one says
 * "now"; R only hands on what is sealed between the two. Then both fire at the same moment: the
 * asker half a round trip (through R) after its "now", the other one when that comes.
 *
 *     A                       R                       B
 *     | ask ----------------->|---------------------->|
 *     |<----------------------|<--------------- answer|   where B is, how its NAT maps
 *     | now ----------------->|---------------------->|   where A is
 *     | openers, TTL 2, 3, 4                   openers|
 *     | probes ------------------------------->       |
 *     |        <------------------------------- probes|
 *
 * Openers first: they open the own NAT and die before the other's, which may give away the port
 * that a whole probe comes to (docs/nat.md, "The trap"). Only an answered probe makes a path.
 *
 * Birthday: when exactly one side is hard (another outside port for each destination), that side
 * sends openers from 256 more sockets, and the easy side probes random ports of its address, at
 * most 2048, 500 a second. Ports that are given in a row are tried first. The socket that was hit
 * stays open for as long as its path is used. Where both give ports in a row, each opens 25 sockets
 * towards the port that the other will have got to. All that goes only to the address at which the
 * member that hands on reaches the other side, for its own word might name anybody; and it is
 * limited by address.
 *
 * From the second attempt on both sides use a fresh socket, whose outside address R tells them:
 * whatever held the port of the main one is left behind.
 *
 * Messages, 173 bytes each, sealed between the two, docs/protocol.md "Punching":
 *   23 | step | flags | kind | asked 8 | answered 8 | count | 8 times (family, port, address)
 */
#ifndef NAT_PUNCH_H
#define NAT_PUNCH_H

#include "nat/path.h"

#define PUNCH_TYPE 0x23u
#define PUNCH_LEN 173u
#define PUNCH_SOCKETS 384u   /* extra ones, numbered from 1; those of a birthday and those kept */

enum punch_step { PUNCH_ASK = 1, PUNCH_ANSWER, PUNCH_NOW };
#define PUNCH_FRESH 1u       /* flags: with fresh sockets */
#define PUNCH_BIRTHDAY 2u    /* the sender takes part in a birthday; not in an ask */

struct punch_message {
	uint8_t step, flags;
	uint8_t kind;                /* enum nat_kind of the sender */
	uint8_t asked[8];            /* drawn by who asks */
	uint8_t answered[8];         /* drawn by who answers; zero in an ask */
	unsigned count;
	struct endpoint list[MAX_CANDIDATES];
};
/* Exactly one message; addresses are unicast, ports not 0, what is unused is zero. */
bool punch_decode(struct bytes message, struct punch_message *out) must_check;
void punch_encode(const struct punch_message *m, uint8_t out[static PUNCH_LEN]);

struct punches;

struct punches_config {
	uint32_t members;
	uint64_t seed;
	struct random *random;
	struct paths *paths;         /* the caller's, for as long as the room */
	bool birthday;               /* many ports and sockets may be used */
};

size_t punches_size(uint32_t members);
struct punches *punches_init(void *memory, const struct punches_config *config);

/* `first`: of the two it is we who ask, and the other one only when we did not. */
void punch_admit(struct punches *u, uint32_t slot, bool first);
void punch_forget(struct punches *u, uint32_t slot);
/* enum nat_kind of our own. */
void punch_set_self(struct punches *u, uint8_t kind);
/* What a member's record says: enum nat_kind, and where it is. What is new there has it tried again
 * at once, if that failed before. */
void punch_set_record(struct punches *u, uint32_t slot, uint8_t kind, const struct endpoint *list,
		      unsigned n, struct instant now);
/* Where we say that we are: what our record says. At most MAX_CANDIDATES. When it changes, all that
 * failed is tried again. */
void punch_set_own(struct punches *u, const struct endpoint *list, unsigned n, struct instant now);
/* There is no direct path to it, and somebody wants one. After failures it waits: 5, 15, 60, then
 * 300 s. */
void punch_wanted(struct punches *u, uint32_t slot, struct instant now);
/* There is a path: nothing more is to be done. */
void punch_up(struct punches *u, uint32_t slot, struct instant now);

/* Whether a message from `slot`, fresh, may be handed on to `to`: a burst of 16 for each sender,
 * then four a second; 100 a second in all. */
bool punch_may_pass(struct punches *u, uint32_t slot, uint32_t to, struct instant now);
/* Who handed a message on, and at which IPv4 address of the Internet he reaches its sender:
 * family 0 when at none. */
struct punch_via {
	uint32_t slot;
	struct ip sees;
};
/* A message that is authentically of `slot`, handed on by `via`. `epoch` is the sender's;
 * `knows_us`: it carried ours, without which only an ask is taken. */
void punch_input(struct punches *u, struct instant now, uint32_t slot,
		 const struct punch_via *via, struct bytes message, uint64_t epoch,
		 bool knows_us, struct outbox *out);
void punch_tick(struct punches *u, struct instant now, struct outbox *out);
struct instant punch_deadline(const struct punches *u);

/* A socket beside the main one, for somebody who is no member yet; 0: none is left. It is opened
 * before what follows in `out`. */
uint16_t punch_socket_lend(struct punches *u, struct outbox *out) must_check;
/* It is not needed any more: closed; or it has become the way to the member in `slot`, and stays
 * for as long as that path is used. UINT32_MAX: to nobody. */
void punch_socket_back(struct punches *u, uint16_t socket, uint32_t slot, struct instant now);

enum punch_state {
	PUNCH_IDLE,       /* not wanted, or there is a path */
	PUNCH_WAITS,      /* for the next attempt */
	PUNCH_RUNS,
	PUNCH_NOBODY,     /* no member has a path to us that could help */
	PUNCH_BOTH_HARD,  /* no port can be guessed on either side */
};
enum punch_state punch_state(const struct punches *u, uint32_t slot);

struct punch_counters {
	uint64_t asks_sent, asks_received, answers_received, runs, successes, birthdays;
	uint64_t passed, drop_malformed, drop_rate, drop_unasked;
	uint32_t sockets;            /* extra ones that are open */
};
const struct punch_counters *punch_counters(const struct punches *u);

#endif
