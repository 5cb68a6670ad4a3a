#include "linux/priv_watch.h"

#include "linux/priv_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEBOUNCE_MS 50
#define POLL_MS 1000
#define OURS_MS 10000    /* until files of ours are read: somebody else may have written one, too */
#define CHANGES (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB \
		 | IN_DELETE_SELF | IN_MOVE_SELF)

/* Adding a watch that is there gives the same one; of another directory, the old one goes. */
static void watch_one(struct watch *w, int *id, const char *below, uint32_t mask)
{
	char path[128];
	int old = *id;

	/* By descriptor: the path may lead elsewhere by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", w->store->dir, below);
	errno = 0;
	*id = w->store->dir < 0 ? -1 : inotify_add_watch(w->inotify, path, mask | IN_ONLYDIR);
	/* Watches are counted, too. What is not there yet is told by the directory around it. */
	w->again |= *id < 0 && errno != ENOENT;
	if (old >= 0 && old != *id)
		inotify_rm_watch(w->inotify, old);
}

static void watch_all(struct watch *w)
{
	struct stat st;

	w->open = w->store->dir >= 0 && fstat(w->store->dir, &st) == 0;
	if (w->open) {
		w->dev = st.st_dev;
		w->ino = st.st_ino;
	}
	w->again = w->inotify < 0;
	if (w->inotify < 0)
		return;
	watch_one(w, &w->dir, ".", CHANGES);
	for (unsigned i = 0; i < w->count; i++)
		watch_one(w, &w->ids[i], w->folders[i],
			  CHANGES | IN_CLOSE_WRITE | IN_DONT_FOLLOW);
}

void watch_open(struct watch *w, struct store *store, const char *const *folders, unsigned count,
		const char *what, struct watch *with, struct instant now)
{
	BUG_ON(count > WATCH_FOLDERS);
	*w = (struct watch){ .store = store, .folders = folders, .count = count, .due = now,
			     .look = now, .dir = -1 };
	for (unsigned i = 0; i < WATCH_FOLDERS; i++)
		w->ids[i] = -1;
	if (with) {
		w->inotify = with->inotify;
		w->borrowed = true;
		w->others = with->others;
		with->others = w;
		return;
	}
	w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->inotify < 0)
		priv_say("no inotify (%s): changes of %s are seen once a second", strerror(errno),
			 what);
}

void watch_close(struct watch *w)
{
	if (w->inotify >= 0 && !w->borrowed)
		close(w->inotify);
	w->inotify = -1;
}

static void read_within(struct watch *w, struct instant now, uint64_t ms)
{
	if (ms != UINT64_MAX)
		w->due = instant_min(w->due, instant_add(now, span_ms(ms)));
}

void watch_reload(struct watch *w, struct instant now)
{
	read_within(w, now, DEBOUNCE_MS);
}

/* How long reading may wait; UINT64_MAX: for ever. */
static uint64_t patience_ms(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & IN_IGNORED) /* the end of a watch; what ended it was told before */
		return UINT64_MAX;
	if (e->mask & IN_Q_OVERFLOW)
		return DEBOUNCE_MS;
	if (w->all_beside && e->wd == w->dir && e->len && e->name[0] != '.'
	    && !(e->mask & IN_ISDIR))
		return DEBOUNCE_MS;
	if (w->beside && e->wd == w->dir && e->len && strcmp(e->name, w->beside) == 0)
		return DEBOUNCE_MS;
	for (unsigned i = 0; i < w->count; i++) {
		if (e->wd == w->ids[i] && e->len && e->name[0] == '.')
			return UINT64_MAX; /* a temporary file of the writers */
		if (e->wd == w->ids[i] && e->len && w->is_ours && w->is_ours(w->ctx, e->name))
			return OURS_MS;
		if (e->wd == w->ids[i])
			return DEBOUNCE_MS;
		if (e->wd == w->dir && (!e->len || strcmp(e->name, w->folders[i]) == 0))
			return DEBOUNCE_MS;
	}
	return UINT64_MAX;
}

void watch_changed(struct watch *w, struct instant now)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;

	while ((n = read(w->inotify, buf, sizeof(buf))) > 0) {
		const struct inotify_event *e;

		for (char *at = buf; at < buf + n; at += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)at;
			for (struct watch *to = w; to; to = to->others)
				read_within(to, now, patience_ms(to, e));
		}
	}
}

struct instant watch_deadline(const struct watch *w)
{
	return instant_min(w->due, w->look);
}

/* True when the path leads to another directory than the one that was watched, or to none. */
static bool is_replaced(const struct watch *w)
{
	struct stat there;

	return stat(w->store->path, &there) < 0 || there.st_dev != w->dev
	       || there.st_ino != w->ino;
}

bool watch_due(struct watch *w, struct instant now, int *error)
{
	if (instant_reached(w->look, now)) {
		w->look = instant_add(now, span_ms(POLL_MS));
		if (w->open && is_replaced(w))
			w->due = now;
	}
	if (!instant_reached(w->due, now))
		return false;
	w->due = INSTANT_NEVER;
	*error = store_refresh(w->store);
	watch_all(w);
	return true;
}

void watch_done(struct watch *w, struct instant now)
{
	if (w->again)
		read_within(w, now, POLL_MS);
}

bool watch_is_passing(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN ||
	       error == -EIO;
}
