/* Bytes as a STUN server's answer. What is taken names a family and is the same when it is read
 * again; the length in the header is that of the datagram. */
#include "nat/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stun_answer a, b;
	struct bytes d = bytes_of(data, size);

	(void)!stun_fingerprint_ok(d);
	if (!stun_answer_decode(d, &a))
		return 0;
	BUG_ON(size < 20 || load_be16(data + 2) != size - 20);
	BUG_ON(!a.error && !endpoint_is_set(&a.mapped));
	BUG_ON(a.error && endpoint_is_set(&a.mapped));
	BUG_ON(!stun_answer_decode(d, &b) || !endpoint_equal(&a.mapped, &b.mapped));
	return 0;
}
