#include "cli/rotation.h"

#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/store_orgs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum exit_code read_own(struct store *s, struct rotation *r)
{
	read_pair(s, &identity_files, &r->now, &r->secret);
	switch (r->now.state) {
	case IDENTITY_NONE:
		return fail(EXIT_FAILED, "there is no identity in %s; make one with: meshguard "
			    "keygen", s->path);
	case IDENTITY_UNUSABLE:
		return fail(EXIT_FAILED, "%s", r->now.problem);
	case IDENTITY_GOOD:
		break;
	}
	return EXIT_DONE;
}

static enum exit_code read_next(struct store *s, struct rotation *r)
{
	char text[MAX_KEY_TEXT];
	ssize_t n = store_read(s, NEXT_KEY, text, sizeof(text), STORE_SECRET);
	enum key_problem p;

	if (n == -ENOENT)
		return EXIT_DONE;
	if (n < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	p = secret_key_parse(text, (size_t)n, &r->next_secret, &r->next);
	wipe(text, sizeof(text));
	if (p != KEY_OK)
		return fail(EXIT_FAILED, "%s/" NEXT_KEY " is %s; move it away", s->path,
			    key_problem_text(p));
	r->has_next = true;
	r->is_switched = !memcmp(&r->next, &r->now.key, sizeof(r->next));
	return EXIT_DONE;
}

static enum exit_code read_statement(struct store *s, struct rotation *r)
{
	int found;

	if (!r->has_next || r->is_switched)
		return EXIT_DONE;
	found = store_statement_read(s, STATEMENT_SUCCESSOR, &r->now.key, &r->next, &r->statement);
	if (found < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	r->pending = found;
	return EXIT_DONE;
}

enum exit_code rotation_read(struct store *s, struct rotation *out)
{
	enum exit_code code;

	memset(out, 0, sizeof(*out));
	code = read_own(s, out);
	if (code == EXIT_DONE)
		code = read_next(s, out);
	if (code == EXIT_DONE)
		code = read_statement(s, out);
	if (code != EXIT_DONE)
		rotation_close(out);
	return code;
}

void rotation_close(struct rotation *r)
{
	wipe(r, sizeof(*r));
}

struct search {
	const struct public_key *issuer;
	struct successors *out;
};

static int look(void *ctx, const struct statement *st)
{
	const struct search *l = ctx;

	if (!st || st->body.kind != STATEMENT_SUCCESSOR
	    || memcmp(&st->body.issuer, l->issuer, sizeof(*l->issuer)) != 0)
		return 0;
	*(l->out->count ? &l->out->second : &l->out->first) = *st;
	return ++l->out->count == 2; /* a third says nothing more */
}

int successors_of(struct store *s, const struct public_key *issuer, struct successors *out)
{
	int r;

	memset(out, 0, sizeof(*out));
	r = store_each_statement(s, STATEMENT_SUCCESSOR, look, &(struct search){ issuer, out });
	return r < 0 ? r : 0;
}

void format_addresses(const struct public_key *key, char out[static ADDRESSES_TEXT])
{
	struct prefix prefix = mesh_ipv4_default_prefix();
	char ipv4[IP_TEXT], ipv6[IP_TEXT];
	struct ip ip;

	mesh_ipv4(key, 0, &prefix, &ip);
	ip_format(&ip, ipv4);
	mesh_ipv6(key, &ip);
	ip_format(&ip, ipv6);
	snprintf(out, ADDRESSES_TEXT, "%s, %s", ipv4, ipv6);
}
