/* keyfile.h - the text of identity.key, identity.pub and authorized_keys/NAME.pub. */
#ifndef IDENTITY_KEYFILE_H
#define IDENTITY_KEYFILE_H

#include "base/bytes.h"

enum key_problem {
	KEY_OK,
	KEY_NOT_BASE64,     /* not base64, or not of exactly 32 (64) bytes */
	KEY_BAD_POINT,      /* not a point of the curve, not canonical, of small order */
	KEY_MISMATCH,       /* secret and public half do not belong together */
};

#define KEYFILE_PUBLIC 45u  /* 44 characters and a newline */
#define KEYFILE_SECRET 89u  /* 88 characters and a newline */

/* Text may end with white space (one newline, CR LF, blanks); nothing else is forgiven. */
enum key_problem public_key_parse(const char *text, size_t len, struct public_key *out);
/* The same, with the key's X25519 twin, which the check of the point finds on its way. */
enum key_problem peer_key_parse(const char *text, size_t len, struct public_key *out,
				struct dh_public *twin);
enum key_problem secret_key_parse(const char *text, size_t len, struct secret_key *secret,
				  struct public_key *public);
void public_key_format(const struct public_key *key, char out[static KEYFILE_PUBLIC + 1]);
void secret_key_format(const struct secret_key *key, char out[static KEYFILE_SECRET + 1]);
/* For a message: what the problem is. */
const char *key_problem_text(enum key_problem p);

#endif
