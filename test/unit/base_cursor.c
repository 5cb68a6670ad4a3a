#include "base/cursor.h"

#include "tap.h"

static const uint8_t nine[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

/* Reads `size` bytes as each type does; returns the value. */
static uint64_t read_as(struct cursor *c, unsigned kind)
{
	switch (kind) {
	case 0: return cur_u8(c);
	case 1: return cur_be16(c);
	case 2: return cur_be32(c);
	case 3: return cur_be64(c);
	case 4: return cur_le32(c);
	default: return cur_le64(c);
	}
}

static void write_as(struct writer *w, unsigned kind, uint64_t v)
{
	switch (kind) {
	case 0: wr_u8(w, (uint8_t)v); break;
	case 1: wr_be16(w, (uint16_t)v); break;
	case 2: wr_be32(w, (uint32_t)v); break;
	case 3: wr_be64(w, v); break;
	case 4: wr_le32(w, (uint32_t)v); break;
	default: wr_le64(w, v); break;
	}
}

static const struct {
	size_t size;
	uint64_t value;
} kinds[6] = {
	{ 1, 1 },          { 2, 0x0102 },     { 4, 0x01020304 }, { 8, 0x0102030405060708 },
	{ 4, 0x04030201 }, { 8, 0x0807060504030201 },
};

/* Every type with every length of buffer: it fits exactly, or reads zero and fails for good. */
static void test_read_boundaries(void)
{
	for (unsigned k = 0; k < 6; k++) {
		for (size_t len = 0; len <= sizeof(nine); len++) {
			struct cursor c = cur_of(nine, len);
			bool fits = len >= kinds[k].size;

			ok(read_as(&c, k) == (fits ? kinds[k].value : 0));
			ok(cur_ok(&c) == fits);
			ok(cur_done(&c) == (len == kinds[k].size));
			eq_int(cur_left(&c), fits ? len - kinds[k].size : 0);
			if (!fits) {
				eq_int(cur_u8(&c), 0); /* though a byte may be there */
				ok(!cur_ok(&c) && !cur_done(&c));
			}
		}
	}
}

static void test_write_boundaries(void)
{
	for (unsigned k = 0; k < 6; k++) {
		for (size_t cap = 0; cap <= sizeof(nine); cap++) {
			uint8_t b[10];
			struct writer w = wr_of(b, cap);
			bool fits = cap >= kinds[k].size;

			memset(b, 0xee, sizeof(b));
			write_as(&w, k, kinds[k].value);
			ok(wr_ok(&w) == fits);
			eq_int(wr_len(&w), fits ? kinds[k].size : 0);
			eq_mem(b, nine, fits ? kinds[k].size : 0);
			for (size_t i = fits ? kinds[k].size : 0; i < sizeof(b); i++)
				eq_int(b[i], 0xee);
			if (!fits) {
				wr_u8(&w, 1);
				wr_zero(&w, 0);
				ok(!wr_ok(&w) && wr_len(&w) == 0 && b[0] == 0xee);
			}
		}
	}
}

static void test_spans(void)
{
	struct cursor c = cur_of(nine, 9);
	uint8_t to[4] = { 9, 9, 9, 9 };
	struct bytes s = cur_span(&c, 4);

	ok(s.data == nine && s.len == 4);
	cur_bytes(&c, to, 2);
	eq_mem(to, ((uint8_t[]){ 5, 6, 9, 9 }), 4);
	ok(cur_span(&c, 0).data == nine + 6 && cur_ok(&c));
	ok(!cur_span(&c, 4).data && !cur_ok(&c));
	ok(!cur_span(&c, 0).data);
	memset(to, 9, sizeof(to));
	cur_bytes(&c, to, 3);
	eq_mem(to, ((uint8_t[]){ 0, 0, 0, 9 }), 4);

	c = cur_of(nine, 9);
	ok(!cur_span(&c, SIZE_MAX).data && !cur_ok(&c));
	c = cur_of(nine, 9);
	cur_fail(&c);
	ok(cur_u8(&c) == 0 && !cur_done(&c) && cur_left(&c) == 0);
	c = cur_of(NULL, 0);
	ok(cur_done(&c) && cur_left(&c) == 0);
	cur_bytes(&c, NULL, 0);
	ok(cur_done(&c));
}

static void test_write_spans(void)
{
	uint8_t b[8];
	struct writer w = wr_of(b, 8);

	memset(b, 0xee, sizeof(b));
	wr_bytes(&w, nine, 3);
	wr_bytes(&w, NULL, 0);
	wr_zero(&w, 4);
	eq_mem(b, ((uint8_t[]){ 1, 2, 3, 0, 0, 0, 0, 0xee }), 8);
	eq_int(wr_len(&w), 7);
	wr_bytes(&w, nine, 2);
	ok(!wr_ok(&w) && b[7] == 0xee);
	w = wr_of(b, 8);
	wr_zero(&w, SIZE_MAX);
	ok(!wr_ok(&w));
	w = wr_of(NULL, 0);
	ok(wr_ok(&w) && wr_len(&w) == 0);
	wr_u8(&w, 1);
	ok(!wr_ok(&w));
}

TAP_TESTS(T(test_read_boundaries), T(test_write_boundaries), T(test_spans), T(test_write_spans))
