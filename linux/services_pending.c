/* services_pending.c - a change that waits for its confirmation.
 *
 * What counts is the mark: a copy without one is a left-over. It is written after the copy and
 * before the change, and removed after the rules of before are back.
 *
 * They come back by exchanging the two folders, which is one step and needs no room. Somebody who
 * is killed between that and the removal of the mark must not exchange them back when he goes on.
 * So the copy holds a file `undone` with the id of the mark: when services/ has it, it is back. It
 * is the last to be written into the copy, which is whole when it has it: then a mark that somebody
 * emptied loses nothing but the time.
 */
#include "linux/services_pending.h"

#include "base/text.h"
#include "linux/loop.h"
#include "linux/services_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define GOING ".services.going"
#define MARK_MAX 1024u

int services_lock(struct store *s, bool wait)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return store_fail(s, -errno, "cannot open %s: %s", s->path, strerror(errno));
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		if (errno == EINTR)
			continue;
		error = -errno;
		close(fd);
		return store_fail(s, error, "cannot lock %s: %s", s->path, strerror(-error));
	}
	return fd;
}

/* --- the mark */

static void read_boot_id(char out[static 40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, 36);

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789abcdef-")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* The word after `name` at the beginning of a line; false: it is not there, or too long. */
static bool find_word(const char *text, const char *name, char *out, size_t cap)
{
	size_t len = strlen(name), n;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) != 0 || line[len] != ' ')
			continue;
		n = strcspn(line + len + 1, " \n");
		if (n >= cap)
			return false;
		memcpy(out, line + len + 1, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

static bool find_number(const char *text, const char *name, uint64_t *out)
{
	char word[24];

	return find_word(text, name, word, sizeof(word))
	       && parse_u64(word, strlen(word), INT64_MAX / 1000000, out);
}

static bool parse_mark(const char *text, struct services_pending *out)
{
	char had[4];

	if (!find_word(text, "id", out->id, sizeof(out->id))
	    || strspn(out->id, "0123456789abcdef") != sizeof(out->id) - 1
	    || !find_word(text, "had", had, sizeof(had))
	    || (strcmp(had, "yes") != 0 && strcmp(had, "no") != 0))
		return false;
	out->had = had[0] == 'y';
	if (!find_word(text, "boot", out->boot, sizeof(out->boot)))
		out->boot[0] = '\0';
	return find_number(text, "until-boot-ms", &out->until_boot_ms)
	       && find_number(text, "until", &out->until_s)
	       && find_number(text, "within", &out->within_s);
}

static int write_mark(struct store *s, const struct services_pending *p)
{
	char text[MARK_MAX];
	int len = snprintf(text, sizeof(text),
			   "# A change of the service rules waits for: meshguard service confirm\n"
			   "# Until then the rules of before are in " SERVICES_BEFORE "/.\n"
			   "id %s\nhad %s\nboot %s\nuntil-boot-ms %llu\nuntil %llu\nwithin %llu\n",
			   p->id, p->had ? "yes" : "no", p->boot,
			   (unsigned long long)p->until_boot_ms, (unsigned long long)p->until_s,
			   (unsigned long long)p->within_s);

	return store_write(s, SERVICES_MARK, text, (size_t)len, STORE_REPLACE);
}

#define NONE " none" /* after the id: there were no rules before */
#define UNDONE_MAX (32 + sizeof(NONE))

/* Whatever its mode is by now: what is back must not be taken away again. False: there is none. */
static bool read_undone(struct store *s, const char *folder, char out[static UNDONE_MAX])
{
	struct where w = { .file = SERVICES_UNDONE };
	ssize_t n;
	int fd;

	snprintf(w.folder, sizeof(w.folder), "%s", folder);
	fd = store_open_below(s->dir, &w, O_RDONLY | O_NONBLOCK);
	n = fd < 0 ? -1 : read(fd, out, UNDONE_MAX - 1);
	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	return strspn(out, "0123456789abcdef") == 32;
}

static bool is_back(struct store *s, const char *id)
{
	char undone[UNDONE_MAX];

	return read_undone(s, SERVICES_FOLDER, undone) && !strcmp(undone, id);
}

/* The copy tells what the mark said, but for the time. False: there is no whole one. */
static bool read_copy(struct store *s, struct services_pending *out)
{
	char undone[UNDONE_MAX];
	bool back = read_undone(s, SERVICES_FOLDER, undone);

	*out = (struct services_pending){ .damaged = true };
	if (!back && !read_undone(s, SERVICES_BEFORE, undone))
		return false;
	out->had = back || !undone[32];
	memcpy(out->id, undone, sizeof(out->id) - 1);
	return true;
}

int services_pending_read(struct store *s, struct services_pending *out)
{
	char text[MARK_MAX + 1];
	ssize_t n;

	*out = (struct services_pending){ 0 };
	if (s->dir < 0)
		return 0;
	n = store_read(s, SERVICES_MARK, text, MARK_MAX, 0);
	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	text[n] = '\0';
	if (!parse_mark(text, out) && !read_copy(s, out))
		return store_fail(s, -EBADMSG, "%s/" SERVICES_MARK " is damaged; the rules of "
				  "before are in " SERVICES_BEFORE "/, if there were any: put "
				  "right what is in force, then remove it", s->path);
	out->is_back = out->had && is_back(s, out->id);
	return 1;
}

struct span services_pending_left(const struct services_pending *p, struct moment now)
{
	struct instant until = { p->until_boot_ms * 1000000u };
	uint64_t s;
	char boot[40];

	if (p->is_back || p->damaged)
		return span_s(0);
	read_boot_id(boot);
	if (boot[0] && !strcmp(boot, p->boot))
		return instant_since(until, now.boot);
	s = p->until_s > now.wall.s ? p->until_s - now.wall.s : 0;
	return span_s(s < p->within_s ? s : p->within_s);
}

/* --- the copy */

struct copier {
	struct store from, to;
	const char *folder;
	char buf[POLICY_MAX_TEXT];
};

static int copy_file(struct copier *c, const char *name)
{
	ssize_t n = store_read(&c->from, name, c->buf, sizeof(c->buf), 0);

	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	return store_write(&c->to, name, c->buf, (size_t)n, STORE_REPLACE);
}

static int copy_below(void *ctx, const char *file)
{
	struct copier *c = ctx;
	char name[SERVICES_FILE];

	if (snprintf(name, sizeof(name), "%s/%s", c->folder, file) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	return copy_file(c, name);
}

static int copy_all(struct store *s, struct copier *c)
{
	int r = store_enter(s, SERVICES_FOLDER, false, &c->from);

	if (!r)
		r = store_enter(s, SERVICES_BEFORE, true, &c->to);
	if (r < 0)
		return r;
	r = copy_file(c, SERVICES_DEFAULT);
	if (!r)
		r = copy_file(c, SERVICES_GLOBAL);
	c->folder = "peer";
	if (!r)
		r = store_list(&c->from, c->folder, copy_below, c);
	c->folder = "org";
	if (!r)
		r = store_list(&c->from, c->folder, copy_below, c);
	if (r)
		store_fail(s, r, "the rules cannot be kept for going back to them: %s",
			   c->from.error[0] ? c->from.error
			   : c->to.error[0] ? c->to.error : strerror(-r));
	return r;
}

/* services.before/, and `undone` in it. */
static int copy(struct store *s, const char *id)
{
	struct copier *c = malloc(sizeof(*c));
	int r;

	if (!c)
		return store_fail(s, -ENOMEM, "there is no memory to keep the rules");
	memset(c, 0, offsetof(struct copier, buf));
	c->from.dir = c->to.dir = -1;
	r = copy_all(s, c);
	if (!r)
		r = store_write(&c->to, SERVICES_UNDONE, id, strlen(id), STORE_REPLACE);
	if (r && !s->error[0])
		store_fail(s, r, "%s", c->to.error);
	store_close(&c->from);
	store_close(&c->to);
	free(c);
	return r;
}

static int keep_none(struct store *s, const char *id)
{
	char undone[UNDONE_MAX];
	int len = snprintf(undone, sizeof(undone), "%s" NONE, id);

	return store_write(s, SERVICES_BEFORE "/" SERVICES_UNDONE, undone, (size_t)len,
			   STORE_REPLACE);
}

/* A left-over, which would say that the copy is back. */
static int forget_undone(struct store *s)
{
	int r = store_remove(s, SERVICES_FOLDER "/" SERVICES_UNDONE);

	return r == -ENOENT ? 0 : r;
}

static int keep(struct store *s, struct services_pending *p)
{
	uint8_t random[16];
	int r = services_look(s, SERVICES_BEFORE);

	if (r == 0)
		r = services_clear(s, SERVICES_BEFORE);
	if (r < 0 && r != -ENOENT)
		return r;
	entropy(random, sizeof(random));
	hex_encode(random, sizeof(random), p->id, sizeof(p->id));
	r = services_look(s, SERVICES_FOLDER);
	if (r == -ENOENT)
		return keep_none(s, p->id);
	if (r < 0 || (r = forget_undone(s)) < 0)
		return r;
	p->had = true;
	s->error[0] = '\0';
	r = copy(s, p->id);
	/* Half a copy without a mark harms nobody; the next one clears it away. */
	return r;
}

/* --- what is asked of us */

int services_pending_begin(struct store *s, uint64_t within_s, struct moment now,
			   struct services_pending *out)
{
	int r = services_pending_read(s, out);

	if (r == 0)
		r = keep(s, out);
	if (r < 0)
		return r;
	(void)services_pending_was_late(s); /* another one */
	out->damaged = false;
	read_boot_id(out->boot);
	out->within_s = within_s;
	out->until_boot_ms = span_in_ms((struct span){ now.boot.ns }) + 1000 * within_s;
	out->until_s = now.wall.s + within_s;
	return write_mark(s, out);
}

/* What is left over harms nobody. */
static void tidy(struct store *s)
{
	int fd = openat(s->dir, SERVICES_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0) {
		unlinkat(fd, SERVICES_UNDONE, 0);
		close(fd);
	}
	if (services_clear(s, SERVICES_BEFORE) < 0)
		s->error[0] = '\0';
}

int services_pending_confirm(struct store *s)
{
	struct services_pending p;
	int r = services_pending_read(s, &p);

	if (r <= 0)
		return r;
	r = store_remove(s, SERVICES_MARK);
	if (r < 0)
		return r;
	tidy(s);
	return 1;
}

static int move(struct store *s, const char *from, const char *to, unsigned flags)
{
	return renameat2(s->dir, from, s->dir, to, flags) < 0 ? -errno : 0;
}

static int exchange(struct store *s)
{
	int r = move(s, SERVICES_BEFORE, SERVICES_FOLDER, RENAME_EXCHANGE);

	if (!r)
		return 0;
	/* Nothing in its place; or a file system that cannot do that: nobody who reads the rules
	 * comes between these steps, for the daemon is who takes them. */
	if (r == -EINVAL || r == -ENOSYS) {
		r = services_clear(s, GOING);
		if (!r)
			r = move(s, SERVICES_FOLDER, GOING, 0);
	}
	if (r && r != -ENOENT)
		return r;
	r = move(s, SERVICES_BEFORE, SERVICES_FOLDER, RENAME_NOREPLACE);
	if (r == -EINVAL)
		r = move(s, SERVICES_BEFORE, SERVICES_FOLDER, 0);
	return r;
}

static int put_back(struct store *s, const struct services_pending *p)
{
	int r = 0;

	if (p->had && !p->is_back) {
		r = exchange(s);
	} else if (!p->had) {
		r = services_clear(s, SERVICES_BEFORE);
		if (!r)
			r = move(s, SERVICES_FOLDER, SERVICES_BEFORE, 0);
		r = r == -ENOENT ? 0 : r;
	}
	if (!r && fsync(s->dir) < 0 && errno != EINVAL)
		r = -errno;
	return r < 0 ? store_fail(s, r, "the service rules of before cannot come back from %s/"
				  SERVICES_BEFORE ": %s; put right what is in force, then remove "
				  SERVICES_MARK, s->path, strerror(-r)) : 0;
}

int services_pending_undo(struct store *s)
{
	struct services_pending p;
	int r = services_pending_read(s, &p);

	if (r <= 0)
		return r;
	r = put_back(s, &p);
	if (!r && (move(s, SERVICES_MARK, SERVICES_LATE, 0) < 0 || fsync(s->dir) < 0))
		r = store_remove(s, SERVICES_MARK);
	if (r < 0)
		return r;
	tidy(s);
	return 1;
}

bool services_pending_was_late(struct store *s)
{
	return s->dir >= 0 && unlinkat(s->dir, SERVICES_LATE, 0) == 0;
}
