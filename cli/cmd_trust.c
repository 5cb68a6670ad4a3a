/* cmd_trust.c - trust and revoke: a key is trusted while authorized_keys/NAME.pub holds it. A
 * running daemon watches that folder. */
#include "cli/command.h"
#include "cli/keys.h"

#include "identity/address.h"
#include "identity/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Reads what a path or standard input holds, at most cap bytes; -EFBIG when there is more. */
static ssize_t read_text(int fd, char *out, size_t cap)
{
	size_t have = 0;

	while (have <= cap) {
		char more;
		ssize_t n = have < cap ? read(fd, out + have, cap - have) : read(fd, &more, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)have;
		have += (size_t)n;
	}
	return -EFBIG;
}

/* A path when it can be no key in base64, or when there is such a file. */
static bool means_path(const char *word)
{
	return strpbrk(word, ".-_~") || word[0] == '/' || access(word, F_OK) == 0;
}

static enum exit_code parse_text(const char *what, const char *text, size_t len,
				 struct public_key *key)
{
	enum key_problem p = public_key_parse(text, len, key);

	if (p == KEY_OK)
		return EXIT_DONE;
	return fail(EXIT_USAGE, "%.200s: %s", what, key_problem_text(p));
}

static enum exit_code parse_stream(const char *what, int fd, struct public_key *key)
{
	char text[MAX_KEY_TEXT];
	ssize_t n = read_text(fd, text, sizeof(text));

	if (n == -EFBIG)
		return fail(EXIT_USAGE, "%.200s: %s", what, key_problem_text(KEY_NOT_BASE64));
	if (n < 0)
		return fail(EXIT_FAILED, "cannot read %.200s: %s", what, strerror((int)-n));
	return parse_text(what, text, (size_t)n, key);
}

/* The key that the word is, or that lies where it points. */
static enum exit_code key_of_word(const char *word, struct public_key *key)
{
	enum exit_code code;
	int fd;

	if (!strcmp(word, "-"))
		return parse_stream("standard input", STDIN_FILENO, key);
	if (public_key_parse(word, strlen(word), key) != KEY_NOT_BASE64 || !means_path(word))
		return parse_text(word, word, strlen(word), key);
	/* A pipe that nobody writes to must not hold us; one that somebody does is waited for. */
	fd = open(word, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && fcntl(fd, F_SETFL, 0) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		return fail(EXIT_FAILED, "cannot read %.200s: %s", word, strerror(errno));
	code = parse_stream(word, fd, key);
	close(fd);
	return code;
}

struct search {
	const struct public_key *key;
	const char *name;
	char same_key[NAME_MAX + 1];   /* the first name that holds it, "" for none */
	char twin[NAME_MAX + 1];
	bool same_both;
	bool name_taken;               /* by another key, or by a file that holds none */
	bool name_good;
	unsigned unusable;
};

static int look(void *ctx, const struct trusted *t)
{
	struct search *s = ctx;
	bool same_name = !strcmp(t->name, s->name);
	bool same_key = t->good && !memcmp(&t->key, s->key, sizeof(t->key));

	s->unusable += !t->good;
	if (same_key && same_name)
		s->same_both = true;
	else if (same_key && !s->same_key[0])
		memcpy(s->same_key, t->name, sizeof(s->same_key));
	else if (t->good && !same_key && keys_are_twins(&t->key, s->key) && !s->twin[0])
		memcpy(s->twin, t->name, sizeof(s->twin));
	if (same_name && !same_key) {
		s->name_taken = true;
		s->name_good = t->good;
	}
	return 0;
}

static enum exit_code refuse_own(struct store *s, const struct public_key *key)
{
	struct identity id;

