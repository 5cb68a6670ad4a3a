/* introduce.h - first contact of two nodes that have never heard of each other's keys: because
 * both know one org, because both are open, or because one has a token of the other (design,
 * section 4, "First contact through an org, a token or --open").
 *
 *   E2 hello          initiator: a fresh ephemeral key, and a tag for each mark that it has
 *   E3 welcome        responder: an ephemeral key, a cookie for the address, tags of common marks
 *   E4 introduction   initiator: its key, its papers, a signature over the exchange
 *   E5 accept         responder: the same, if its node says so
 *
 * A mark is the key of an org, or one that stands for "open". It is no secret: who has it can ask
 * for who else has it, and nobody else can, nor get a welcome, nor pretend to have sent one. The
 * responder keeps nothing of a stranger until the signature of an introduction was good. Each
 * side's key and papers are sealed under both ephemeral keys.
 *
 * The mark of a token is a secret of two. Who made it answers whoever knows it, and the accept
 * tells how his node takes it; who joins by it asks where the token says, by this mark alone. A
 * hello from its maker tells a joiner that the way is open now: he asks there at once.
 *
 * This room says who somebody is and what orgs say of him. Whether he is admitted is the question
 * of core/identity/trust, asked by the node. Bytes: docs/protocol.md, "First contact".
 */
#ifndef ORG_INTRODUCE_H
#define ORG_INTRODUCE_H

#include "base/instant.h"
#include "base/limits.h"
#include "base/outbox.h"
#include "crypto/random.h"
#include "identity/certificate.h"
#include "identity/statement.h"
#include "identity/token.h"

#define INTRODUCE_FIRST_BYTE 0xE2u
#define INTRODUCE_LAST_BYTE 0xE5u
#define INTRODUCE_MARKS 80u      /* of one node, open among them */
#define INTRODUCE_MATCHES 8u     /* common marks that are named at most */
#define INTRODUCE_PAPERS 8u      /* of each kind that a node has; in one datagram as many fit */
#define INTRODUCE_TARGETS 128u
#define INTRODUCE_TOKENS 48u

struct introductions;

struct introduce_config {
	struct random *random;
	uint8_t hash_key[16];
	const struct secret_key *secret;
	const struct public_key *public;
};

/* Memory: introduce_size() bytes, zeroed, aligned for uint64_t; it holds secrets. `random` and
 * `secret` must stay, the rest of the configuration is copied; the public key must be valid
 * (BUG). */
size_t introduce_size(void);
struct introductions *introduce_init(void *memory, const struct introduce_config *config);
void introduce_wipe(struct introductions *x); /* all of it; it must be made anew */

/* The orgs that this node asks for and answers for, the most wanted first: those that it trusts and
 * those whose papers it has, and whether it is open. Without any it sends nothing and answers
 * nobody. Those beyond INTRODUCE_MARKS are left out. If the set is another than before, all targets
 * that are not known are asked anew. */
void introduce_marks(struct introductions *x, const struct public_key *orgs, unsigned count,
		     bool open, struct instant now);
/* What is shown to who knows their org, the most wanted first: certificates, then vouches. Copied.
 * What is not about our own key, no vouch, or beyond INTRODUCE_PAPERS of its kind is left out.
 * Others than before: as with marks. */
void introduce_papers(struct introductions *x, const struct certificate *certificates, unsigned n,
		      const struct statement *statements, unsigned m, struct instant now);

struct introduce_token {
	uint8_t id[TOKEN_ID];
	struct sym_key mark;
	bool joining;                  /* we have it from its maker; else it is ours */
	bool bell;                     /* the mark is token_bell's: who says hello by it is told by
	                                  introduce_rung, and gets no answer; joining: we ring, and
	                                  no answer is taken */
};
/* Those that are in use, at most INTRODUCE_TOKENS (BUG); targets of others are forgotten. */
void introduce_tokens(struct introductions *x, const struct introduce_token *list, unsigned count);
/* Somebody of that token (in use, else nothing happens) may be there: asked at once and then every
 * second. hops: how far a hello goes, to open the way out without reaching anybody, the next one
 * and the one after that a hop farther each; 0: to him. Of our own token: he is told that the way
 * is open, five times a second, until he comes. One that is there already gets these hops. True: it
 * is a new one. */
