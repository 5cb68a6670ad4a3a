#include "linux/store_tokens.h"

#include "base/text.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/store_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEYS_FOLDER "authorized_keys"
#define FILE_NAME 128u
#define FILE_TEXT 2048u
#define SAME_NAMES 9u

static const char *const outcomes[OUTCOMES] = {
	"none", "joined", "asked", "used", "expired", "refused",
};

static void path_of(char out[static FILE_NAME], const char *folder, const char *id,
		    const char *ending)
{
	snprintf(out, FILE_NAME, "%.20s/%.80s%s", folder, id, ending);
}

static bool is_id(const char *text, size_t len)
{
	uint8_t id[TOKEN_ID];

	return hex_decode(text, len, id, sizeof(id));
}

static bool ends_with(const char *text, const char *ending)
{
	size_t n = strlen(text), k = strlen(ending);

	return n > k && !strcmp(text + n - k, ending);
}

bool is_token_file(const char *file)
{
	size_t n = strcspn(file, ".");

	return is_id(file, n) && (!file[n] || !strcmp(file + n, ".used")
				  || !strcmp(file + n, ".done"));
}

/* --- text -------------------------------------------------------------------------------- */

static bool take_outcome(struct token_file *f, const char *word)
{
	for (unsigned i = 0; i < OUTCOMES; i++) {
		if (strcmp(word, outcomes[i]) != 0)
			continue;
		f->outcome = (enum token_outcome)i;
		return true;
	}
	return false;
}

/* One line, without its end; false for what is not understood. */
static bool take_line(struct token_file *f, const char *word, const char *value)
{
	const size_t n = strlen(value);

	if (!strcmp(word, "token"))
		return token_read(value, n, &f->token) == TOKEN_OK;
	if (!strcmp(word, "confirm"))
		return f->confirm = true;
	if (!strcmp(word, "name")) {
		if (!name_valid(value, n))
			return false;
		memcpy(f->name, value, n + 1);
		return true;
	}
	if (!strcmp(word, "outcome"))
		return take_outcome(f, value);
	if (!strcmp(word, "from"))
		return endpoint_parse(value, n, 0, &f->from);
	if (!strcmp(word, "expires"))
		return parse_u64(value, n, UINT64_MAX / 2, &f->expires);
	if (!strcmp(word, "at"))
		return parse_u64(value, n, UINT64_MAX / 2, &f->at);
	if (!strcmp(word, "mark"))
		return base64_decode(value, n, f->mark.b, sizeof(f->mark.b));
	if (!strcmp(word, "key"))
		return base64_decode(value, n, f->key.b, sizeof(f->key.b));
	return false;
}

/* Cuts the text into lines as it goes. */
static bool take_lines(struct token_file *f, char *text)
{
	for (char *line = text, *end; *line; line = end + 1) {
		char *value;

		end = strchr(line, '\n');
		if (!end)
			return false;
		*end = '\0';
		value = strchr(line, ' ');
		if (value)
			*value++ = '\0';
		if (!take_line(f, line, value ? value : ""))
			return false;
	}
	return true;
}

int token_load(struct store *s, const char *folder, const char *file, struct token_file *out)
{
	char path[FILE_NAME], text[FILE_TEXT + 1];
	ssize_t n;
	bool good;

	*out = (struct token_file){ 0 };
	if (!is_token_file(file))
		return store_fail(s, -EBADMSG, "%s/%s/%.80s is no file of a token", s->path,
				  folder, file);
	path_of(path, folder, file, "");
	n = store_read(s, path, text, FILE_TEXT, STORE_SECRET);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	good = !memchr(text, 0, (size_t)n) && take_lines(out, text);
	wipe(text, sizeof(text));
	memcpy(out->id, file, TOKEN_ID_TEXT);
	out->ended = file[TOKEN_ID_TEXT] == '.';
	/* A use that was cut short leaves the token where its end should be told. */
	if (out->token.expires) {
		char id[TOKEN_ID_TEXT + 1];

		hex_encode(out->token.id, TOKEN_ID, id, sizeof(id));
		good &= !strcmp(id, out->id);
		out->expires = out->token.expires;
		token_mark(&out->token, &out->mark);
	}
	if (good && (out->token.expires || out->ended))
		return 0;
	wipe(out, sizeof(*out));
	return store_fail(s, -EBADMSG, "%s/%s does not hold what it should", s->path, path);
}

