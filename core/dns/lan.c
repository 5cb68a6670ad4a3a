#include "dns/lan.h"

#include "base/cursor.h"

#include <string.h>

static bool starts(struct bytes string, const char *with)
{
	return string.len >= 2 && !memcmp(string.data, with, 2);
}

static bool is(struct bytes string, const char *text)
{
	return string.len == 3 && !memcmp(string.data, text, 3);
}

size_t lan_txt_write(const struct lan_txt *t, uint8_t out[static LAN_TXT_MAX])
{
	struct writer w = wr_of(out, LAN_TXT_MAX);

	wr_bytes(&w, "\3v=1", 4);
	for (unsigned at = 0; at < t->count; ) {
		const unsigned left = t->count - at;
		const unsigned n = left < LAN_STRING_TAGS ? left : LAN_STRING_TAGS;

		wr_u8(&w, (uint8_t)(2 + n * LAN_TAG));
		wr_bytes(&w, "t=", 2);
		wr_bytes(&w, t->tags[at], n * LAN_TAG);
		at += n;
	}
	if (t->call)
		wr_bytes(&w, "\3c=1", 4);
	BUG_ON(!wr_ok(&w));
	return wr_len(&w);
}

static bool take_tags(struct bytes tags, struct lan_txt *out)
{
	if (tags.len % LAN_TAG)
		return false;
	for (size_t i = 0; i < tags.len && out->count < LAN_TAGS; i += LAN_TAG)
		memcpy(out->tags[out->count++], tags.data + i, LAN_TAG);
	return true;
}

bool lan_txt_read(struct bytes txt, struct lan_txt *out)
{
	struct cursor c = cur_of(txt.data, txt.len);
	bool known = false;

	memset(out, 0, sizeof(*out));
	while (cur_left(&c)) {
		struct bytes s = cur_span(&c, cur_u8(&c));

		if (!cur_ok(&c))
			return false;
		known |= is(s, "v=1");
		out->call |= is(s, "c=1");
		if (starts(s, "t=") && !take_tags(bytes_of(s.data + 2, s.len - 2), out))
			return false;
	}
	return known;
}
