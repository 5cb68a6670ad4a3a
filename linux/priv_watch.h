/* priv_watch.h - when folders of the configuration directory are to be read again.
 *
 * Watches the directory and the folders, which come, go and are renamed. Tools write several files
 * in a row: reading waits for a moment after the first change, never longer. Where inotify cannot
 * be had (its instances and watches are counted per user), and as long as something cannot be read,
 * it is time every second. Nor does inotify tell of the end of a directory that is held open, as
 * ours is, or that one above it was renamed: so once a second the path is compared with what was
 * watched.
 */
#ifndef LINUX_PRIV_WATCH_H
#define LINUX_PRIV_WATCH_H

#include "base/instant.h"
#include "linux/store.h"

#define WATCH_FOLDERS 5u

struct watch {
	struct store *store;
	const char *const *folders;  /* one level or two below the directory */
	unsigned count;
	const char *beside;          /* a file beside the folders, or NULL; set it after opening */
	bool all_beside;             /* every file beside the folders; set it after opening */
	int inotify;                 /* readable: watch_changed; -1: there is none */
	bool borrowed;               /* from the watch that was given at opening */
	struct watch *others;        /* who borrowed ours */
	int dir, ids[WATCH_FOLDERS];
	bool open;                   /* there was a directory, this one: */
	uint64_t dev, ino;
	struct instant due;          /* when to read */
	struct instant look;         /* when to see whether the directory was replaced */
	/* True for a file that we changed ourselves: no hurry. NULL: there is none. */
	bool (*is_ours)(void *ctx, const char *file);
	void *ctx;
	bool again;                  /* nothing may tell of the next change: read every second */
};

/* The first reading is due at once. Store and folders are borrowed. `what` is for a line on
 * standard error: changes of what. A user may have 128 instances of inotify: `with`, another watch
 * of the same store and other folders, lends its own, and hears for both; NULL: one of our own. */
void watch_open(struct watch *w, struct store *store, const char *const *folders, unsigned count,
		const char *what, struct watch *with, struct instant now);
/* Who lent is closed last, or nobody is asked afterwards. */
void watch_close(struct watch *w);
/* inotify is readable; of a watch that does not borrow. */
void watch_changed(struct watch *w, struct instant now);
/* Somebody asks for it: read in a moment. A later wish does not put it off. */
void watch_reload(struct watch *w, struct instant now);
struct instant watch_deadline(const struct watch *w);
/* True when it is time to read: then opens the directory anew, watches what is there (before it is
 * read, so a change falls into one or the other), and sets *error to what store_refresh says.
 * After the reading watch_done; with `again` set, it is soon time once more. */
bool watch_due(struct watch *w, struct instant now, int *error) must_check;
void watch_done(struct watch *w, struct instant now);
/* Failures of the moment, of which no change will tell that they are over. */
bool watch_is_passing(int error);

#endif
