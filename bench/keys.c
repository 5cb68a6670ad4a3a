/* keys.c - public keys of nobody, to be trusted: keys DIRECTORY NUMBER makes peer-1.pub and so on,
 * as `meshguard trust` does; with --wireguard it prints that many X25519 keys in base64. */
#include "contexts.h"
#include "crypto/curve.h"
#include "identity/keyfile.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	char text[KEYFILE_SECRET + 1], path[4096];
	struct public_key public;
	struct secret_key secret;
	struct dh_public twin;
	uint8_t seed[32];
	FILE *f = stdout;

	if (!count)
		return 2;
	const bool wireguard = !strcmp(argv[1], "--wireguard");
	test_crypto();
	if (!wireguard)
		mkdir(argv[1], 0700);
	for (unsigned long i = 1; i <= count; i++) {
		if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
			return 1;
		ed25519_from_seed(&public, &secret, seed);
		if (wireguard) {
			if (!ed25519_to_dh_public(&twin, &public))
				return 1;
			memcpy(public.b, twin.b, sizeof(public.b));
		} else {
			snprintf(path, sizeof(path), "%s/peer-%lu.pub", argv[1], i);
			f = fopen(path, "w");
			if (!f) {
				perror(path);
				return 1;
			}
		}
		public_key_format(&public, text);
		fprintf(f, "%s%s", text, strchr(text, '\n') ? "" : "\n");
		if (!wireguard && (fclose(f) || chmod(path, 0644)))
			return 1;
	}
	return 0;
}
