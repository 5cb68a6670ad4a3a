/* speak.c - what all commands share: how they say no, and how they open the store and the
 * libraries. */
#include "cli/command.h"

#include "linux/contexts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (PATH_MAX + 512)

static void say(char *line)
{
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	fflush(stdout); /* what was said before stands before */
	/* "meshguard is not running" needs no name in front. */
	fprintf(stderr, "%s%s\n", strncmp(line, "meshguard ", 10) ? "meshguard: " : "", line);
}

enum exit_code fail(enum exit_code code, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	say(line);
	return code;
}

void note(const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	say(line);
}

static void say_which(const struct store *s)
{
	static const char *const obvious[] = { "MESHGUARD_CONFIG_DIR", "XDG_CONFIG_HOME", "HOME" };

	for (unsigned i = 0; i < sizeof(obvious) / sizeof(*obvious); i++)
		if (!strcmp(s->because, obvious[i]))
			return;
	note("using %s (%s)", s->path, s->because);
}

int open_store(struct store *s)
{
	int r = store_open(s);

	if (r == 0)
		say_which(s);
	else if (r != -ENOENT || !s->path[0])
		note("%s", s->error);
	return r == -ENOENT && !s->path[0] ? -EINVAL : r;
}

int create_store(struct store *s)
{
	int r = store_create(s);

	if (r == 0)
		say_which(s);
	else
		note("%s", s->error);
	return r;
}

bool start_crypto(void)
{
	static struct crypto_contexts contexts;

	if (contexts.seal)
		return true;
	if (crypto_contexts_make(&contexts, false) < 0) {
		note("the crypto libraries (libsodium, libcrypto) do not start");
		return false;
	}
	crypto_use(&contexts);
	return true;
}

bool chosen_interface(const struct arguments *a, const char **out)
{
	const char *name = option_text(a, "interface", "mg0");
	size_t len = strlen(name);
	bool good = len > 0 && len < 16 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;

	for (size_t i = 0; i < len; i++)
		good = good && name[i] > ' ' && name[i] < 0x7f && !strchr("/:%", name[i]);
	if (!good) {
		note("--interface %.40s: a name is 1 to 15 printable characters without / : %%",
		     name);
		return false;
	}
	*out = name;
	return true;
}
