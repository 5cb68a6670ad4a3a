/* service_default.c - changes that are about no single rule: the default, and the end of all. */
#include "cli/service.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The new text of `default`: its word is another, its comments stay. */
static void change_default(struct text *t, const char *old, size_t len, const char *word)
{
	bool done = false;

	for (size_t at = 0; at < len; ) {
		const char *end = memchr(old + at, '\n', len - at);
		size_t line = end ? (size_t)(end + 1 - old) - at : len - at;
		size_t blank = strspn(old + at, " \t");
		size_t is = blank < line ? strcspn(old + at + blank, " \t\r\n#") : 0;

		text_add_n(t, old + at, blank < line ? blank : line);
		text_add(t, is ? word : "");
		done |= is > 0;
		if (blank < line)
			text_add_n(t, old + at + blank + is, line - blank - is);
		at += line;
	}
	if (!done) {
		text_add(t, word);
		text_char(t, '\n');
	}
}

static enum exit_code write_default(struct store *services, const char *word)
{
	static char old[POLICY_MAX_TEXT + 1], new[POLICY_MAX_TEXT + 16];
	struct text t = text_of(new, sizeof(new));
	struct policy_mistake mistake;
	enum policy_default was;
	ssize_t n = store_read(services, SERVICES_DEFAULT, old, POLICY_MAX_TEXT, 0);

	if (n < 0 && n != -ENOENT)
		return fail(EXIT_FAILED, "%s", services->error);
	if (n >= 0 && !policy_default_parse(bytes_of(old, (size_t)n), &was, &mistake))
		return spoilt(services, SERVICES_DEFAULT, &mistake);
	old[n < 0 ? 0 : n] = '\0';
	change_default(&t, old, n < 0 ? 0 : (size_t)n, word);
	if (t.truncated || t.len > POLICY_MAX_TEXT)
		return fail(EXIT_FAILED, "%s/" SERVICES_DEFAULT ": there is no room for it",
			    services->path);
	if (store_write(services, SERVICES_DEFAULT, new, t.len, STORE_REPLACE) < 0)
		return fail(EXIT_FAILED, "%s", services->error);
	return EXIT_DONE;
}

enum exit_code service_default(struct store *s, const struct arguments *a,
			       const char *const *words, unsigned count)
{
	static const char *const means[] = {
		"what no rule decides may come in",
		"what no rule allows may not come in",
		"what no rule decides may come in, and is remembered",
	};
	struct policy_mistake mistake;
	enum policy_default d;
	struct store services;
	enum exit_code code;

	(void)count;
	if (!policy_default_parse(bytes_of(words[0], strlen(words[0])), &d, &mistake))
		return fail(EXIT_USAGE, "\"%.40s\": the default is allow, deny or observe",
			    words[0]);
	code = guard_connection(s, a, &(struct outcome){ .of = GUARD_DEFAULT, .fallback = d });
	if (code == EXIT_DONE)
		code = open_services(s, &services);
	if (code != EXIT_DONE)
		return code;
	code = write_default(&services, policy_default_name(d));
	store_close(&services);
	if (code != EXIT_DONE)
		return code;
	printf("default is %s: %s\n", policy_default_name(d), means[d]);
	warn_of_the_rest(s);
	return EXIT_DONE;
}

static enum exit_code reset_all(struct store *s, const struct arguments *a)
{
	enum exit_code code = guard_connection(s, a, &(struct outcome){ .of = GUARD_RESET });
	int r;

	if (code != EXIT_DONE)
		return code;
	r = services_remove(s);
	if (r == -ENOENT)
		puts("there are no service rules");
	else if (r < 0)
		return fail(r == -EEXIST ? EXIT_REFUSED : EXIT_FAILED, "%s", s->error);
	else
		puts("removed all service rules: everything may come in");
	return EXIT_DONE;
}

enum exit_code service_reset(struct store *s, const struct arguments *a, const char *const *words,
			     unsigned count)
{
	struct store services;
	struct target t;
	enum exit_code code = find_target(s, a, &t);
	int r;

	(void)words;
	(void)count;
	if (code != EXIT_DONE)
		return code;
	if (t.origin == POLICY_FROM_GLOBAL)
		return reset_all(s, a);
	if (!store_exists(s, SERVICES_FOLDER)) {
		printf("%s has no rules of its own\n", t.label);
		return EXIT_DONE;
	}
	code = guard_connection(s, a, &(struct outcome){ .of = GUARD_LIST, .target = &t,
							 .gone = true });
	if (code == EXIT_DONE)
		code = open_services(s, &services);
	if (code != EXIT_DONE)
		return code;
	r = store_remove(&services, t.file);
	if (r == -ENOENT)
		printf("%s has no rules of its own\n", t.label);
	else if (r < 0)
		code = fail(EXIT_FAILED, "%s", services.error);
	else
		printf("removed the rules of %s\n", t.label);
	store_close(&services);
	return code;
}
