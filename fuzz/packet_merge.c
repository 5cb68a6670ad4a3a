/* Splitting and merging of arbitrary packets. The first byte: 0, the rest is split by what the
 * next bytes say; else it is cut into packets, which are merged as far as they go. What is merged
 * is split into what it was. */
#include "segments.h"

#include "base/cursor.h"

#define MOST 16u

static uint8_t out[70000], again[70000];

static void split_it(struct cursor *c)
{
	uint8_t kind = cur_u8(c);
	struct offload o = { .kind = kind & 1 ? OFFLOAD_TCP : OFFLOAD_UDP,
			     .segment = cur_be16(c), .needs_checksum = kind & 2,
			     .checksum_at = cur_be16(c), .checksum_offset = cur_be16(c) };
	struct bytes packet = cur_span(c, cur_left(c));
	size_t n, payload = 0;
	struct split s;

	if (!packet.data)
		return;
	memcpy(again, packet.data, packet.len);
	const bool could = offload_checksum(again, packet.len, &o);
	BUG_ON(!could && !o.needs_checksum); /* nothing was left to do */
	if (!split_init(&s, packet, &o))
		return;
	for (unsigned i = 0; (n = split_next(&s, out)) > 0; i++) {
		BUG_ON(n > split_longest(&s) || n < s.header_len || i > 65536);
		BUG_ON(memcmp(out + s.header_len, packet.data + s.header_len + payload,
			      n - s.header_len));
		payload += n - s.header_len;
	}
	BUG_ON(payload != s.packet.len - s.header_len);
}

static void split_again(const uint8_t *whole, size_t len, const struct offload *o,
			const struct bytes *parts, uint32_t count)
{
	struct split s;

	BUG_ON(!split_init(&s, bytes_of(whole, len), o));
	for (uint32_t i = 0; i < count; i++) {
		size_t n = split_next(&s, out);

		/* The identification of what is never a fragment may be another one. */
		if (n > 20 && out[0] >> 4 == 4 && (out[6] & 0x40)) {
			memcpy(out + 4, parts[i].data + 4, 2);
			store_be16(out + 10, 0);
			store_be16(out + 10, checksum_finish(checksum_add(0, out, 20)));
		}
		BUG_ON(n != parts[i].len || memcmp(out, parts[i].data, n));
	}
	BUG_ON(split_next(&s, out));
}

/* Each packet: how it is changed from a good one (or as it is), its length, its bytes. */
static uint32_t read_parts(struct cursor *c, struct bytes *parts, uint8_t (*room)[2048])
{
	uint32_t count = 0, seq = 0;

	while (count < MOST && cur_left(c) > 4) {
		uint8_t how = cur_u8(c), flags = cur_u8(c);
		uint32_t len = cur_be16(c) % 1500;
		struct shape shape = { .is_v4 = how & 1, .is_tcp = how & 2, .seq = seq,
				       .options = how & 2 ? how >> 4 & 12 : 0,
				       .id = (uint16_t)count, .flags = flags, .payload = len };

		if (how & 4) {
			struct bytes raw = cur_span(c, len < cur_left(c) ? len : cur_left(c));

			memcpy(room[count], raw.data, raw.len);
			len = (uint32_t)raw.len;
		} else {
			memset(room[count], how, sizeof(room[count]));
			len = (uint32_t)make_segment(room[count], &shape);
			seq += how & 8 ? 1 : shape.payload;
		}
		parts[count] = bytes_of(room[count], len);
		count++;
	}
	return count;
}

static void merge_it(struct cursor *c)
{
	static uint8_t room[MOST][2048], kept[MOST][2048];
	struct bytes parts[MOST], was[MOST], more[MOST];
	uint32_t count = read_parts(c, parts, room), i = 0;

	memcpy(kept, room, sizeof(kept));
	while (i < count) {
		uint32_t taken = 1;
		struct offload o;
		struct merge m;
		size_t len;

		if (!merge_begin(&m, room[i], parts[i].len)) {
			i++;
			continue;
		}
		while (i + taken < count && merge_add(&m, parts[i + taken].data,
						      parts[i + taken].len, &more[taken - 1]))
			taken++;
		merge_end(&m, &o);
		BUG_ON((o.kind == OFFLOAD_NONE) != (taken == 1));
		len = merged_bytes(again, room[i], parts[i].len, more, taken - 1);
		BUG_ON(len > 65535 || !offload_checksum(again, len, &o));
		for (uint32_t k = 0; k < taken; k++)
			was[k] = bytes_of(kept[i + k], parts[i + k].len);
		if (taken > 1)
			split_again(again, len, &o, was, taken);
		else
			BUG_ON(memcmp(again, was[0].data, len));
		i += taken;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cur_of(data, size);

	if (size > 65000)
		return 0;
	if (!cur_u8(&c))
		split_it(&c);
	else
		merge_it(&c);
	return 0;
}
