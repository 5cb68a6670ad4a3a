/* Bytes as messages of members about the lifetime of mappings, to the codec and to a helper. What
 * is taken is written the same way again; an answer goes only where that member's last touch came
 * from. */
#include "nat/lifetime.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lifetime_help help;
	struct endpoint at[4] = { 0 }, to;
	struct instant now = { 1000000000u };
	uint8_t id[LIFETIME_ID], again[LIFETIME_ASK_LEN];

	memset(&help, 0, sizeof(help));
	/* Members and lengths, a byte each, and messages. */
	while (size >= 2) {
		const uint32_t slot = data[0] % 4;
		const size_t len = data[1] < size - 2 ? data[1] : size - 2;
		const struct endpoint from = { .ip = ip_v4(5, 5, 5, (uint8_t)slot),
					       .port = (uint16_t)(data[0] + 1) };

		data += 2;
		size -= 2;
		if (!len)
			now = instant_add(now, span_s(1));
		if (lifetime_decode(bytes_of(data, len), id)) {
			lifetime_encode(data[0], id, again);
			BUG_ON(memcmp(again, data, len) != 0);
			if (data[0] == LIFETIME_TYPE_TOUCH) {
				(void)lifetime_touched(&help, slot, &from, id, now);
				at[slot] = from;
			} else if (lifetime_knocked(&help, slot, id, &to, now)) {
				BUG_ON(!endpoint_equal(&to, &at[slot]));
			}
		}
		data += len;
		size -= len;
	}
	return 0;
}
