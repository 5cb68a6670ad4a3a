/* priv_trust.h - the trust store on its way to the node process: whom the owner lets in, and keeps
 * out, and what orgs signed.
 *
 * Watches the directory, reads all of it after a change, and gives it out message by message as
 * fast as the channel takes them, if it is not as it was told. A change that comes while an older
 * state is on its way is read when that is through.
 *
 * Where not all can be read that keeps others out (denials, revocations), the node is told so, and
 * of no org: nobody comes in because of a file that is missing. A trusted key whose successor is
 * trusted, too, is not told once their overlap is over (linux/priv_former.h).
 */
#ifndef LINUX_PRIV_TRUST_H
#define LINUX_PRIV_TRUST_H

#include "base/instant.h"
#include "identity/trust.h"
#include "linux/priv.h"
#include "linux/priv_keys.h"
#include "linux/priv_second.h"
#include "linux/priv_statements.h"
#include "linux/priv_watch.h"

enum trust_phase {
	TRUST_IDLE, TRUST_READING, TRUST_AT_SECOND, TRUST_AT_BEGIN, TRUST_AT_DENIALS,
	TRUST_AT_CLOSED, TRUST_AT_ORGS, TRUST_AT_STATEMENTS, TRUST_AT_CERTIFICATES, TRUST_AT_KEYS,
	TRUST_AT_END,
};

/* This node's certificates, of both its keys, of one reading. */
struct own_certificates {
	uint32_t count;
	struct own_certificate {
		uint32_t len;
		uint8_t wire[MAX_CERTIFICATE];
	} list[2 * TRUST_ORGS];
};

struct trust_feed {
	struct store *store;
	struct public_key own;      /* the main key */
	struct second_feed second;  /* the caller may give it a place for its secret */
	struct watch watch;         /* watch_changed: for the owner of the feed */
	uid_t owner;                /* of the store when it was read */
	enum trust_phase phase;
	uint32_t next;              /* of the phase's list */
	bool again;                 /* to be told even as it was told */
	bool told;                  /* something was, once at least */
	struct trust_verdict {
		bool unreadable;    /* there are no keys to be read: nobody is trusted */
		bool closed;        /* orgs and --open let nobody in */
		uint32_t unusable;
		uint32_t ended;     /* keys */
	} now, before;
	struct instant ends;        /* when more keys may have ended */
	struct key_folder keys, denials, orgs;
	struct statement_folder statements;
	struct own_certificates certificates, certificates_before;
	struct unusable unusable;
};

/* The store is borrowed; own: this node's key. A second key is told before all else (PRIV_SECOND).
 * The first state is due at once. */
void trust_feed_open(struct trust_feed *f, struct store *store, const struct public_key *own,
		     struct instant now);
void trust_feed_close(struct trust_feed *f);
/* All is to be read and told again, changed or not. */
void trust_feed_reload(struct trust_feed *f, struct instant now);
/* PRIV_SAVE_STATEMENT: statement_folder_save; -EIO while it is not known which orgs are trusted.
 * What is kept so is not told: the node has it. */
int trust_feed_save(struct trust_feed *f, const struct priv_message *m) must_check;

struct instant trust_feed_deadline(const struct trust_feed *f);
void trust_feed_tick(struct trust_feed *f, struct instant now);
/* The next message, the same until trust_feed_sent; false when there is none. */
bool trust_feed_next(const struct trust_feed *f, struct priv_message *m);
void trust_feed_sent(struct trust_feed *f);

#endif
