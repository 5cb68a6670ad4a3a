#include "linux/store_successor.h"

#include "base/text.h"
#include "identity/keyfile.h"
#include "linux/services.h"
#include "linux/store_inside.h"
#include "linux/store_orgs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEYS_FOLDER "authorized_keys"
#define KEY_TEXT 256
#define FILE_NAME (sizeof(KEYS_FOLDER) + MAX_NAME + sizeof("/.follow"))

static void file_of(char out[static FILE_NAME], const char *name, const char *ending)
{
	snprintf(out, FILE_NAME, KEYS_FOLDER "/%.63s.%s", name, ending);
}

static bool read_key(struct store *s, const char *file, struct public_key *key)
{
	char text[KEY_TEXT];
	ssize_t n = store_read(s, file, text, sizeof(text), 0);

	return n > 0 && public_key_parse(text, (size_t)n, key) == KEY_OK;
}

static int write_key(struct store *s, const char *name, const char *ending,
		     const struct public_key *key)
{
	char text[KEYFILE_PUBLIC + 1], file[FILE_NAME];

	file_of(file, name, ending);
	public_key_format(key, text);
	return store_write(s, file, text, KEYFILE_PUBLIC, STORE_REPLACE);
}

/* True if the name is free for the old key: nobody's, its own, or that of a key before it. */
static bool is_free(struct store *s, const struct public_key *old, const char *name)
{
	char file[FILE_NAME];
	struct statement st;
	struct public_key key;

	file_of(file, name, "pub");
	if (!store_exists(s, file))
		return true;
	return read_key(s, file, &key)
	       && (!memcmp(&key, old, sizeof(key))
		   || store_statement_read(s, STATEMENT_SUCCESSOR, &key, old, &st) == 1);
}

static bool name_old(struct store *s, const char *name, const struct public_key *old,
		     char out[static MAX_NAME + 1])
{
	char digits[17];

	if (strlen(name) + sizeof(OLD_NAME_ENDING) - 1 <= MAX_NAME) {
		snprintf(out, MAX_NAME + 1, "%s" OLD_NAME_ENDING, name);
		if (is_free(s, old, out))
			return true;
	}
	hex_encode(old->b, 8, digits, sizeof(digits));
	snprintf(out, MAX_NAME + 1, "%s" OLD_NAME_ENDING, digits);
	return is_free(s, old, out);
}

/* Rules that are kept for `from` hold for `to`, too. -ENOENT where there are none. */
static int copy_rules(struct store *services, const char *from, const char *to)
{
	static char text[POLICY_MAX_TEXT];
	char source[SERVICES_FILE], target[SERVICES_FILE];
	ssize_t n;

	services_file(source, POLICY_FROM_PEER, from);
	services_file(target, POLICY_FROM_PEER, to);
	n = store_read(services, source, text, sizeof(text), 0);
	return n < 0 ? (int)n : store_write(services, target, text, (size_t)n, STORE_REPLACE);
}

static void hex_of(const struct public_key *key, char out[static POLICY_NAME + 1])
{
	hex_encode(key->b, sizeof(key->b), out, POLICY_NAME + 1);
}

/* The old key keeps its rules, and the new one gets the same, by key or by name. */
static int carry_rules(struct store *s, const char *name, const struct public_key *old,
		       const struct public_key *new)
{
	char from[POLICY_NAME + 1], to[POLICY_NAME + 1];
	struct store services;
	int r = store_enter(s, SERVICES_FOLDER, false, &services);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	hex_of(old, from);
	hex_of(new, to);
	r = copy_rules(&services, from, to);
	if (r == -ENOENT)
		r = copy_rules(&services, name, from);
	if (r < 0 && r != -ENOENT)
		store_fail(s, r, "%.*s", (int)sizeof(s->error) - 1, services.error);
	store_close(&services);
	return r == -ENOENT ? 0 : r;
}

int store_successor_accept(struct store *s, const char *name, const struct public_key *old,
			   const struct public_key *new, char old_name[static MAX_NAME + 1])
{
	bool followed = store_is_followed(s, name, old);
	int r;

	if (!name_old(s, name, old, old_name))
		return store_fail(s, -EEXIST, "the name %s is taken by another key; meshguard "
				  "revoke %s first", old_name, old_name);
	r = carry_rules(s, name, old, new);
	if (r == 0)
		r = write_key(s, old_name, "pub", old);
	if (r == 0)
		r = write_key(s, name, "pub", new);
	return r == 0 && followed ? store_follow(s, name, new) : r;
}

int store_follow(struct store *s, const char *name, const struct public_key *key)
{
	return write_key(s, name, "follow", key);
}

bool store_is_followed(struct store *s, const char *name, const struct public_key *key)
{
	char file[FILE_NAME];
	struct public_key there;

	file_of(file, name, "follow");
	return read_key(s, file, &there) && !memcmp(&there, key, sizeof(there));
}

int store_unfollow(struct store *s, const char *name)
{
	char file[FILE_NAME];

	file_of(file, name, "follow");
	return store_exists(s, file) ? store_remove(s, file) : 0;
}