	read_identity(s, &id);
	if (id.state == IDENTITY_GOOD && keys_are_twins(&id.key, key))
		return fail(EXIT_REFUSED, memcmp(&id.key, key, sizeof(*key))
			    ? "this key has the same tunnel key as this machine's own"
			    : "this is this machine's own key; trust the keys of the others");
	return EXIT_DONE;
}

static enum exit_code add(struct store *s, const struct public_key *key, const char *name)
{
	struct prefix prefix = mesh_ipv4_default_prefix();
	char text[KEYFILE_PUBLIC + 1], file[TRUST_FILE], ipv4[IP_TEXT], ipv6[IP_TEXT];
	struct ip ip;
	int r;

	trust_file(file, name);
	public_key_format(key, text);
	r = store_write(s, file, text, KEYFILE_PUBLIC, 0);
	if (r < 0)
		return fail(r == -EEXIST ? EXIT_REFUSED : EXIT_FAILED, "%s", s->error);
	mesh_ipv4(key, 0, &prefix, &ip);
	ip_format(&ip, ipv4);
	mesh_ipv6(key, &ip);
	ip_format(&ip, ipv6);
	printf("trusted %s: %s, %s\n", name, ipv4, ipv6);
	return EXIT_DONE;
}

static enum exit_code judge_and_add(struct store *s, const struct public_key *key, const char *name)
{
	struct search found = { .key = key, .name = name };
	enum exit_code code = refuse_own(s, key);

	if (code != EXIT_DONE)
		return code;
	if (each_trusted(s, look, &found) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (found.unusable)
		note("%u unusable entries in %s/" TRUST_FOLDER "; meshguard config show names them",
		     found.unusable, s->path);
	if (found.same_both) {
		printf("%s is trusted already\n", name);
		return EXIT_DONE;
	}
	if (found.same_key[0])
		return fail(EXIT_REFUSED, "this key is trusted already under the name %s",
			    found.same_key);
	if (found.twin[0])
		return fail(EXIT_REFUSED, "this key has the same tunnel key as that of %s",
			    found.twin);
	if (found.name_taken && found.name_good)
		return fail(EXIT_REFUSED,
			    "the name %s belongs to another key; choose another with --name, or "
			    "meshguard revoke %s first",
			    name, name);
	if (found.name_taken)
		return fail(EXIT_REFUSED, "the name %s is taken by a file without a usable key; "
			    "meshguard revoke %s removes it", name, name);
	return add(s, key, name);
}

static enum exit_code run_trust(const struct arguments *a)
{
	const char *given = option_text(a, "name", NULL);
	char name[MAX_NAME + 1];
	struct public_key key;
	enum exit_code code;
	struct store s;

	if (!start_crypto())
		return EXIT_FAILED;
	if (given && !name_valid(given, strlen(given)))
		return fail(EXIT_USAGE,
			    "--name %.80s: a name is 1 to 63 letters, digits, '-', '_', '.', not "
			    "starting with a dot",
			    given);
	code = key_of_word(a->words[0], &key);
	if (code != EXIT_DONE)
		return code;
	if (given)
		memcpy(name, given, strlen(given) + 1);
	else
		name_default(&key, name);
	if (create_store(&s) < 0)
		return EXIT_FAILED;
	code = judge_and_add(&s, &key, name);
	store_close(&s);
	return code;
}

const struct command command_trust = {
	.name = "trust",
	.summary = "let the owner of a public key in",
	.words = "KEY|FILE|-",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){
		{ .name = "name", .kind = OPTION_TEXT, .value = "NAME",
		  .help = "what to call it here (default: made from the key)" },
		{ 0 } },
	.text = "Adds a public key, given in base64, as a file that holds it, or on standard\n"
		"input (-), to authorized_keys/NAME.pub. A running daemon knows within a second.\n"
		"Two machines connect when both trust each other.",
	.example = "meshguard trust alice.pub --name alice",
	.run = run_trust,
};

/* --- revoke ------------------------------------------------------------------------------ */

/* A key may lie there under several names if somebody copied the file; all must go, or it would
 * still be let in. */
#define MAX_HOLDERS 64u

struct holders {
	const struct public_key *key;  /* NULL: only the suggestion is wanted */
	const char *word;
	char names[MAX_HOLDERS][NAME_MAX + 1];
	unsigned count;
	const char *best;              /* the nearest name, in best_text */
	unsigned distance;
	char best_text[NAME_MAX + 1];
};

static int find_holders(void *ctx, const struct trusted *t)
{
	struct holders *h = ctx;
	const char *best = h->best;

	if (h->key && t->good && !memcmp(&t->key, h->key, sizeof(t->key)) && h->count < MAX_HOLDERS)
		memcpy(h->names[h->count++], t->name, sizeof(t->name));
	suggest(h->word, t->name, &best, &h->distance);
	if (best != h->best) {
		memcpy(h->best_text, t->name, sizeof(h->best_text));
		h->best = h->best_text;
	}
	return 0;
}

static enum exit_code remove_name(struct store *s, const char *name)
{
	char file[TRUST_FILE];

