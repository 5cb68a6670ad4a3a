#include "packet/fragment.h"

#include "packet/checksum.h"

#include <string.h>

#define MORE_FRAGMENTS 0x2000u
#define OFFSET_MASK 0x1fffu
#define OPTION_COPIED 0x80u

bool fragment_init(struct fragmenter *f, struct bytes packet, uint32_t mtu)
{
	struct ip_packet p;

	BUG_ON(mtu < FRAGMENT_MTU_MIN);
	if (!ip_packet_parse(packet, &p) || p.version != 4 || p.dont_fragment)
		return false;
	*f = (struct fragmenter){
		.packet = bytes_of(packet.data, p.total_len), .mtu = mtu,
		.header_len = p.fragment_at, .data_at = p.fragment_at,
		.offset = load_be16(packet.data + 6),
	};
	return true;
}

/* Options that are for the first piece alone give way to "no operation". */
static void drop_options(uint8_t *header, uint32_t len)
{
	enum { END = 0, NO_OPERATION = 1 };

	for (uint32_t at = IPV4_HEADER; at < len && header[at] != END;) {
		const uint32_t left = len - at;
		const bool single = header[at] == NO_OPERATION;
		uint32_t size = single ? 1 : left < 2 ? left : header[at + 1];

		if (!single && (size < 2 || size > left))
			size = left;
		if (!(header[at] & OPTION_COPIED))
			memset(header + at, NO_OPERATION, size);
		at += size;
	}
}

size_t fragment_next(struct fragmenter *f, uint8_t *out)
{
	const uint32_t all = (uint32_t)f->packet.len - f->data_at, left = all - f->at;
	const uint32_t room = f->mtu - f->header_len;
	const uint32_t take = left <= room ? left : room / 8 * 8;
	uint16_t field = (uint16_t)(f->offset & ~OFFSET_MASK);

	if (!left)
		return 0;
	memcpy(out, f->packet.data, f->header_len);
	memcpy(out + f->header_len, f->packet.data + f->data_at + f->at, take);
	if (f->at)
		drop_options(out, f->header_len);
	field |= (uint16_t)((f->offset + f->at / 8) & OFFSET_MASK);
	if (take < left)
		field |= MORE_FRAGMENTS;
	store_be16(out + 2, (uint16_t)(f->header_len + take));
	store_be16(out + 6, field);
	store_be16(out + 10, 0);
	store_be16(out + 10, checksum_finish(checksum_add(0, out, f->header_len)));
	f->at += take;
	return f->header_len + take;
}