/* How it ended; the token is not in it. */
static int write_end(struct store *s, const char *folder, const struct token_file *f)
{
	char text[FILE_TEXT], path[FILE_NAME], mark[BASE64_LEN(32) + 1], key[BASE64_LEN(32) + 1];
	char from[ENDPOINT_TEXT];
	struct text t = text_of(text, sizeof(text));
	int r;

	base64_encode(f->mark.b, sizeof(f->mark.b), mark, sizeof(mark));
	base64_encode(f->key.b, sizeof(f->key.b), key, sizeof(key));
	text_add(&t, "outcome ");
	text_add(&t, outcomes[f->outcome]);
	text_add(&t, "\nat ");
	text_u64(&t, f->at);
	text_add(&t, "\nexpires ");
	text_u64(&t, f->expires);
	text_add(&t, "\nkey ");
	text_add(&t, key);
	if (!strcmp(folder, INVITATION_FOLDER)) {
		text_add(&t, "\nmark ");
		text_add(&t, mark);
	}
	if (endpoint_is_set(&f->from)) {
		endpoint_format(&f->from, from);
		text_add(&t, "\nfrom ");
		text_add(&t, from);
	}
	if (f->name[0]) {
		text_add(&t, "\nname ");
		text_add(&t, f->name);
	}
	text_add(&t, "\n");
	path_of(path, folder, f->id, strcmp(folder, JOIN_FOLDER) ? ".used" : ".done");
	r = store_write(s, path, text, t.len, STORE_SECRET | STORE_REPLACE);
	wipe(text, sizeof(text));
	return r;
}

/* --- who is trusted ------------------------------------------------------------------------ */

struct search {
	struct store *store;
	const struct public_key *key;
	char *name;
};

static int look(void *ctx, const char *file)
{
	struct search *x = ctx;
	char path[sizeof(KEYS_FOLDER) + NAME_MAX + 2], text[256];
	size_t len = strlen(file) < 4 ? 0 : strlen(file) - 4;
	struct public_key key;
	ssize_t n;

	if (!ends_with(file, ".pub") || !name_valid(file, len))
		return 0;
	snprintf(path, sizeof(path), KEYS_FOLDER "/%s", file);
	n = store_read(x->store, path, text, sizeof(text), 0);
	if (n <= 0 || public_key_parse(text, (size_t)n, &key) != KEY_OK
	    || memcmp(&key, x->key, sizeof(key)) != 0)
		return 0;
	memcpy(x->name, file, len);
	x->name[len] = '\0';
	return 1;
}

/* Under a name that is free: the wished one, the one that is made of the key, or that and a number.
 * A key that is trusted stays as it is. name: the wish, and what it is called. */
static int trust(struct store *s, const struct public_key *key, char name[static MAX_NAME + 1])
{
	char text[KEYFILE_PUBLIC + 1], path[FILE_NAME], plain[MAX_NAME + 1], found[MAX_NAME + 1];
	struct search x = { s, key, found };
	int r = store_list(s, KEYS_FOLDER, look, &x);

	if (r < 0)
		return r;
	if (r == 1) {
		memcpy(name, found, sizeof(found));
		return 0;
	}
	public_key_format(key, text);
	name_default(key, plain);
	if (!name[0])
		memcpy(name, plain, sizeof(plain));
	for (unsigned i = 1; i <= SAME_NAMES; i++) {
		snprintf(path, sizeof(path), KEYS_FOLDER "/%s.pub", name);
		r = store_write(s, path, text, KEYFILE_PUBLIC, 0);
		if (r != -EEXIST)
			return r;
		if (i == 1)
			snprintf(name, MAX_NAME + 1, "%s", plain);
		else
			snprintf(name, MAX_NAME + 1, "%.60s-%u", plain, i);
	}
	return r;
}

/* Where it was met; that this could not be written breaks nothing. */
static void save_seed(struct store *s, const char *name, const struct endpoint *at)
{
	char path[FILE_NAME], text[ENDPOINT_TEXT + 2];
	struct endpoint plain = { .ip = at->ip, .port = at->port };

	if (!endpoint_is_set(at) || at->scope)
		return;
	endpoint_format(&plain, text);
	strcat(text, "\n");
	snprintf(path, sizeof(path), SEED_FOLDER "/%s.seed", name);
	if (store_write(s, path, text, strlen(text), STORE_REPLACE) < 0)
		s->error[0] = '\0';
}

