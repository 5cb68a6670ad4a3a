#include "base/siphash.h"

#include "base/bytes.h"

struct siphash_key siphash_key(const uint8_t bytes[16])
{
	return (struct siphash_key){ load_le64(bytes), load_le64(bytes + 8) };
}

uint64_t siphash_words(const uint8_t key[16], const uint64_t *words, size_t count)
{
	return siphash_of(siphash_key(key), words, count);
}
