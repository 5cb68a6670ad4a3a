#include "base/bytes.h"

#include <endian.h>
#include <string.h>

struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){ data, len };
}

void wipe(void *data, size_t len)
{
	if (len)
		explicit_bzero(data, len);
}

/* The compiler must not learn anything about the value, or it could leave a loop early. */
static unsigned hidden(unsigned v)
{
	__asm__("" : "+r"(v));
	return v;
}

bool ct_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	unsigned differs = 0;

	for (size_t i = 0; i < len; i++)
		differs = hidden(differs | (unsigned)(x[i] ^ y[i]));
	return differs == 0;
}

bool ct_is_zero(const void *data, size_t len)
{
	const uint8_t *p = data;
	unsigned any = 0;

	for (size_t i = 0; i < len; i++)
		any = hidden(any | p[i]);
	return any == 0;
}

uint16_t load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

uint32_t load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

uint64_t load_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

uint32_t load_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t load_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void store_be16(void *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

void store_be32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

void store_be64(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

void store_le32(void *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

void store_le64(void *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}
