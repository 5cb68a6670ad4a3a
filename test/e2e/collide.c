/* Makes two identities that meet on one IPv4 mesh address (j = 0): by the birthday rule a few
 * hundred keys are enough. collide DIR_A DIR_B writes identity.key and identity.pub into both. */
#include "contexts.h"
#include "crypto/curve.h"
#include "identity/address.h"
#include "identity/keyfile.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define KEYS 4096u

static struct public_key public[KEYS];
static struct secret_key secret[KEYS];
static struct ip address[KEYS];

static int put(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) || chmod(path, mode)) {
		perror(path);
		return 1;
	}
	return 0;
}

static int write_identity(const char *dir, unsigned i)
{
	char text[KEYFILE_SECRET + 1];

	mkdir(dir, 0700);
	secret_key_format(&secret[i], text);
	if (put(dir, "identity.key", text, 0600))
		return 1;
	public_key_format(&public[i], text);
	return put(dir, "identity.pub", text, 0644);
}

int main(int argc, char **argv)
{
	struct prefix prefix = mesh_ipv4_default_prefix();
	uint8_t bytes[32];

	if (argc != 3)
		return 2;
	test_crypto();
	for (unsigned i = 0; i < KEYS; i++) {
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			return 1;
		ed25519_from_seed(&public[i], &secret[i], bytes);
		mesh_ipv4(&public[i], 0, &prefix, &address[i]);
		for (unsigned k = 0; k < i; k++)
			if (ip_equal(&address[i], &address[k]))
				return write_identity(argv[1], k) || write_identity(argv[2], i);
	}
	fprintf(stderr, "no two of %u keys meet\n", KEYS);
	return 1;
}
