/* rotation.h - a key pair that is to take the place of this machine's own.
 *
 * next.key is the new secret key, until identity.key holds it. A rotation is pending while next.key
 * and the statement of both keys are there; next.key alone is one that was cancelled, or cut off
 * before its statement was written.
 */
#ifndef CLI_ROTATION_H
#define CLI_ROTATION_H

#include "base/endpoint.h"
#include "cli/keys.h"
#include "identity/statement.h"

#define NEXT_KEY "next.key"
#define FORMER_KEY "former.key"

struct rotation {
	struct identity now;
	struct secret_key secret;        /* of `now` */
	bool has_next;
	struct public_key next;
	struct secret_key next_secret;
	bool pending;                    /* there is a statement, too */
	struct statement statement;
	bool is_switched;                /* next.key holds what identity.key holds already */
};

/* Reads all; the identity must be good. On a failure the line was printed and nothing is left. */
enum exit_code rotation_read(struct store *s, struct rotation *out);
/* Wipes the secrets. */
void rotation_close(struct rotation *r);

/* --finish: what is kept for a key over restarts, and its certificates, which lie in the place of
 * the main key's from now on (linux/store_orgs.h). 0, or negative errno with s->error. */
int rotation_carry_clock(struct store *s) must_check;
int rotation_carry_certificates(struct store *s, const struct public_key *key) must_check;
/* Orgs that gave another key of this machine a certificate, and this one none. */
unsigned rotation_orgs_missing(struct store *s, const struct public_key *key);

/* Two different keys that one key announced mean none. */
struct successors {
	unsigned count;                  /* of different keys; at most two are kept */
	struct statement first, second;
};
/* What lies in statements/ by that issuer. Negative errno with s->error. */
int successors_of(struct store *s, const struct public_key *issuer,
		  struct successors *out) must_check;

/* "IPv4, IPv6" of a key with the default prefix. */
#define ADDRESSES_TEXT (2 * IP_TEXT + 2)
void format_addresses(const struct public_key *key, char out[static ADDRESSES_TEXT]);

#endif
