/* cmd_identity.c - keygen and export. */
#include "cli/command.h"
#include "cli/keys.h"
#include "cli/rotation.h"

#include "identity/address.h"
#include "identity/keyfile.h"

#include <errno.h>
#include <stdio.h>

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
	struct public_key public;
	enum exit_code code;
	struct store s;
	bool replaces;

	if (!start_crypto() || create_store(&s) < 0)
		return EXIT_FAILED;
	replaces = store_exists(&s, IDENTITY_KEY);
	code = make_pair(&s, &identity_files, has_option(a, "force"), &public);
	if (code == EXIT_DONE)
		print_identity(&s, &public);
	if (code == EXIT_DONE && replaces)
		note("the others must trust the new key; a running daemon keeps the old one until "
		     "it is started again");
	store_close(&s);
	return code;
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

static enum exit_code nothing_there(const struct store *s, bool org)
{
	return fail(EXIT_FAILED, "there is no %s in %s; make one with: meshguard %s",
		    org ? "org" : "identity", s->path, org ? "org-keygen" : "keygen");
}

/* The key that a rotation announces. */
static enum exit_code export_next(struct store *s)
{
	char text[KEYFILE_PUBLIC + 1];
	struct rotation r;
	enum exit_code code = rotation_read(s, &r);

	if (code != EXIT_DONE)
		return code;
	if (r.pending) {
		public_key_format(&r.next, text);
		fputs(text, stdout);
	} else {
		code = fail(EXIT_FAILED, "no rotation is pending; begin one with: meshguard "
			    "rotate");
	}
	rotation_close(&r);
	return code;
}

static enum exit_code run_export(const struct arguments *a)
{
	bool org = has_option(a, "org");
	const struct pair_files *files = org ? &org_files : &identity_files;
	char text[KEYFILE_PUBLIC + 1];
	struct identity id;
	struct store s;
	int r;

	if (org && has_option(a, "next"))
		return fail(EXIT_USAGE, "--org and --next do not go together");
	if (!start_crypto())
		return EXIT_FAILED;
	r = open_store(&s);
	if (r < 0)
		return r == -ENOENT ? nothing_there(&s, org) : EXIT_FAILED;
	if (has_option(a, "next")) {
		enum exit_code code = export_next(&s);

		store_close(&s);
		return code;
	}
	read_pair(&s, files, &id, NULL);
	store_close(&s);
	switch (id.state) {
	case IDENTITY_NONE:
		return nothing_there(&s, org);
	case IDENTITY_UNUSABLE:
		return fail(EXIT_FAILED, "%s", id.problem);
	case IDENTITY_GOOD:
		break;
	}
	if (id.lacks_public)
		note("%s/%s is missing; the key is the one of %s", s.path, files->public,
		     files->secret);
	public_key_format(&id.key, text);
	fputs(text, stdout);
	return EXIT_DONE;
}

const struct command command_export = {
	.name = "export",
	.summary = "print the public key",
	.words = "",
	.options = (const struct option_spec[]){
		{ .name = "org", .kind = OPTION_FLAG,
		  .help = "the key of the org that was made here with org-keygen" },
		{ .name = "next", .kind = OPTION_FLAG, .help = "the key that rotate announces" },
		{ 0 } },
	.text = "Prints the public key as one line, for others to trust. It is checked against\n"
		"the secret key first.",
	.example = "meshguard export > alice.pub",
	.run = run_export,
};
