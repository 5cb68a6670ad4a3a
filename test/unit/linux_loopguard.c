/* A packet that holds a WireGuard message hands its TTL down; all others do not. */
#include "linux/loopguard.h"

#include "tap.h"

/* An IPv4 packet of UDP with that first word of payload. */
static size_t ipv4(uint8_t *p, uint8_t ttl, uint8_t protocol, uint16_t fragment, uint32_t word)
{
	const size_t len = 20 + 8 + 32;

	memset(p, 0, len);
	p[0] = 0x45;
	store_be16(p + 2, (uint16_t)len);
	store_be16(p + 6, fragment);
	p[8] = ttl;
	p[9] = protocol;
	memcpy(p + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	store_be16(p + 20, 51820);
	store_be16(p + 22, 51820);
	store_be16(p + 24, (uint16_t)(len - 20));
	store_le32(p + 28, word);
	return len;
}

static size_t ipv6(uint8_t *p, uint8_t hops, uint8_t protocol, uint32_t word)
{
	const size_t len = 40 + 8 + 32;

	memset(p, 0, len);
	p[0] = 0x60;
	store_be16(p + 4, (uint16_t)(len - 40));
	p[6] = protocol;
	p[7] = hops;
	p[8] = p[24] = 0xfd;
	p[23] = 1;
	p[39] = 2;
	store_be16(p + 44, (uint16_t)(len - 40));
	store_le32(p + 48, word);
	return len;
}

static void a_message_hands_its_ttl_down_less_eight(void)
{
	static const struct { uint8_t ttl; bool passes; uint8_t hops; } table[] = {
		{ 255, true, 56 }, { 65, true, 56 }, { 64, true, 56 }, { 63, true, 55 },
		{ 56, true, 48 }, { 9, true, 1 }, { 8, false, 0 }, { 1, false, 0 }, { 0, false, 0 },
	};
	uint8_t p[128], hops;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t len = ipv4(p, table[i].ttl, 17, 0, 4);
		eq_int(loopguard_hops(bytes_of(p, len), &hops), table[i].passes);
		eq_int(hops, table[i].hops);
		len = ipv6(p, table[i].ttl, 17, 4);
		eq_int(loopguard_hops(bytes_of(p, len), &hops), table[i].passes);
		eq_int(hops, table[i].hops);
	}
}

static void segments_have_one_answer_if_all_or_none_are_messages(void)
{
	static const struct { uint32_t first, second; bool same; } table[] = {
		{ 4, 4, true }, { 4, 1, true }, { 9, 7, true }, { 4, 9, false }, { 9, 4, false },
	};
	uint8_t p[128];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct offload o = { .kind = OFFLOAD_UDP, .segment = 20 };
		struct split split;
		size_t len = ipv4(p, 64, 17, 0, table[i].first);

		store_le32(p + 28 + 20, table[i].second);
		ok(split_init(&split, bytes_of(p, len), &o));
		eq_int(loopguard_same(&split), table[i].same);
	}
}

static void only_the_four_types_are_messages(void)
{
	static const struct { uint32_t word; uint8_t hops; } table[] = {
		{ 0, 0 }, { 1, 56 }, { 2, 56 }, { 3, 56 }, { 4, 56 }, { 5, 0 }, { 0x104, 0 },
		{ 0x1000004, 0 }, { 0x2112a442, 0 },
	};
	uint8_t p[128], hops;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		ok(loopguard_hops(bytes_of(p, ipv4(p, 64, 17, 0, table[i].word)), &hops));
		eq_int(hops, table[i].hops);
		ok(loopguard_hops(bytes_of(p, ipv6(p, 64, 17, table[i].word)), &hops));
		eq_int(hops, table[i].hops);
	}
}

static void other_packets_go_out_as_they_are(void)
{
	uint8_t p[128], hops = 9;

	ok(loopguard_hops(bytes_of(p, ipv4(p, 3, 6, 0, 4)), &hops)); /* TCP */
	eq_int(hops, 0);
	ok(loopguard_hops(bytes_of(p, ipv4(p, 3, 1, 0, 4)), &hops)); /* ICMP */
	eq_int(hops, 0);
	ok(loopguard_hops(bytes_of(p, 3), &hops));
	eq_int(hops, 0);
	ok(loopguard_hops(bytes_of(p, 0), &hops));
	eq_int(hops, 0);
}

static void a_later_fragment_may_be_part_of_one(void)
{
	uint8_t p[128], hops;

	ok(loopguard_hops(bytes_of(p, ipv4(p, 40, 17, 100, 0)), &hops));
	eq_int(hops, 32);
	ok(!loopguard_hops(bytes_of(p, ipv4(p, 8, 17, 100, 0)), &hops));
	ok(loopguard_hops(bytes_of(p, ipv4(p, 8, 6, 100, 0)), &hops));
	eq_int(hops, 0);
}

TAP_TESTS(T(a_message_hands_its_ttl_down_less_eight),
	  T(segments_have_one_answer_if_all_or_none_are_messages),
	  T(only_the_four_types_are_messages),
	  T(other_packets_go_out_as_they_are), T(a_later_fragment_may_be_part_of_one))