	trust_file(file, name);
	if (store_remove(s, file) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	printf("revoked %s\n", name);
	return EXIT_DONE;
}

/* Under every name, however many there are. */
static enum exit_code remove_key(struct store *s, const struct public_key *key, bool *found)
{
	static struct holders h;
	enum exit_code code = EXIT_DONE;

	*found = false;
	do {
		h = (struct holders){ .key = key, .word = "" };
		if (each_trusted(s, find_holders, &h) < 0)
			return fail(EXIT_FAILED, "%s", s->error);
		*found = *found || h.count > 0;
		for (unsigned i = 0; i < h.count && code == EXIT_DONE; i++)
			code = remove_name(s, h.names[i]);
	} while (h.count == MAX_HOLDERS && code == EXIT_DONE);
	return code;
}

static enum exit_code nobody(struct store *s, const char *word)
{
	static struct holders h;

	h = (struct holders){ .word = word };
	if (each_trusted(s, find_holders, &h) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (h.best)
		return fail(EXIT_FAILED, "nobody is trusted by the name %.80s; did you mean %s?",
			    word, h.best);
	return fail(EXIT_FAILED,
		    "nobody is trusted by the name %.80s; meshguard config show lists the names",
		    word);
}

static enum exit_code revoke_name(struct store *s, const char *name)
{
	char file[TRUST_FILE], text[MAX_KEY_TEXT];
	struct public_key key;
	enum exit_code code;
	bool found;

	trust_file(file, name);
	if (!store_exists(s, file))
		return nobody(s, name);

	ssize_t n = store_read(s, file, text, sizeof(text), 0);
	bool holds_key = n > 0 && public_key_parse(text, (size_t)n, &key) == KEY_OK;

	code = remove_name(s, name);
	return code == EXIT_DONE && holds_key ? remove_key(s, &key, &found) : code;
}

static enum exit_code revoke_word(struct store *s, const char *word)
{
	struct public_key key;
	enum exit_code code;
	bool found;

	if (name_valid(word, strlen(word)))
		return revoke_name(s, word);
	if (public_key_parse(word, strlen(word), &key) != KEY_OK)
		return fail(EXIT_USAGE, "\"%.80s\": neither a name nor a public key", word);
	code = remove_key(s, &key, &found);
	if (code == EXIT_DONE && !found)
		return fail(EXIT_FAILED, "this key is not trusted here");
	return code;
}

static enum exit_code run_revoke(const struct arguments *a)
{
	enum exit_code code;
	struct store s;
	int r;

	if (!start_crypto())
		return EXIT_FAILED;
	r = open_store(&s);
	if (r < 0 && r != -ENOENT)
		return EXIT_FAILED;
	code = revoke_word(&s, a->words[0]);
	store_close(&s);
	return code;
}

const struct command command_revoke = {
	.name = "revoke",
	.summary = "let the owner of a trusted key in no more",
	.words = "NAME|KEY",
	.min_words = 1,
	.max_words = 1,
	.text = "Removes authorized_keys/NAME.pub, and every such file that holds the same key.\n"
		"A running daemon closes the tunnel within a second.",
	.example = "meshguard revoke alice",
	.run = run_revoke,
};
