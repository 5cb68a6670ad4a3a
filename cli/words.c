/* words.c - keys, files and moments as people write them.
 *
 * write_out is for what is to be carried to another machine, so it can be any directory, which is
 * not ours: nothing is tidied up there, and nothing that is there is touched.
 */
#include "cli/words.h"

#include "base/text.h"
#include "cli/key_kind.h"
#include "identity/keyfile.h"
#include "linux/loop.h"
#include "linux/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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

/* A pipe that nobody writes to must not hold us; one that somebody does is waited for. */
static int open_word(const char *word)
{
	int fd = open(word, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0 && fcntl(fd, F_SETFL, 0) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

enum exit_code text_of_word(const char *word, const char *what, char *out, size_t cap,
			    size_t *len)
{
	bool standard = !strcmp(word, "-");
	const char *name = standard ? "standard input" : word;
	int fd = standard ? STDIN_FILENO : open_word(word);
	ssize_t n;

	if (fd < 0)
		return fail(EXIT_FAILED, "cannot read %.200s: %s", name, strerror(errno));
	n = read_text(fd, out, cap);
	if (!standard)
		close(fd);
	if (n == -EFBIG)
		return fail(EXIT_USAGE, "%.200s: not %s", name, what);
	if (n < 0)
		return fail(EXIT_FAILED, "cannot read %.200s: %s", name, strerror((int)-n));
	*len = (size_t)n;
	return EXIT_DONE;
}

/* --- keys */

/* A path when it can be no key in base64, or when there is such a file. */
static bool means_path(const char *word)
{
	return strpbrk(word, ".-_~") || word[0] == '/' || access(word, F_OK) == 0;
}

static enum exit_code parse_text(const char *what, const char *text, size_t len,
				 struct public_key *key)
{
	enum key_problem p = public_key_parse(text, len, key);
	char kind[KIND_LINE];

	if (p == KEY_OK)
		return EXIT_DONE;
	if (kind_of_text(text, len, kind))
		return fail(EXIT_USAGE, "%.200s: %s", what, kind);
	return fail(EXIT_USAGE, "%.200s: %s", what, key_problem_text(p));
}

enum exit_code key_of_word(const char *word, struct public_key *key)
{
	bool standard = !strcmp(word, "-");
	char text[KIND_TEXT_MAX];
	enum exit_code code;
	size_t len;

	if (!standard && (public_key_parse(word, strlen(word), key) != KEY_NOT_BASE64
			  || !means_path(word)))
		return parse_text(word, word, strlen(word), key);
	code = text_of_word(word, "a key in base64 of exactly the right length", text, sizeof(text),
			    &len);
	if (code != EXIT_DONE)
		return code;
	code = parse_text(standard ? "standard input" : word, text, len, key);
	wipe(text, sizeof(text)); /* it may have been a secret key */
	return code;
}

/* --- moments */

#define MINUTE 60u
#define HOUR (60u * MINUTE)
#define DAY (24u * HOUR)
#define YEAR_10000 253402300800u

static bool parse_date(const char *text, uint64_t *out)
{
	struct tm tm = { 0 }, back;
	uint64_t year, month, day;
	time_t t;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-'
	    || strspn(text, "0123456789-") != 10 || text[0] == '0')
		return false;
	if (!parse_u64(text, 4, 9999, &year)
	    || !parse_u64(text + (text[5] == '0' ? 6 : 5), text[5] == '0' ? 1 : 2, 12, &month)
	    || !parse_u64(text + (text[8] == '0' ? 9 : 8), text[8] == '0' ? 1 : 2, 31, &day))
		return false;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)month - 1;
	tm.tm_mday = (int)day;
	t = timegm(&tm);
	/* What is no day of the calendar would have become another one. */
	if (t < 0 || !gmtime_r(&t, &back) || back.tm_mon != (int)month - 1
	    || back.tm_mday != (int)day)
		return false;
	*out = (uint64_t)t;
	return true;
}

bool parse_when(const char *text, uint64_t now, uint64_t *out)
{
	size_t len = strlen(text);
	uint64_t n, unit;

	if (parse_date(text, out))
		return true;
	if (len < 2)
		return parse_u64(text, len, YEAR_10000 - 1, out);
	unit = text[len - 1] == 'd' ? DAY : text[len - 1] == 'h' ? HOUR
	     : text[len - 1] == 'm' ? MINUTE : 0;
	if (!unit)
		return parse_u64(text, len, YEAR_10000 - 1, out);
	if (!parse_u64(text, len - 1, YEAR_10000, &n) || n > (YEAR_10000 - 1 - now) / unit)
		return false;
	*out = now + n * unit;
	return true;
}

void format_when(uint64_t when, char out[static WHEN_TEXT])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (when >= YEAR_10000 || !gmtime_r(&t, &tm)
	    || !strftime(out, WHEN_TEXT, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(out, WHEN_TEXT, "unix second %llu", (unsigned long long)when);
}

void format_span(uint64_t seconds, char out[static SPAN_TEXT])
{
	static const struct { unsigned of; const char *name; } units[] = {
		{ DAY, "days" }, { HOUR, "hours" }, { MINUTE, "minutes" }, { 1, "seconds" },
	};
	unsigned i = 0;
	uint64_t n;

	while (i < 3 && seconds / units[i].of < 2)
		i++;
	n = seconds / units[i].of;
	n += seconds % units[i].of >= (units[i].of + 1) / 2;
	snprintf(out, SPAN_TEXT, "%llu %s", (unsigned long long)n, units[i].name);
}

uint64_t wall_clock(bool *wrong)
{
	time_t t = time(NULL);

	*wrong = t < (time_t)MESHGUARD_RELEASED;
	return *wrong ? MESHGUARD_RELEASED : (uint64_t)t;
}

/* --- files for elsewhere */

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_new(int dir, const char *name, const char *text)
{
	char tmp[32] = ".meshguard.";
	uint64_t random;
	int fd, r;

	entropy(&random, sizeof(random));
	hex_encode(&random, sizeof(random), tmp + strlen(tmp), sizeof(tmp) - strlen(tmp));
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	close(fd);
	if (r == 0 && renameat2(dir, tmp, dir, name, RENAME_NOREPLACE) < 0)
		r = -errno;
	/* The file system cannot do that; a link never replaces either. */
	if ((r == -EINVAL || r == -ENOSYS) && linkat(dir, tmp, dir, name, 0) == 0) {
		unlinkat(dir, tmp, 0);
		r = 0;
	}
	if (r < 0)
		unlinkat(dir, tmp, 0);
	if (r == 0 && fsync(dir) < 0 && errno != EINVAL)
		r = -errno;
	return r;
}

int write_out(const char *path, const char *text)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	int dir, r;

	if (!strcmp(path, "-")) {
		fputs(text, stdout);
		return 0;
	}
	if (slash) {
		if ((size_t)(slash - path) >= sizeof(folder) - 1)
			return -ENAMETOOLONG;
		memcpy(folder, path, (size_t)(slash - path) + 1);
		folder[slash - path + 1] = '\0';
	}
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = write_new(dir, slash ? slash + 1 : path, text);
	close(dir);
	return r;
}
