/* Bytes as the answer of a router to PCP or NAT-PMP, to the codec, and to a client that asks. What
 * the client takes for its mapping has a port; it never asks for more room than it may. */
#include "contexts.h"
#include "nat/mapping.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct out items[2];
	static uint8_t arena[256];
	const struct endpoint from = { .ip = ip_v4(192, 168, 7, 1), .port = PCP_PORT };
	const struct ip client = ip_v4(192, 168, 7, 2);
	const uint8_t entropy[32] = { 1 };
	struct instant now = { 1000000000u };
	struct random random;
	struct outbox out;
	struct mapping m;
	struct pcp_answer a;
	struct endpoint e;

	(void)!pcp_decode(bytes_of(data, size), &a);
	test_crypto();
	random_init(&random, entropy);
	outbox_init(&out, items, 2, arena, sizeof(arena));
	mapping_init(&m, &random, 51821);
	mapping_network(&m, &from.ip, &client, now);
	/* Datagrams of a length each; a length of 0 lets time pass. */
	while (size) { /* always ends: each turn takes a byte */
		size_t len = *data++;

		size--;
		len = len < size ? len : size;
		if (len >= 36 && data[0] == 2) /* as if it had heard the question */
			memcpy(m.nonce, data + 24, PCP_NONCE);
		if (len)
			mapping_input(&m, now, &from, bytes_of(data, len));
		else
			now = instant_add(now, span_s(1));
		data += len;
		size -= len;
		outbox_clear(&out);
		mapping_tick(&m, now, &out);
		BUG_ON(out.refused);
		BUG_ON(mapping_external(&m, &e) && !e.port);
	}
	mapping_stop(&m, &out);
	return 0;
}
