/* relayed.h - the channels that this node has at relays: what relay.h offers, from the other side.
 *
 * A channel leads to one peer by way of one relay. It is asked for (open), offered, bound, and
 * then an address of that peer like any other, which the path manager probes. Offers that were
 * not asked for are taken up, too: the peer asked for them. The table has RELAYED_MAX channels; the
 * one that was silent longest gives way, if that is half a minute.
 */
#ifndef NAT_RELAYED_H
#define NAT_RELAYED_H

#include "nat/relay.h"

#define RELAYED_MAX 512u
#define RELAYED_NONE UINT32_MAX

struct relayed;

size_t relayed_size(void);
/* Memory zeroed, aligned for uint64_t. */
struct relayed *relayed_init(void *memory, const uint8_t hash_key[static 16]);

/* Asks the relay, at its direct address, for a channel to the peer; asks again for one that is
 * there, which binds it to the address that we have now. */
void relayed_ask(struct relayed *r, struct instant now, uint32_t peer,
		 const struct public_key *key, const struct relay_end *relay, struct outbox *out);
/* A fresh offer of the relay for a channel to the peer, whom we admit: binds it. */
void relayed_offered(struct relayed *r, struct instant now, uint32_t peer,
		     const struct relay_end *relay, const struct relay_message *m,
		     struct outbox *out);
/* A fresh bound. True: frames pass now; *at: where the peer is, by this relay. */
bool relayed_bound(struct relayed *r, struct instant now, uint32_t peer,
		   const struct relay_end *relay, const struct relay_message *m,
		   struct endpoint *at) must_check;
/* The peer that a frame came from, by the address of its relay and its channel; RELAYED_NONE: no
 * channel of ours. */
uint32_t relayed_frame(struct relayed *r, struct instant now, const struct endpoint *from);
/* The relay that the channel is of; RELAYED_NONE: gone. */
uint32_t relayed_relay(const struct relayed *r, const struct endpoint *at);
/* Whether frames to the peer pass through that relay, or it was just asked. */
bool relayed_has(const struct relayed *r, uint32_t peer, uint32_t relay);
/* The channels by number; false: there are not so many. */
bool relayed_nth(const struct relayed *r, uint32_t nth, uint32_t *peer, uint32_t *relay);
/* Whether frames pass through that one: the relay says so, and the peer answered by it, or it is
 * not older than three seconds. */
bool relayed_works(const struct relayed *r, uint32_t nth, struct instant now);
/* Those to that peer go, if they are so old. */
void relayed_release(struct relayed *r, uint32_t peer, struct span age, struct instant now);
/* The peer answered by that channel. */
void relayed_proved(struct relayed *r, const struct endpoint *at);
/* The peer that the channel leads to; RELAYED_NONE: gone. */
uint32_t relayed_peer(const struct relayed *r, const struct endpoint *at);
/* Of a peer or relay that is not admitted any more. */
void relayed_forget(struct relayed *r, uint32_t slot);
/* Asks once more for what was not answered, and drops what is of no use. */
void relayed_tick(struct relayed *r, struct instant now, struct outbox *out);
struct instant relayed_deadline(const struct relayed *r);

enum relayed_fact_kind {
	RELAYED_FACT_REFUSED,  /* or no answer: another relay is to be asked */
	RELAYED_FACT_GONE,     /* the channel is no more; `at` */
};
struct relayed_fact {
	enum relayed_fact_kind kind;
	uint32_t peer, relay;
	struct endpoint at;
};
bool relayed_next_fact(struct relayed *r, struct relayed_fact *out);

struct relayed_counters {
	uint64_t asked, offered, bound, refused;
	uint64_t drop_full, drop_channel;
};
const struct relayed_counters *relayed_counters(const struct relayed *r);
uint32_t relayed_channels(const struct relayed *r);

#endif
