/* store_inside.h - what the files of the store share; nobody else includes this. */
#ifndef LINUX_STORE_INSIDE_H
#define LINUX_STORE_INSIDE_H

#include "linux/store.h"

#include <sys/stat.h>

#define STORE_RETRIES 16 /* against writers who replace a file just now */

/* A name as the caller gave it, in parts. */
struct where {
	char folder[NAME_MAX + 1]; /* "" for the directory itself */
	char file[NAME_MAX + 1];   /* "." for the folder */
};

/* Sets s->error and returns `error`. */
int store_fail(struct store *s, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* For failures of the system: "cannot read DIR/NAME: No space left on device". */
int store_fail_errno(struct store *s, const char *verb, const char *name, int error);

bool store_good_part(const char *part, size_t len);
/* -EINVAL for a bad name, -ENOENT when there is no directory. */
int store_split(struct store *s, const char *name, struct where *w) must_check;
bool store_owner_ok(const struct store *s, const struct stat *st);

/* Opens below the directory without following any symbolic link; no error text. */
int store_open_below(int dir, const struct where *w, int flags) must_check;
/* The folder of w, or the directory itself, readable. */
int store_open_folder(struct store *s, const struct where *w) must_check;

/* What root makes is given to this owner; nothing happens for others and for root's own files. */
int store_hand_over(int fd, uid_t uid, gid_t gid) must_check;
/* Opens the directory `name` in `parent`, and makes it (0700) when absent. */
int store_step_into(int parent, const char *name) must_check;

#endif
