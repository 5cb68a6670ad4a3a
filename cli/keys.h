/* keys.h - the identity and the trusted keys as they lie in the configuration directory. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "base/bytes.h"
#include "base/limits.h"
#include "linux/store.h"

#define IDENTITY_KEY "identity.key"
#define IDENTITY_PUB "identity.pub"
#define TRUST_FOLDER "authorized_keys"
#define MAX_KEY_TEXT 256u  /* bytes of a file with one key that we read at most */
#define TRUST_FILE (sizeof(TRUST_FOLDER) + MAX_NAME + sizeof("/.pub"))

enum identity_state { IDENTITY_NONE, IDENTITY_UNUSABLE, IDENTITY_GOOD };

struct identity {
	enum identity_state state;
	struct public_key key;     /* GOOD: derived from the secret key */
	bool lacks_public;         /* GOOD, but there is no identity.pub */
	char problem[PATH_MAX + 256];
};

/* Reads both files and checks one against the other; the secret is wiped. s->dir may be -1. */
void read_identity(struct store *s, struct identity *out);

struct trusted {
	char name[NAME_MAX + 1];   /* of the file, without .pub */
	bool good;
	struct public_key key;
	char problem[PATH_MAX + 256]; /* not good: why */
};

/* Calls fn for each authorized_keys/NAME.pub by name, usable or not; stops at the first non-zero
 * and returns it. Negative errno with s->error when the folder cannot be read. */
int each_trusted(struct store *s, int (*fn)(void *ctx, const struct trusted *t), void *ctx);

/* "authorized_keys/NAME.pub" */
void trust_file(char out[static TRUST_FILE], const char *name);

/* P and -P have one X25519 key, so a tunnel could not tell them apart (design, section 3): all bits
 * but the sign are equal. */
bool keys_are_twins(const struct public_key *a, const struct public_key *b);

#endif
