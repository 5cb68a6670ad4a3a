/* The Internet checksum: values worked out in RFC 1071 and on real packets, and a naive twin. */
#include "tap.h"

#include "base/rng.h"
#include "packet/checksum.h"

static uint16_t checksum(const void *data, size_t len)
{
	return checksum_finish(checksum_add(0, data, len));
}

static void known_sums_come_out(void)
{
	/* RFC 1071, section 3: the sum is ddf2 */
	eq_int(checksum("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8), 0xffff ^ 0xddf2);
	eq_int(checksum("", 0), 0xffff);
	eq_int(checksum("\0\0", 2), 0xffff);
	eq_int(checksum("\xff\xff", 2), 0);
	eq_int(checksum("\x12", 1), 0xffff ^ 0x1200);
	eq_int(checksum("\xff\xff\0\1", 4), 0xfffe);
	/* an IPv4 header, its checksum b861 in place */
	eq_int(checksum("\x45\0\0\x73\0\0\x40\0\x40\x11\xb8\x61\xc0\xa8\0\1\xc0\xa8\0\xc7", 20), 0);
	eq_int(checksum("\x45\0\0\x73\0\0\x40\0\x40\x11\0\0\xc0\xa8\0\1\xc0\xa8\0\xc7", 20),
	       0xb861);
}

static void pseudo_headers_cover_addresses_protocol_and_length(void)
{
	struct ip a = ip_v4(192, 0, 2, 1), b = ip_v4(203, 0, 113, 7);
	struct ip c = ip_of(FAMILY_IPV6, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
	struct ip d = ip_of(FAMILY_IPV6, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2");

	eq_int(checksum_finish(checksum_pseudo(&a, &b, 17, 0x1234)),
	       checksum("\xc0\0\2\1\xcb\0\x71\7\0\x11\x12\x34", 12));
	eq_int(checksum_finish(checksum_pseudo(&c, &d, 58, 0x12345)),
	       checksum("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
			"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\1\x23\x45\0\0\0\x3a", 40));
}

/* The twin: 16-bit words one by one, folded each time. */
static uint16_t twin(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void a_naive_twin_agrees(void)
{
	static uint8_t data[65536];
	struct rng rng;

	rng_init(&rng, 5);
	for (int round = 0; round < 3000; round++) {
		size_t len = rng_below(&rng, round % 100 ? 200 : sizeof(data) + 1);
		size_t cut = rng_below(&rng, len / 2 + 1) * 2;
		uint32_t sum;

		for (size_t i = 0; i < len; i++)
			data[i] = round % 3 ? (uint8_t)rng_u64(&rng) : 0xff;
		eq_int(checksum(data, len), twin(data, len));
		sum = checksum_add(checksum_add(0, data, cut), data + cut, len - cut);
		eq_int(checksum_finish(sum), twin(data, len));
	}
}

TAP_TESTS(T(known_sums_come_out),
	  T(pseudo_headers_cover_addresses_protocol_and_length),
	  T(a_naive_twin_agrees))
