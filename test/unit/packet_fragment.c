/* IPv4 packets in pieces: put together again they are what they were. */
#include "tap.h"

#include "base/cursor.h"
#include "packet/checksum.h"
#include "packet/fragment.h"

static uint8_t packet[4000], whole[4000], piece[4000];

/* header: bytes, options included. */
static size_t build(unsigned header, size_t payload, uint16_t field)
{
	struct writer w = wr_of(packet, sizeof(packet));

	wr_u8(&w, (uint8_t)(0x40 | header / 4));
	wr_u8(&w, 0xb8);
	wr_be16(&w, (uint16_t)(header + payload));
	wr_be16(&w, 0x1234);
	wr_be16(&w, field);
	wr_u8(&w, 64);
	wr_u8(&w, PROTO_UDP);
	wr_be16(&w, 0);
	wr_bytes(&w, "\x0a\x63\0\1\x0a\x63\0\2", 8);
	wr_zero(&w, header - IPV4_HEADER);
	for (size_t i = 0; i < payload; i++)
		wr_u8(&w, (uint8_t)(i * 7 + i / 256));
	return wr_len(&w);
}

/* All pieces; how many. Their payloads are put together in `whole`, *more: of the last. */
static unsigned cut(size_t len, uint32_t mtu, unsigned header, size_t payload, bool *more)
{
	struct fragmenter f;
	struct ip_packet p;
	size_t n, came = 0, first_at = 0;
	unsigned count = 0;

	memset(whole, 0, sizeof(whole));
	if (!fragment_init(&f, bytes_of(packet, len), mtu))
		return 0;
	while ((n = fragment_next(&f, piece)) && count < 100) {
		ok(n <= mtu);
		ok(ip_packet_parse(bytes_of(piece, n), &p));
		eq_int(p.total_len, n);
		eq_int(checksum_finish(checksum_add(0, piece, p.fragment_at)), 0);
		eq_int(p.fragment_at, header);
		eq_mem(piece + 12, packet + 12, 8);
		eq_int(p.fragment_id, 0x1234);
		eq_int(piece[1], 0xb8);
		if (!count)
			first_at = p.fragment_offset;
		eq_int(p.fragment_offset - first_at, came);
		memcpy(whole + came, piece + header, n - header);
		came += n - header;
		*more = p.more_fragments;
		ok(came == payload || (p.more_fragments && (n - header) % 8 == 0));
		count++;
	}
	eq_int(came, payload);
	eq_mem(whole, packet + header, payload);
	eq_int(fragment_next(&f, piece), 0);
	return count;
}

static void pieces_make_the_packet_again(void)
{
	static const struct { size_t payload; uint32_t mtu; unsigned pieces; } t[] = {
		{ 1400, 1280, 2 }, { 1260, 1280, 1 }, { 1261, 1280, 2 }, { 3000, 1280, 3 },
		{ 48, 68, 1 }, { 49, 68, 2 }, { 3900, 68, 82 }, { 1, 68, 1 },
		{ 1256, 1279, 1 }, { 1259, 1279, 1 }, { 1260, 1279, 2 }, { 2512, 1279, 2 },
	};
	bool more = true;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		eq_int(cut(build(20, t[i].payload, 0), t[i].mtu, 20, t[i].payload, &more),
		       t[i].pieces);
		ok(!more);
	}
	/* What is behind the packet is padding. */
	eq_int(cut(build(20, 1400, 0) + 12, 1280, 20, 1400, &more), 2);
}

static void a_piece_may_be_cut_again(void)
{
	bool more = false;

	eq_int(cut(build(20, 1400, 0x2000 | 175), 1280, 20, 1400, &more), 2);
	ok(more);
	eq_int(cut(build(20, 1400, 175), 1280, 20, 1400, &more), 2);
	ok(!more);
}

static void what_forbids_it_is_not_cut(void)
{
	const uint8_t six[60] = { 0x60, 0, 0, 0, 0, 20, 17, 64 };
	struct fragmenter f;

	ok(!fragment_init(&f, bytes_of(packet, build(20, 1400, 0x4000)), 1280));
	ok(!fragment_init(&f, bytes_of(six, sizeof(six)), 1280));
	ok(!fragment_init(&f, bytes_of(packet, 19), 1280));
}

/* RFC 791, 3.1: only options that say so are in every piece. */
static void options_are_copied_as_they_wish(void)
{
	static const uint8_t options[12] = { 7, 7, 4, 0, 0, 0, 0, 0x82, 3, 9, 1, 0 };
	static const uint8_t later[12] = { 1, 1, 1, 1, 1, 1, 1, 0x82, 3, 9, 1, 0 };
	static const uint8_t bad[2][12] = { { 7, 200 }, { 7, 0 } };
	struct fragmenter f;
	size_t len = build(32, 1400, 0);

	memcpy(packet + 20, options, sizeof(options));
	ok(fragment_init(&f, bytes_of(packet, len), 1280));
	eq_int(fragment_next(&f, piece), 32 + 1248);
	eq_mem(piece + 20, options, sizeof(options));
	eq_int(checksum_finish(checksum_add(0, piece, 32)), 0);
	eq_int(fragment_next(&f, piece), 32 + 152);
	eq_mem(piece + 20, later, sizeof(later));
	eq_int(checksum_finish(checksum_add(0, piece, 32)), 0);
	eq_int(fragment_next(&f, piece), 0);
	for (unsigned i = 0; i < 2; i++) { /* options that lie: no byte beyond them is touched */
		memcpy(packet + 20, bad[i], sizeof(bad[i]));
		ok(fragment_init(&f, bytes_of(packet, len), 1280));
		(void)fragment_next(&f, piece);
		eq_int(fragment_next(&f, piece), 32 + 152);
		eq_mem(piece + 32, packet + 32 + 1248, 152);
	}
}

TAP_TESTS(T(pieces_make_the_packet_again), T(a_piece_may_be_cut_again),
	  T(what_forbids_it_is_not_cut), T(options_are_copied_as_they_wish))
