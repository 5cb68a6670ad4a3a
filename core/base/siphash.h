/* siphash.h - a short keyed hash for tables that are filled with what strangers choose.
 *
 * SipHash-1-3 of whole words (Aumasson, Bernstein; the variant of Linux's hash tables): who does
 * not know the key cannot choose things that meet in one place. Not a MAC. Where the keys of a
 * table are bytes and speed does not matter, crypto/hash.h has SipHash-2-4.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Of the words, in order, as if each were written with its lowest byte first. key: 16 bytes. */
uint64_t siphash_words(const uint8_t key[16], const uint64_t *words, size_t count);

#endif
