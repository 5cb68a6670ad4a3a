/* Bytes as a message about punching: what is taken is written again as it came. */
#include "nat/punch.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct punch_message m;
	uint8_t again[PUNCH_LEN];

	if (!punch_decode(bytes_of(data, size), &m))
		return 0;
	BUG_ON(size != PUNCH_LEN || m.count > MAX_CANDIDATES);
	for (unsigned i = 0; i < m.count; i++)
		BUG_ON(!m.list[i].port || !ip_is_unicast(&m.list[i].ip));
	punch_encode(&m, again);
	BUG_ON(memcmp(again, data, size) != 0);
	return 0;
}
