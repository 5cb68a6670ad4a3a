/* TXT records of neighbours: what is read can be written, and is then read as the same. */
#include "base/bug.h"
#include "dns/lan.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lan_txt t, again;
	uint8_t wire[LAN_TXT_MAX];
	size_t len;

	if (!lan_txt_read(bytes_of(data, size), &t))
		return 0;
	BUG_ON(t.count > LAN_TAGS);
	len = lan_txt_write(&t, wire);
	BUG_ON(!lan_txt_read(bytes_of(wire, len), &again));
	BUG_ON(memcmp(&t, &again, sizeof(t)));
	return 0;
}
