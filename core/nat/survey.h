/* survey.h - what the NAT in front of this host does: how it maps, what it lets in, whether it
 * turns back what is sent to itself. RFC 5780, sections 4.3 and 4.4, by a server that has two
 * addresses and two ports; as far as two servers with one address each can tell, without.
 *
 * Two sockets that carry nothing else: A is seen by all servers, and speaks to both addresses of
 * one; B speaks to one address alone, so that what the other one sends was not asked for. No
 * datagram of a survey touches the mapping of another socket.
 *
 * What servers say is believed as in stun_client.h: it comes from where it must, with the id of
 * the question, and names an address of the Internet. A server that lies makes a wrong report.
 */
#ifndef NAT_SURVEY_H
#define NAT_SURVEY_H

#include "base/instant.h"
#include "base/outbox.h"
#include "crypto/random.h"
#include "nat/stun.h"

#define SURVEY_SERVERS 8u
#define SURVEY_A 1u              /* endpoint.socket of what goes out and comes in */
#define SURVEY_B 2u
#define SURVEY_QUESTIONS 14u

enum survey_mapping {
	SURVEY_MAPPING_UNKNOWN,
	SURVEY_NO_NAT,               /* what servers see is an address of this host */
	SURVEY_INDEPENDENT,          /* one outside port for all (RFC 4787, 4.1) */
	SURVEY_ADDRESS,              /* one for each address */
	SURVEY_ADDRESS_AND_PORT,     /* one for each address and port */
	SURVEY_DEPENDENT,            /* one of the last two: there was no server to tell which */
	SURVEY_MAPPINGS,
};
enum survey_filtering {
	SURVEY_FILTERING_UNKNOWN,    /* no server with two addresses */
	SURVEY_LETS_ALL,             /* endpoint-independent (RFC 4787, 5) */
	SURVEY_LETS_ADDRESS,
	SURVEY_LETS_ADDRESS_AND_PORT,
	SURVEY_FILTERINGS,
};
enum survey_hairpin { SURVEY_HAIRPIN_UNKNOWN, SURVEY_HAIRPIN_NO, SURVEY_HAIRPIN_YES };

/* In the order of survey.c: servers, then those of the tests. */
struct survey_question {
	bool asked, answered;
	uint8_t sends;
	struct stun_wish wish;
	struct endpoint to;          /* socket set */
	struct endpoint answers;     /* where the answer must come from */
	uint8_t id[STUN_ID];
	struct instant sent, next;
	struct endpoint mapped, other;
	struct span rtt;             /* of a request that was not repeated; 0: unknown */
};

struct survey {
	struct random *random;
	struct ip own[16];           /* of this host */
	unsigned own_count, servers;
	struct survey_question q[SURVEY_QUESTIONS];
	unsigned with_other;         /* the server with two addresses; SURVEY_QUESTIONS: none */
	unsigned round;              /* 0: all servers; 1: the tests; 2: done */
	bool hairpin;                /* the datagram from B came to A */
	struct instant until;        /* of this round */
};

void survey_init(struct survey *s, struct random *random, const struct ip *own, unsigned own_count);
/* Before the first tick. Beyond SURVEY_SERVERS, and without a port, nothing happens. */
void survey_add(struct survey *s, const struct endpoint *server);
/* `from` says by its socket where it came to. */
void survey_input(struct survey *s, struct instant now, const struct endpoint *from,
		  struct bytes datagram);
/* At most SURVEY_QUESTIONS items. */
void survey_tick(struct survey *s, struct instant now, struct outbox *out);
/* INSTANT_NEVER when it is over; seven seconds at the most after the first tick. */
struct instant survey_deadline(const struct survey *s);
bool survey_done(const struct survey *s);

/* When it is over. */
enum survey_mapping survey_mapping(const struct survey *s);
enum survey_filtering survey_filtering(const struct survey *s);
enum survey_hairpin survey_hairpin(const struct survey *s);
/* What a server saw A as, of that family; family 0: none answered. */
struct endpoint survey_seen(const struct survey *s, enum family family);
/* A server that can answer from elsewhere; family 0: none of them. */
struct endpoint survey_helper(const struct survey *s);

#endif