/* --- beginning and end --------------------------------------------------------------------- */

int token_store(struct store *s, const char *folder, const struct token *t, const char *text,
		const char *name, bool confirm)
{
	char path[FILE_NAME], ended[FILE_NAME], id[TOKEN_ID_TEXT + 1], all[FILE_TEXT];
	int n, r;

	hex_encode(t->id, sizeof(t->id), id, sizeof(id));
	path_of(path, folder, id, "");
	path_of(ended, folder, id, strcmp(folder, JOIN_FOLDER) ? ".used" : ".done");
	if (store_exists(s, ended))
		return store_fail(s, -EEXIST, "%s/%s is already there", s->path, ended);
	n = snprintf(all, sizeof(all), "token %s\n%s%s%s%s", text, name && name[0] ? "name " : "",
		     name ? name : "", name && name[0] ? "\n" : "", confirm ? "confirm\n" : "");
	r = store_write(s, path, all, (size_t)n, STORE_SECRET);
	wipe(all, sizeof(all));
	return r;
}

int token_remove(struct store *s, const char *folder, const char *id)
{
	char path[FILE_NAME];
	int r;

	path_of(path, folder, id, ".reply");
	if (!strcmp(folder, INVITATION_FOLDER) && store_exists(s, path)
	    && store_remove(s, path) < 0)
		return -EIO;
	path_of(path, folder, id, "");
	r = store_remove(s, path);
	return r;
}

/* The other one is trusted, known where, and that is told. */
static int settle(struct store *s, const char *folder, struct token_file *f,
		  const struct endpoint *at)
{
	int r = trust(s, &f->key, f->name);

	if (r < 0)
		return r;
	save_seed(s, f->name, at);
	f->outcome = OUTCOME_JOINED;
	r = write_end(s, folder, f);
	return r < 0 ? r : OUTCOME_JOINED;
}

static int end_as(struct store *s, struct token_file *f, enum token_outcome outcome)
{
	int r;

	f->outcome = outcome;
	r = write_end(s, INVITATION_FOLDER, f);
	return r < 0 ? r : (int)outcome;
}

/* Nobody is trusted yet: he may. */
static int come_again(struct store *s, const char *to, const char *from, int error)
{
	char why[sizeof(s->error)];

	memcpy(why, s->error, sizeof(why));
	(void)!store_rename(s, to, from);
	memcpy(s->error, why, sizeof(why));
	return error;
}

int invitation_use(struct store *s, const char *id, const struct public_key *key,
		   const struct endpoint *at, uint64_t now)
{
	char from[FILE_NAME], to[FILE_NAME], file[FILE_NAME];
	struct token_file f;
	int r;

	path_of(from, INVITATION_FOLDER, id, "");
	path_of(to, INVITATION_FOLDER, id, ".used");
	r = store_rename(s, from, to);
	if (r == -ENOENT || r == -EEXIST)
		return OUTCOME_USED;
	if (r < 0)
		return r;
	snprintf(file, sizeof(file), "%.16s.used", id);
	r = token_load(s, INVITATION_FOLDER, file, &f);
	if (r < 0)
		return come_again(s, to, from, r);
	f.key = *key;
	f.at = now;
	if (f.confirm)
		f.from = (struct endpoint){ .ip = at->ip, .port = at->port };
	if (now >= f.expires)
		r = end_as(s, &f, OUTCOME_EXPIRED);
	else if (f.confirm)
		r = end_as(s, &f, OUTCOME_ASKED);
	else
		r = settle(s, INVITATION_FOLDER, &f, at);
	if (r < 0 && f.outcome == OUTCOME_JOINED) /* trusted; how it ended is told as cut short */
		r = OUTCOME_JOINED;
	wipe(&f, sizeof(f));
	path_of(file, INVITATION_FOLDER, id, ".reply");
	if (r > 0 && store_exists(s, file) && store_remove(s, file) < 0)
		s->error[0] = '\0';
	return r < 0 ? come_again(s, to, from, r) : r;
}