bool introduce_token_target(struct introductions *x, const uint8_t id[static TOKEN_ID],
			    const struct endpoint *to, uint8_t hops, struct instant now);
/* One that we join by, from another socket of ours, as far as it goes: whether who made it lets in
 * whom he did not call. A welcome there has the target itself asked so far, too. It takes no port
 * away at a NAT that drops nothing (docs/nat.md, "The trap"): that flow is another one. */
void introduce_token_scout(struct introductions *x, const uint8_t id[static TOKEN_ID],
			   const struct endpoint *to, uint16_t socket, struct instant now);
/* Somebody of that token is at an address, and nobody knows at which port: hellos to random ones,
 * `rate` a second, `most` in all. Where one is answered is a target like others. One that is there
 * goes on. */
void introduce_token_search(struct introductions *x, const uint8_t id[static TOKEN_ID],
			    const struct ip *ip, unsigned rate, unsigned most,
			    struct instant now);

/* Somebody rang a bell that is not ours to answer: takes the next one, false when there is none. At
 * most eight wait. */
bool introduce_rung(struct introductions *x, uint8_t id[static TOKEN_ID], struct endpoint *from);

/* An address to ask, at once and then with backoff. One that is there stays as it is. False: there
 * is no room, or it can be nobody's address. */
bool introduce_add_target(struct introductions *x, const struct endpoint *to, struct instant now);
/* Somebody was met there: it is not asked any more. Nothing, if it is no target. */
void introduce_target_known(struct introductions *x, const struct endpoint *to);
/* And is met no more: it is asked anew. */
void introduce_target_lost(struct introductions *x, const struct endpoint *to, struct instant now);

/* Somebody whose key is proved, and whose papers are verified and about that key. */
struct introduced {
	struct public_key key;         /* never ours */
	struct dh_public twin;         /* its X25519 twin; never ours */
	struct endpoint from;
	bool initiator;                /* we began, and this is the accept */
	bool open;                     /* both are open */
	bool token;                    /* by a token, and by nothing else */
	uint8_t token_id[TOKEN_ID];
	enum token_verdict verdict; /* of its maker, where we began; else to be set before
	                                  introduce_accept */
	uint8_t org_count;             /* other common marks */
	uint8_t certificate_count, statement_count;
	struct public_key orgs[INTRODUCE_MATCHES];
	struct certificate certificates[INTRODUCE_PAPERS];
	struct statement statements[INTRODUCE_PAPERS]; /* vouches */
	struct introduced_answer {     /* for introduce_accept; secret: wipe it with the rest */
		bool possible;
		struct dh_public theirs, ours;
		struct sym_key key;
	} answer;
};

/* A datagram whose first byte is E2 to E5. True: *who is filled in; else it is worth nothing.
 * At most one datagram goes out, of MAX_DATAGRAM at most, and never one that is longer than what
 * came. */
bool introduce_input(struct introductions *x, struct instant now, const struct endpoint *from,
		     struct bytes datagram, struct introduced *who, struct outbox *out) must_check;
/* The node admits who introduced himself: he is told who we are. Wipes the answer; a second time
 * and for an accept, it does nothing. */
void introduce_accept(struct introductions *x, struct introduced *who, struct outbox *out);
/* Asks targets, as many as there is room for, and forgets secrets whose time is over. */
void introduce_tick(struct introductions *x, struct instant now, struct outbox *out);
struct instant introduce_deadline(const struct introductions *x);

/* Each datagram that came in is in exactly one of received and dropped. */
struct introduce_counters {
	uint64_t hellos_sent, welcomes_sent, introductions_sent, accepts_sent;
	uint64_t hellos_received, welcomes_received, introductions_received, accepts_received;
	uint64_t drop_malformed;
	uint64_t drop_no_match;        /* no common mark */
	uint64_t drop_unasked;         /* a welcome or accept that answers nothing of ours */
	uint64_t drop_own;             /* our own hello, our own key */
	uint64_t drop_rate;
	uint64_t drop_cookie;          /* not for this address, or too old */
	uint64_t drop_replayed;
	uint64_t drop_forged;          /* does not open, or a bad signature */
	uint64_t drop_papers;          /* not verified, or about another key */
	uint64_t drop_no_room;         /* in the outbox */
};
const struct introduce_counters *introduce_counters(const struct introductions *x);

#endif
