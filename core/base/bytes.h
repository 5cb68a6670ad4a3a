/* bytes.h - borrowed bytes, wiping, constant-time comparison. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns; valid for the length of the call they are passed to. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

/* Keys are distinct types, so that one cannot be passed for another. */
struct public_key { uint8_t b[32]; };    /* Ed25519: the identity of a node or an org */
struct secret_key { uint8_t b[64]; };    /* Ed25519: seed, public key */
struct dh_public { uint8_t b[32]; };     /* X25519: the WireGuard public key */
struct dh_secret { uint8_t b[32]; };     /* X25519: clamped scalar */
struct sym_key { uint8_t b[32]; };       /* a symmetric key */
struct hash { uint8_t b[32]; };          /* a 32-byte digest */
struct signature { uint8_t b[64]; };     /* Ed25519 */

struct bytes bytes_of(const void *data, size_t len);

/* Overwrites len bytes in a way that the compiler keeps. */
void wipe(void *data, size_t len);

/* Compares in time that depends on len alone. */
bool ct_equal(const void *a, const void *b, size_t len);

/* True if all len bytes are zero; time depends on len alone. */
bool ct_is_zero(const void *data, size_t len);

uint16_t load_be16(const void *p);
uint32_t load_be32(const void *p);
uint64_t load_be64(const void *p);
uint32_t load_le32(const void *p);
uint64_t load_le64(const void *p);
void store_be16(void *p, uint16_t v);
void store_be32(void *p, uint32_t v);
void store_be64(void *p, uint64_t v);
void store_le32(void *p, uint32_t v);
void store_le64(void *p, uint64_t v);

#endif
