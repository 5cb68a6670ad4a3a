/* priv_keys.h - a folder of files with one public key each, NAME.pub, read again and again.
 *
 * The last state is kept: a file that is as it was then is not read again.
 */
#ifndef LINUX_PRIV_KEYS_H
#define LINUX_PRIV_KEYS_H

#include "base/limits.h"
#include "linux/priv_unusable.h"
#include "linux/store.h"

#include "base/bytes.h"

struct key_entry {
	struct public_key key;
	struct dh_public twin;
	char name[MAX_NAME + 1];
	struct store_stamp stamp;
	bool ended;                  /* linux/priv_former.h */
};

struct key_folder {
	const char *folder;
	uint32_t most;               /* keys at the most */
	struct key_entry *entries;   /* sorted by name */
	uint32_t count, cap;
	struct key_entry *before;    /* the state read before, until key_folder_settle */
	uint32_t before_count;
	int error;                   /* the folder could not be read: negative errno */
	bool lost;                   /* some file holds no key that could be read, or there are
	                                more than most */
	bool passing;                /* what failed may be better soon, and no change tells of it */
};

/* Reads all. What is unusable is told. With an error it holds nothing, and s->error says why. */
void key_folder_read(struct key_folder *f, struct store *s, struct unusable *u);
/* True if the last reading gave the keys and names of the one before it. */
bool key_folder_is_same(const struct key_folder *f);
void key_folder_settle(struct key_folder *f);
/* Forgets all: other files are to be believed now. */
void key_folder_free(struct key_folder *f);

#endif
