/* cmd_identity.c - keygen and export.
 *
 * keygen writes identity.pub first and identity.key last: the step that destroys an old secret
 * (--force) is the last one, and nothing before it can fail after it. Without --force the first of
 * the two files is also the lock: of two keygens at once one finds it there.
 */
#include "cli/command.h"
#include "cli/keys.h"

#include "crypto/curve.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void make_pair(struct public_key *public, struct secret_key *secret)
{
	uint8_t seed[32];

	entropy(seed, sizeof(seed));
	ed25519_from_seed(public, secret, seed);
	wipe(seed, sizeof(seed));
}

/* What identity.pub held before, to be put back should identity.key fail. */
struct before {
	char text[MAX_KEY_TEXT];
	ssize_t len;
};

static void undo_public(struct store *s, const struct before *before)
{
	char error[sizeof(s->error)];
	int r;

	memcpy(error, s->error, sizeof(error));
	if (before->len >= 0)
		r = store_write(s, IDENTITY_PUB, before->text, (size_t)before->len, STORE_REPLACE);
	else
		r = store_remove(s, IDENTITY_PUB);
	if (r < 0)
		note("%s", s->error);
	memcpy(s->error, error, sizeof(error));
}

static int write_pair(struct store *s, const struct public_key *public,
		      const struct secret_key *secret, bool force)
{
	unsigned replace = force ? STORE_REPLACE : 0;
	char public_text[KEYFILE_PUBLIC + 1], secret_text[KEYFILE_SECRET + 1];
	struct before before = { .len = -ENOENT };
	int r;

	if (force)
		before.len = store_read(s, IDENTITY_PUB, before.text, sizeof(before.text), 0);
	public_key_format(public, public_text);
	r = store_write(s, IDENTITY_PUB, public_text, KEYFILE_PUBLIC, replace);
	if (r < 0)
		return r;
	secret_key_format(secret, secret_text);
	r = store_write(s, IDENTITY_KEY, secret_text, KEYFILE_SECRET, STORE_SECRET | replace);
	wipe(secret_text, sizeof(secret_text));
	if (r < 0)
		undo_public(s, &before);
	return r;
}

static enum exit_code refuse_overwrite(const struct store *s, bool key, bool public)
{
	const char *half = key ? IDENTITY_KEY : IDENTITY_PUB;

	return fail(EXIT_REFUSED, "%s is already in %s; --force replaces it for good",
		    key && public ? "an identity" : half, s->path);
}

static void print_identity(const struct store *s, const struct public_key *key)
{
	struct prefix prefix = mesh_ipv4_default_prefix();
	char text[KEYFILE_PUBLIC + 1], ipv4[IP_TEXT], ipv6[IP_TEXT];
	struct ip ip;

	public_key_format(key, text);
	mesh_ipv4(key, 0, &prefix, &ip);
	ip_format(&ip, ipv4);
	mesh_ipv6(key, &ip);
	ip_format(&ip, ipv6);
	printf("public key  %s"
	       "mesh IPv4   %s\n"
	       "mesh IPv6   %s\n"
	       "kept in     %s\n", text, ipv4, ipv6, s->path);
}

static enum exit_code run_keygen(const struct arguments *a)
{
	bool force = has_option(a, "force");
	struct public_key public;
	struct secret_key secret;
	struct store s;
	int r;

	if (!start_crypto() || create_store(&s) < 0)
		return EXIT_FAILED;

	bool has_key = store_exists(&s, IDENTITY_KEY), has_public = store_exists(&s, IDENTITY_PUB);

	if (!force && (has_key || has_public)) {
		refuse_overwrite(&s, has_key, has_public);
		store_close(&s);
		return EXIT_REFUSED;
	}
	make_pair(&public, &secret);
	r = write_pair(&s, &public, &secret, force);
	wipe(&secret, sizeof(secret));
	if (r < 0)
		note("%s", s.error);
	else
		print_identity(&s, &public);
	if (r == 0 && has_key)
		note("the others must trust the new key; a running daemon keeps the old one until "
		     "it is started again");
	store_close(&s);
	return r == 0 ? EXIT_DONE : r == -EEXIST ? EXIT_REFUSED : EXIT_FAILED;
}

const struct command command_keygen = {
	.name = "keygen",
	.summary = "make this machine's identity: one Ed25519 key pair",
	.words = "",
	.options = (const struct option_spec[]){
		{ .name = "force", .kind = OPTION_FLAG,
		  .help = "replace the identity that is there; it is lost for good" },
		{ 0 } },
	.text = "Makes identity.key (secret, mode 0600) and identity.pub in the configuration\n"
		"directory. Says the public key and the mesh addresses that follow from it. Does\n"
		"not touch anything that is there already, half a pair included.",
	.example = "meshguard keygen",
	.run = run_keygen,
};

static enum exit_code no_directory(const struct store *s)
{
	return fail(EXIT_FAILED, "there is no identity in %s; make one with: meshguard keygen",
		    s->path);
}

static enum exit_code run_export(const struct arguments *a)
{
	char text[KEYFILE_PUBLIC + 1];
	struct identity id;
	struct store s;
	int r;

	(void)a;
	if (!start_crypto())
		return EXIT_FAILED;
	r = open_store(&s);
	if (r < 0)
		return r == -ENOENT ? no_directory(&s) : EXIT_FAILED;
	read_identity(&s, &id);
	store_close(&s);
	switch (id.state) {
	case IDENTITY_NONE:
		return no_directory(&s);
	case IDENTITY_UNUSABLE:
		return fail(EXIT_FAILED, "%s", id.problem);
	case IDENTITY_GOOD:
		break;
	}
	if (id.lacks_public)
		note("%s/%s is missing; the key is the one of %s", s.path, IDENTITY_PUB,
		     IDENTITY_KEY);
	public_key_format(&id.key, text);
	fputs(text, stdout);
	return EXIT_DONE;
}

const struct command command_export = {
	.name = "export",
	.summary = "print the public key",
	.words = "",
	.text = "Prints the public key as one line, for others to trust. It is checked against\n"
		"the secret key first.",
	.example = "meshguard export > alice.pub",
	.run = run_export,
};
