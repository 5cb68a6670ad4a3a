/* signed.h - what records, accusations, certificates and statements share: a signature over a
 * context string and the bytes before it; and of the last two a short hash of the whole, and the
 * text of a file that holds one. */
#ifndef IDENTITY_SIGNED_H
#define IDENTITY_SIGNED_H

#include "base/bug.h"
#include "base/bytes.h"

#define SIGNED_MAX 512u      /* bytes of any such object, signatures included */
#define SIGNED_HASH 8u
/* Characters of a file with n bytes in it, newline included. */
#define SIGNED_TEXT(n) (((n) + 2) / 3 * 4 + 1)

/* signature = Ed25519(secret, context || body); body of at most SIGNED_MAX bytes (else a BUG). */
void signed_make(uint8_t signature[static 64], const char *context, struct bytes body,
		 const struct secret_key *secret);
bool signed_check(const uint8_t signature[static 64], const char *context, struct bytes body,
		  const struct public_key *key) must_check;
/* BLAKE2b-256(wire)[0..8]; never all zero, which stands for "none": 1 at its end then. */
void signed_hash(struct bytes wire, uint8_t out[static SIGNED_HASH]);

/* One line of base64. White space may follow (as in key files); nothing else is forgiven. Returns
 * the number of bytes, 0 if the text is none or holds more than SIGNED_MAX. */
size_t signed_parse(const char *text, size_t len, uint8_t out[static SIGNED_MAX]) must_check;
/* Writes the line, a newline and a terminator; wire of at most SIGNED_MAX bytes. */
void signed_format(struct bytes wire, char out[static SIGNED_TEXT(SIGNED_MAX) + 1]);

#endif