int invitation_decide(struct store *s, const char *id, bool yes, uint64_t now)
{
	char file[FILE_NAME];
	struct endpoint at;
	struct token_file f;
	int r;

	snprintf(file, sizeof(file), "%.16s.used", id);
	r = token_load(s, INVITATION_FOLDER, file, &f);
	if (r < 0)
		return r;
	if (f.outcome != OUTCOME_ASKED)
		return store_fail(s, -ENOENT, "nobody waits to be let in by %s", id);
	f.at = now;
	at = f.from;
	memset(&f.from, 0, sizeof(f.from));
	r = yes ? settle(s, INVITATION_FOLDER, &f, &at) : end_as(s, &f, OUTCOME_REFUSED);
	wipe(&f, sizeof(f));
	return r;
}

int join_end(struct store *s, const char *id, enum token_outcome outcome,
	     const struct endpoint *at, uint64_t now)
{
	struct token_file f;
	int r = token_load(s, JOIN_FOLDER, id, &f), removed;

	if (r < 0)
		return r;
	f.key = f.token.key;
	f.at = now;
	f.outcome = outcome;
	r = outcome == OUTCOME_JOINED ? settle(s, JOIN_FOLDER, &f, at)
				      : write_end(s, JOIN_FOLDER, &f);
	wipe(&f, sizeof(f));
	if (r < 0)
		return r;
	removed = token_remove(s, JOIN_FOLDER, id);
	return removed < 0 ? removed : (int)outcome;
}

void token_mend(struct store *s, const struct token_file *f)
{
	struct token_file end = *f;

	if (f->ended && f->token.expires && end_as(s, &end, OUTCOME_NONE) < 0)
		s->error[0] = '\0';
	wipe(&end, sizeof(end));
}

/* --- addresses ----------------------------------------------------------------------------- */

#define SYMMETRIC " symmetric"

/* hard: NULL, where that cannot be said. */
static int load_endpoint(struct store *s, const char *path, struct endpoint *out, bool *hard)
{
	char text[ENDPOINT_TEXT + sizeof(SYMMETRIC) + 1];
	ssize_t n = store_read(s, path, text, sizeof(text), 0);

	if (n < 0)
		return (int)n;
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' ' || text[n - 1] == '\r'))
		n--;
	if (hard) {
		const ssize_t len = sizeof(SYMMETRIC) - 1;

		*hard = n > len && !memcmp(text + n - len, SYMMETRIC, (size_t)len);
		n -= *hard ? len : 0;
	}
	if (endpoint_parse(text, (size_t)n, MESH_PORT, out) && ip_is_unicast(&out->ip))
		return 0;
	return store_fail(s, -EBADMSG, "%s/%s holds no address: it must be ADDRESS:PORT", s->path,
			  path);
}

int reply_store(struct store *s, const char *id, const struct endpoint *at, bool hard)
{
	char path[FILE_NAME], text[ENDPOINT_TEXT + sizeof(SYMMETRIC) + 1];

	endpoint_format(at, text);
	strcat(text, hard ? SYMMETRIC "\n" : "\n");
	path_of(path, INVITATION_FOLDER, id, ".reply");
	return store_write(s, path, text, strlen(text), STORE_SECRET | STORE_REPLACE);
}

int reply_load(struct store *s, const char *id, struct endpoint *out, bool *hard)
{
	char path[FILE_NAME];

	path_of(path, INVITATION_FOLDER, id, ".reply");
	return load_endpoint(s, path, out, hard);
}

bool is_seed_file(const char *file)
{
	size_t n = strlen(file);

	return ends_with(file, ".seed") && name_valid(file, n - 5);
}

int seed_load(struct store *s, const char *file, struct endpoint *out)
{
	char path[FILE_NAME];

	path_of(path, SEED_FOLDER, file, "");
	return load_endpoint(s, path, out, NULL);
}

bool seed_exists(struct store *s, const char *name)
{
	char path[FILE_NAME];

	path_of(path, SEED_FOLDER, name, ".seed");
	return store_exists(s, path);
}

int seed_remove(struct store *s, const char *name)
{
	char path[FILE_NAME];

	path_of(path, SEED_FOLDER, name, ".seed");
	return store_remove(s, path);
}
