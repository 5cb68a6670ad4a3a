#include "linux/hosts.h"

#include "dns/zone.h"
#include "identity/address.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOSTS_PATH "/etc/hosts"
#define MOST_BYTES (8u << 20)
#define LINE (IP_TEXT + HOSTS_NAME + sizeof(". " DNS_MESH "\n"))
#define MARK 96u

struct file {
	char *text;
	size_t len;
	struct stat st;
};

bool hosts_entry_ok(const struct host_entry *e, const struct prefix *ipv4)
{
	const struct prefix ipv6 = mesh_ipv6_prefix();
	size_t label = 0;

	if (strnlen(e->name, sizeof(e->name)) == sizeof(e->name)
	    || (e->ipv4.family && (e->ipv4.family != FAMILY_IPV4
				   || !prefix_contains(ipv4, &e->ipv4)))
	    || (e->ipv6.family && (e->ipv6.family != FAMILY_IPV6
				   || !prefix_contains(&ipv6, &e->ipv6))))
		return false;
	for (const char *at = e->name; *at; at++) {
		if (*at == '.' ? label == 0 : !name_valid(at, 1))
			return false;
		label = *at == '.' ? 0 : label + 1;
	}
	return label != 0;
}

static int read_file(const char *path, struct file *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error = 0;
	ssize_t n;

	memset(f, 0, sizeof(*f));
	if (fd < 0)
		return -errno;
	if (fstat(fd, &f->st) < 0)
		error = -errno;
	else if (!S_ISREG(f->st.st_mode))
		error = -EINVAL;
	else if (f->st.st_size > (off_t)MOST_BYTES)
		error = -EFBIG;
	f->text = error ? NULL : malloc((size_t)f->st.st_size + 1);
	if (!error && !f->text)
		error = -ENOMEM;
	while (!error && f->len < (size_t)f->st.st_size) {
		n = read(fd, f->text + f->len, (size_t)f->st.st_size - f->len);
		if (n <= 0) {
			error = n < 0 ? -errno : 0;
			break;
		}
		f->len += (size_t)n;
	}
	close(fd);
	if (error)
		free(f->text);
	else
		f->text[f->len] = '\0';
	return error;
}

static void marks(const char *interface, char begin[MARK], char end[MARK])
{
	snprintf(begin, MARK, "# meshguard %.15s: begin", interface);
	snprintf(end, MARK, "# meshguard %.15s: end\n", interface);
}

/* The line that begins so, or NULL. */
static char *find_line(char *text, const char *start)
{
	for (char *at = text; (at = strstr(at, start)); at++)
		if (at == text || at[-1] == '\n')
			return at;
	return NULL;
}

static int cut_block(struct file *f, const char *interface)
{
	char begin[MARK], end[MARK], *from, *to;

	marks(interface, begin, end);
	while ((from = find_line(f->text, begin))) {
		to = find_line(from, end);
		if (!to)
			return -EBADMSG;
		to += strlen(end);
		memmove(from, to, f->len - (size_t)(to - f->text) + 1);
		f->len -= (size_t)(to - from);
	}
	return 0;
}

static size_t add_line(char *out, size_t len, const struct ip *ip, const char *name)
{
	char text[IP_TEXT];

	if (ip->family == FAMILY_NONE)
		return len;
	ip_format(ip, text);
	return len + (size_t)sprintf(out + len, "%s %s." DNS_MESH "\n", text, name);
}

static int add_block(struct file *f, const char *interface, const struct host_entry *list,
		     unsigned count)
{
	char begin[MARK], end[MARK];
	char *text;

	if (!count)
		return 0;
	text = realloc(f->text, f->len + 4 * MARK + 2 * LINE * count);
	if (!text)
		return -ENOMEM;
	f->text = text;
	marks(interface, begin, end);
	if (f->len && text[f->len - 1] != '\n')
		text[f->len++] = '\n';
	f->len += (size_t)sprintf(text + f->len, "%s; kept by the daemon, gone when it ends\n",
				  begin);
	for (unsigned i = 0; i < count; i++) {
		f->len = add_line(text, f->len, &list[i].ipv4, list[i].name);
		f->len = add_line(text, f->len, &list[i].ipv6, list[i].name);
	}
	f->len += (size_t)sprintf(text + f->len, "%s", end);
	return 0;
}

static int write_all(int fd, const struct file *f)
{
	for (size_t at = 0; at < f->len; ) {
		ssize_t n = write(fd, f->text + at, f->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return ftruncate(fd, (off_t)f->len) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_in_place(const char *path, const struct file *f)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = write_all(fd, f);
	close(fd);
	return error;
}

/* -EBUSY: something is mounted on it. */
static int replace(const char *path, const struct file *f)
{
	char fresh[PATH_MAX];
	int n = snprintf(fresh, sizeof(fresh), "%s.meshguard-XXXXXX", path);
	int fd, error;

	if (n < 0 || (size_t)n >= sizeof(fresh))
		return -ENAMETOOLONG;
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = write_all(fd, f);
	if (!error && (fchown(fd, f->st.st_uid, f->st.st_gid) < 0
		       || fchmod(fd, f->st.st_mode & 07777) < 0))
		error = -errno;
	close(fd);
	if (!error && rename(fresh, path) < 0)
		error = -errno;
	if (error)
		unlink(fresh);
	return error;
}

int hosts_write(const char *interface, const struct host_entry *list, unsigned count)
{
	struct file f;
	char path[PATH_MAX], *before;
	size_t before_len;
	int error;

	if (!realpath(HOSTS_PATH, path)) /* it may be a link to where such files are kept */
		return count ? -errno : 0;
	error = read_file(path, &f);
	if (error)
		return error;
	before_len = f.len;
	before = malloc(f.len + 1);
	error = before ? 0 : -ENOMEM;
	if (!error) {
		memcpy(before, f.text, f.len + 1);
		error = cut_block(&f, interface);
	}
	if (!error)
		error = add_block(&f, interface, list, count);
	if (!error && (f.len != before_len || memcmp(f.text, before, f.len) != 0)) {
		error = replace(path, &f);
		if (error == -EBUSY || error == -EXDEV)
			error = write_in_place(path, &f);
	}
	free(before);
	free(f.text);
	return error;
}
