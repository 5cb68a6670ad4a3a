/* Key files: whatever is taken is, but for white space at the end, what we would write. */
#include "contexts.h"

#include "base/bug.h"
#include "identity/keyfile.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	char public_text[KEYFILE_PUBLIC + 1], secret_text[KEYFILE_SECRET + 1];
	struct public_key pk, own;
	struct secret_key sk;

	test_crypto();
	if (public_key_parse(text, size, &pk) == KEY_OK) {
		public_key_format(&pk, public_text);
		BUG_ON(size < KEYFILE_PUBLIC - 1 || memcmp(text, public_text, KEYFILE_PUBLIC - 1));
		BUG_ON(public_key_parse(public_text, KEYFILE_PUBLIC, &own) != KEY_OK);
		BUG_ON(memcmp(&own, &pk, sizeof(pk)) != 0);
	}
	if (secret_key_parse(text, size, &sk, &pk) == KEY_OK) {
		secret_key_format(&sk, secret_text);
		BUG_ON(size < KEYFILE_SECRET - 1 || memcmp(text, secret_text, KEYFILE_SECRET - 1));
		BUG_ON(memcmp(sk.b + 32, pk.b, sizeof(pk.b)) != 0);
	}
	return 0;
}
