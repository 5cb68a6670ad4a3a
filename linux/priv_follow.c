#include "linux/priv_follow.h"

#include "linux/priv_inside.h"
#include "linux/store_successor.h"

#include <stdio.h>
#include <string.h>

#define KEYS_FOLDER "authorized_keys"
#define ENDING ".follow"

static bool is_same(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* P and -P have one X25519 key: all bits but the sign are equal. */
static bool are_twins(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a->b, b->b, 31) && ((a->b[31] ^ b->b[31]) & 0x7f) == 0;
}

static bool holds(const struct key_folder *folder, const struct public_key *key)
{
	for (uint32_t i = 0; i < folder->count; i++)
		if (are_twins(&folder->entries[i].key, key))
			return true;
	return false;
}

static const struct key_entry *find_name(const struct key_folder *folder, const char *name)
{
	for (uint32_t i = 0; i < folder->count; i++)
		if (!strcmp(folder->entries[i].name, name))
			return &folder->entries[i];
	return NULL;
}

/* What that key announced, if it is one key; false: nothing that counts. */
static bool find_successor(const struct statement_folder *f, const struct public_key *old,
			   struct statement_body *out)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		const struct statement_entry *e = &f->entries[i];
		struct statement_claim claim; /* verified when it was read */

		if (e->state != STATEMENT_GOOD
		    || !statement_decode(bytes_of(e->wire, e->len), &claim)
		    || claim.body.kind != STATEMENT_SUCCESSOR || !is_same(&claim.body.issuer, old))
			continue;
		*out = claim.body;
		count++;
	}
	return count == 1;
}

static int visit(void *ctx, const char *file)
{
	const struct follow *f = ctx;
	char name[MAX_NAME + 1] = "", old_name[MAX_NAME + 1];
	size_t len = strlen(file), ending = sizeof(ENDING) - 1;
	const struct key_entry *peer;
	struct statement_body b;

	if (len <= ending || len - ending > MAX_NAME || strcmp(file + len - ending, ENDING) != 0)
		return 0;
	memcpy(name, file, len - ending);
	peer = find_name(f->keys, name);
	if (!peer || !store_is_followed(f->store, name, &peer->key)
	    || !find_successor(f->statements, &peer->key, &b) || b.until <= f->now
	    || are_twins(&b.subject, f->own) || holds(f->keys, &b.subject)
	    || holds(f->denials, &b.subject) || holds(f->orgs, &b.subject))
		return 0;
	if (store_successor_accept(f->store, name, &peer->key, &b.subject, old_name) < 0)
		priv_say("the new key of %s is not accepted: %s", name, f->store->error);
	else
		priv_say("%s is followed: its new key was accepted, the old one is %s until its "
			 "overlap ends", name, old_name);
	return 0;
}

void follow_accept(const struct follow *f)
{
	if (!f->statements->count || !f->keys->count)
		return;
	if (store_list(f->store, KEYS_FOLDER, visit, (void *)(uintptr_t)f) < 0)
		priv_say("%s", f->store->error);
}
