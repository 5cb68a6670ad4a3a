/* cmd_connect.c - two machines become peers by one token. */
#include "cli/connect.h"

#include "identity/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- what both sides need ------------------------------------------------------------------ */

static enum exit_code name_is_free(struct connect *c)
{
	char file[TRUST_FILE];

	if (!c->name[0])
		return EXIT_DONE;
	trust_file(file, TRUST_FOLDER, c->name);
	if (!store_exists(&c->store, file))
		return EXIT_DONE;
	return fail(EXIT_REFUSED, "the name %s is taken; choose another with --name", c->name);
}

enum exit_code connect_open(struct connect *c)
{
	int r;

	if (!start_crypto())
		return EXIT_FAILED;
	r = open_store(&c->store);
	if (r < 0 && r != -ENOENT)
		return EXIT_FAILED;
	read_pair(&c->store, &identity_files, &c->identity, &c->secret);
	if (c->identity.state == IDENTITY_UNUSABLE)
		return fail(EXIT_FAILED, "%s", c->identity.problem);
	if (c->identity.state == IDENTITY_NONE)
		return fail(EXIT_FAILED, "this machine has no identity yet; make one with: "
			    "meshguard keygen");
	return name_is_free(c);
}

void connect_say(const struct connect *c, const struct token_file *f)
{
	char print[FINGERPRINT_TEXT], ipv4[IP_TEXT];
	bool up = connect_tunnel(c, &f->key);
	struct ip ip;

	mesh_ipv4(&f->key, 0, &c->node.prefix, &ip);
	ip_format(&ip, ipv4);
	fingerprint_format(&f->key, print);
	note("connected with %s (%s); the fingerprint of its key: %s", f->name, ipv4, print);
	if (!up)
		note("%s is trusted, but does not answer yet; see meshguard status", f->name);
	else if (c->exchange_only)
		note("for the tunnel: sudo meshguard up");
	else if (c->started)
		note("the daemon stays up until: meshguard down");
}

/* --- the command line ---------------------------------------------------------------------- */

static const char *const kinds[] = { "generate", "join", "reply", "list", "cancel" };
enum kind { GENERATE, JOIN, REPLY, LIST, CANCEL, KINDS };

/* Exactly one of them, and only what goes with it. */
static bool choose(const struct arguments *a, enum kind *out)
{
	static const struct { const char *option; unsigned kinds; } with[] = {
		{ "in", 1u << GENERATE }, { "qr", 1u << GENERATE }, { "confirm", 1u << GENERATE },
		{ "name", 1u << GENERATE | 1u << JOIN },
		{ "interface", 1u << GENERATE | 1u << JOIN },
	};
	unsigned given = 0;

	for (unsigned i = 0; i < KINDS; i++) {
		if (!has_option(a, kinds[i]))
			continue;
		*out = (enum kind)i;
		given++;
	}
	for (size_t i = 0; i < sizeof(with) / sizeof(*with); i++) {
		if (!has_option(a, with[i].option) || (given && with[i].kinds >> *out & 1))
			continue;
		note("connect: --%s goes with --generate%s", with[i].option,
		     with[i].kinds >> JOIN & 1 ? " and --join" : "");
		return false;
	}
	if (given != 1)
		note("connect: one of --generate, --join TOKEN, --reply CODE, --list and --cancel "
		     "ID is needed");
	return given == 1;
}

/* Nothing that was started for it stays when nothing came of it, or nothing can. */
static enum exit_code finish(struct connect *c, enum exit_code code)
{
	if (code != EXIT_DONE || c->exchange_only)
		connect_stop(c);
	wipe(&c->secret, sizeof(c->secret));
	store_close(&c->store);
	return code;
}

static enum exit_code look_at_invitations(struct store *s, enum kind kind, const char *id)
{
	enum exit_code code;
	int r = open_store(s);

	if (r < 0 && r != -ENOENT)
		return EXIT_FAILED;
	if (!start_crypto())
		return EXIT_FAILED;
	code = kind == LIST ? connect_list(s) : connect_cancel(s, id);
	store_close(s);
	return code;
}

static enum exit_code run(const struct arguments *a)
{
	static struct connect c;
	enum kind kind = KINDS;

	c.store.dir = -1;
	c.name = option_text(a, "name", "");
	if (!choose(a, &kind) || !chosen_interface(a, &c.interface))
		return EXIT_USAGE;
	if (has_option(a, "name") && !name_valid(c.name, strlen(c.name)))
		return fail(EXIT_USAGE, "--name %.80s: " NAME_RULE, c.name);
	switch (kind) {
	case GENERATE:
		return finish(&c, connect_generate(&c, option_number(a, "in", CONNECT_MINUTES),
						   has_option(a, "confirm"), has_option(a, "qr")));
	case JOIN:
		return finish(&c, connect_join(&c, option_text(a, "join", "")));
	case REPLY:
		return finish(&c, connect_reply(&c, option_text(a, "reply", "")));
	default:
		return look_at_invitations(&c.store, kind, option_text(a, "cancel", ""));
	}
}

const struct command command_connect = {
	.name = "connect",
	.summary = "connect with another machine by a token",
	.words = "",
	.options = (const struct option_spec[]){
		{ .name = "generate", .kind = OPTION_FLAG,
		  .help = "make a token, and wait for who joins by it" },
		{ .name = "join", .kind = OPTION_TEXT, .value = "TOKEN",
		  .help = "join by a token; -: from standard input" },
		{ .name = "in", .kind = OPTION_NUMBER, .min = 1, .max = 1440, .value = "MINUTES",
		  .help = "when the token expires (default: 10)" },
		{ .name = "name", .kind = OPTION_TEXT, .value = "NAME",
		  .help = "what to call the peer here" },
		{ .name = "confirm", .kind = OPTION_FLAG,
		  .help = "ask before the peer is let in" },
		{ .name = "qr", .kind = OPTION_FLAG, .help = "show the token as a QR code, too" },
		{ .name = "reply", .kind = OPTION_TEXT, .value = "CODE",
		  .help = "the code that --join showed" },
		{ .name = "list", .kind = OPTION_FLAG, .help = "the invitations made here" },
		{ .name = "cancel", .kind = OPTION_TEXT, .value = "ID",
		  .help = "nobody comes by that invitation any more" },
		INTERFACE_OPTION,
		{ 0 } },
	.text = "One machine makes a token, the other one joins by it, and both trust each other:\n"
		"a token is a secret, and good for the first who comes. It goes through the\n"
		"running daemon, or through one that is started for it and stays up until\n"
		"`meshguard down`. Where who made the token cannot be reached, --join shows a\n"
		"short code that must be typed there.",
	.example = "meshguard connect --generate",
	.run = run,
};
