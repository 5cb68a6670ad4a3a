/* The TXT record by which neighbours recognise each other. */
#include "tap.h"

#include "dns/lan.h"

static struct lan_txt make(unsigned count, bool call)
{
	struct lan_txt t = { .count = count, .call = call };

	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < LAN_TAG; k++)
			t.tags[i][k] = (uint8_t)(7 * i + k);
	return t;
}

static void what_is_written_is_read(void)
{
	static const unsigned counts[] = { 0, 1, LAN_STRING_TAGS, LAN_STRING_TAGS + 1, LAN_TAGS };

	for (unsigned i = 0; i < 2 * sizeof(counts) / sizeof(*counts); i++) {
		struct lan_txt t = make(counts[i / 2], i % 2), again;
		uint8_t wire[LAN_TXT_MAX];
		size_t len = lan_txt_write(&t, wire);

		ok(lan_txt_read(bytes_of(wire, len), &again));
		eq_int(again.count, t.count);
		eq_int(again.call, t.call);
		eq_mem(again.tags, t.tags, sizeof(t.tags));
		for (size_t cut = 1; cut < len; cut++) /* never beyond the end */
			(void)!lan_txt_read(bytes_of(wire, len - cut), &again);
	}
}

static bool reads(const char *txt, size_t len, struct lan_txt *t)
{
	return lan_txt_read(bytes_of(txt, len), t);
}

static void other_records_are_passed_over(void)
{
	struct lan_txt t;

	ok(!reads("", 0, &t));
	ok(!reads("\0", 1, &t));
	ok(!reads("\3v=2", 4, &t));
	ok(!reads("\3c=1", 4, &t));
	ok(!reads("\4v=1x", 5, &t));
	ok(!reads("\4v=1", 4, &t));             /* longer than there is */
	ok(!reads("\3v=1\7t=12345", 12, &t));   /* no whole tag */
	ok(reads("\3v=1\3x=y\0\1t\2t=", 14, &t)); /* later words */
	eq_int(t.count, 0);
	ok(reads("\3c=1\3v=1", 8, &t));
	ok(t.call);
}

static void tags_beyond_the_room_are_left_out(void)
{
	uint8_t wire[4 + 5 * 249] = "\3v=1";
	struct lan_txt t;

	for (size_t at = 4; at < sizeof(wire); at += 249) {
		wire[at] = 248;
		wire[at + 1] = 't';
		wire[at + 2] = '=';
	}
	ok(lan_txt_read(bytes_of(wire, sizeof(wire)), &t));
	eq_int(t.count, LAN_TAGS);
}

TAP_TESTS(T(what_is_written_is_read), T(other_records_are_passed_over),
	  T(tags_beyond_the_room_are_left_out))
