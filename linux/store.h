/* linux/store.h - the configuration directory: where it is, and safe files in it.
 *
 * Every file is read through store_read (regular file, our owner or root, one link, no symbolic
 * links below the directory, size cap, mode of secrets) and written through store_write (temporary
 * name, sync, rename, sync of the directory), so that a kill or a full disk leaves old or new.
 */
#ifndef LINUX_STORE_H
#define LINUX_STORE_H

#include "base/bug.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct store {
	int dir;                 /* descriptor of the directory; -1: there is none yet */
	char path[PATH_MAX];
	uid_t owner;             /* who owns the files; root's daemon writes as this user */
	gid_t group;
	const char *because;     /* why this one: "MESHGUARD_CONFIG_DIR", "XDG_CONFIG_HOME", "HOME",
	                            "the directory of the user who called sudo" */
	char error[PATH_MAX + 160]; /* one line after a failure: what, which, what to do */
};

/* Design, section 3: $MESHGUARD_CONFIG_DIR, else $XDG_CONFIG_HOME/meshguard, else
 * ~/.config/meshguard; under sudo, when root's own directory holds no identity, that of the user
 * who called it. secure_getenv. Makes nothing. 0, or negative errno with error set
 * (-ENOENT: there is no directory yet; path says where it would be; -EPERM: others may write in
 * it, and so could let themselves in; -EACCES: not readable, or under sudo not the caller's). */
int store_open(struct store *s) must_check;
/* The same, and makes the directory (0700) and its parents when absent. */
int store_create(struct store *s) must_check;
void store_close(struct store *s);
/* Opens the same path anew: the directory may have been replaced. On failure there is none. */
int store_refresh(struct store *s) must_check;
/* A folder of s as a store of its own, so that it can have folders, too; made (0700) when absent if
 * `make`. Negative errno as store_list, -ENOENT when absent, with s->error set; then out->dir is
 * -1. Only store_close and what is below may be asked of it. */
int store_enter(struct store *s, const char *folder, bool make, struct store *out) must_check;

enum store_flags {
	STORE_SECRET = 1,   /* read: refuse when others can read it; write: mode 0600 */
	STORE_REPLACE = 2,  /* write: an existing file may be replaced; without: -EEXIST */
};
/* name: relative, one level of folder at most ("authorized_keys/alice.pub"). Reads at most cap
 * bytes; returns the length, or negative errno with error set: -ENOENT, -EFBIG, -EPERM (loose
 * mode: others may write to it, or read a secret), -ELOOP (symbolic link), -EISDIR, -ENXIO (no
 * regular file), -EACCES (another user's), -EMLINK (hard link), -EINVAL (name), or another. After
 * a failure nothing is left in buf. */
ssize_t store_read(struct store *s, const char *name, void *buf, size_t cap,
		   unsigned flags) must_check;
/* Whole content or nothing; makes the folder (0700) when absent; files are 0600 or 0644. Root's
 * files go to the owner of the directory. Removes temporary files that killed writers left. */
int store_write(struct store *s, const char *name, const void *data, size_t len,
		unsigned flags) must_check;
int store_remove(struct store *s, const char *name) must_check;
/* Within one folder, on disk when it returns; an existing file is not replaced: -EEXIST. After an
 * error the old name is there still. */
int store_rename(struct store *s, const char *from, const char *to) must_check;
/* Anything of that name, also a dangling link or what we may not look at. */
bool store_exists(struct store *s, const char *name);
/* What changes whenever the file, its owner, mode or links change, give or take the resolution of
 * the file system's clock: files changed within the last seconds give a stamp that equals no other
 * (`dev` and `ino` zero). 0, or negative errno without an error text. */
struct store_stamp {
	uint64_t dev, ino;
	int64_t changed_ns;
	int64_t size;
};
int store_stamp_of(struct store *s, const char *name, struct store_stamp *out) must_check;
bool store_stamp_is_same(const struct store_stamp *a, const struct store_stamp *b);
/* Calls fn for each name in the folder, sorted, without dot files; stops at the first non-zero and
 * returns it; 0 for an absent folder. */
int store_list(struct store *s, const char *folder, int (*fn)(void *ctx, const char *name),
	       void *ctx);

#endif
