/* keys.h - key pairs and trusted keys as they lie in the configuration directory. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "base/bytes.h"
#include "base/limits.h"
#include "cli/command.h"

#define IDENTITY_KEY "identity.key"
#define IDENTITY_PUB "identity.pub"
#define ORG_KEY "org/org.key"
#define ORG_PUB "org/org.pub"
#define TRUST_FOLDER "authorized_keys"
#define ORGS_FOLDER "trusted_orgs"
#define DENIED_FOLDER "denied_keys"
#define MAX_KEY_TEXT 256u  /* bytes of a file with one key that we read at most */
#define TRUST_FILE (sizeof(TRUST_FOLDER) + MAX_NAME + sizeof("/.pub"))

/* The two files of a key pair: IDENTITY or ORG. */
struct pair_files {
	const char *secret, *public;
};
extern const struct pair_files identity_files, org_files;

/* Makes a pair, or, with force, makes another one in the place of that which is there; prints the
 * line of an error. On a failure both files are as they were. The public half is written first and
 * the secret one last: the step that destroys an old secret is the last one. Without force the
 * public file is also the lock: of two makers at once one finds it there. */
enum exit_code make_pair(struct store *s, const struct pair_files *files, bool force,
			 struct public_key *public);

enum identity_state { IDENTITY_NONE, IDENTITY_UNUSABLE, IDENTITY_GOOD };

struct identity {
	enum identity_state state;
	struct public_key key;     /* GOOD: derived from the secret key */
	bool lacks_public;         /* GOOD, but there is no public file */
	char problem[PATH_MAX + 512];
};

/* Reads both files and checks one against the other; s->dir may be -1. Of a good pair the secret
 * goes to *secret, to be wiped, unless that is NULL. */
void read_pair(struct store *s, const struct pair_files *files, struct identity *out,
	       struct secret_key *secret);
/* The same for the identity, without the secret. */
void read_identity(struct store *s, struct identity *out);

struct trusted {
	char name[NAME_MAX + 1];   /* of the file, without .pub */
	bool good;
	struct public_key key;
	char problem[PATH_MAX + 256]; /* not good: why */
};

/* Calls fn for each FOLDER/NAME.pub by name, usable or not; stops at the first non-zero and returns
 * it. Negative errno with s->error when the folder cannot be read. */
int each_trusted(struct store *s, const char *folder,
		 int (*fn)(void *ctx, const struct trusted *t), void *ctx);
/* The name of the first file in the folder that holds this key or its twin, "" for none. Negative
 * errno with s->error. */
int find_twin(struct store *s, const char *folder, const struct public_key *key,
	      char name[static NAME_MAX + 1]) must_check;
/* The name in the folder that `word` is a slip of the pen for, "" for none. Negative errno with
 * s->error. */
int nearest_trusted(struct store *s, const char *folder, const char *word,
		    char name[static NAME_MAX + 1]) must_check;
/* The key in FOLDER/NAME.pub. False: that file holds none. */
bool trusted_key(struct store *s, const char *folder, const char *name,
		 struct public_key *key) must_check;
/* EXIT_FAILED after a line: nobody has that name there, but perhaps a similar one. */
enum exit_code nobody_trusted(struct store *s, const char *folder, const char *word);
/* Removes the key from the folder under every name that it has there, however many, and counts
 * them; with `verb` says each. Negative errno with s->error. */
int remove_key(struct store *s, const char *folder, const struct public_key *key,
	       const char *verb) must_check;

/* "FOLDER/NAME.pub" */
void trust_file(char out[static TRUST_FILE], const char *folder, const char *name);

/* P and -P have one X25519 key, so a tunnel could not tell them apart (design, section 3): all bits
 * but the sign are equal. */
bool keys_are_twins(const struct public_key *a, const struct public_key *b);

#endif
