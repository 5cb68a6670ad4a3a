/* hash.h - BLAKE2s (WireGuard), BLAKE2b (our key derivation), BLAKE3 (mesh addresses), SipHash. */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "base/bytes.h"

/* BLAKE2s-256 of a || b (RFC 7693); b may be empty. */
void blake2s(struct hash *out, struct bytes a, struct bytes b);
/* Keyed BLAKE2s with a 16-byte result: MAC of the WireGuard paper, 5.4. key_len 1..32. */
void blake2s_mac(uint8_t out[16], const void *key, size_t key_len, struct bytes in);
/* HMAC-BLAKE2s (paper, 5.4). */
void hmac_blake2s(struct hash *out, const void *key, size_t key_len, struct bytes in);
/* KDF_n of the paper, 5.4: t1..tn from key and input; NULL ones are not wanted (trailing only). */
void kdf(struct hash *t1, struct hash *t2, struct hash *t3, const struct hash *key,
	 struct bytes in);

/* Keyed BLAKE2b-256 over the parts in order (libsodium generichash); key may be NULL. */
void blake2b(struct hash *out, const struct sym_key *key, const struct bytes *parts, size_t n);

/* BLAKE3 hash mode, one block: len <= 64, else BUG. */
void blake3(struct hash *out, const void *data, size_t len);

/* SipHash-2-4; for tables keyed by what strangers choose. key: 16 bytes. */
uint64_t siphash(const uint8_t key[16], const void *data, size_t len);

#endif
