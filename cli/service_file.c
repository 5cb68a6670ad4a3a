/* service_file.c - rules are put into a file and taken out of it as lines, so that all else in it
 * stays: comments, blank lines, and how somebody wrote the other rules. */
#include "cli/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum exit_code open_services(struct store *s, struct store *services)
{
	if (store_enter(s, SERVICES_FOLDER, true, services) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return EXIT_DONE;
}

void warn_of_the_rest(struct store *s)
{
	struct services all;
	int error = services_read(s, &all);

	if (error)
		note("%s%s; until that is mended a running daemon keeps to the rules of before",
		     error == -EBADMSG ? SERVICES_FOLDER "/" : "", all.bad);
	services_free(&all);
}

enum exit_code read_services(struct store *s, struct services *out)
{
	int error = services_read(s, out);

	if (error == -EBADMSG)
		return fail(EXIT_FAILED, "%s/" SERVICES_FOLDER "/%s", s->path, out->bad);
	return error ? fail(EXIT_FAILED, "%s", out->bad) : EXIT_DONE;
}

void format_rule(const struct service_list *l, const struct policy_rule *r,
		 char out[static SERVICE_RULE])
{
	char file[SERVICES_FILE], text[POLICY_RULE_TEXT];

	services_file(file, l->origin, l->name);
	policy_rule_format(r, text);
	snprintf(out, SERVICE_RULE, SERVICES_FOLDER "/%s:%u: %s", file, r->line, text);
}

enum exit_code spoilt(const struct store *services, const char *file,
		      const struct policy_mistake *m)
{
	char line[16] = "";

	if (m->line)
		snprintf(line, sizeof(line), ":%u", m->line);
	return fail(EXIT_FAILED, "%s/%s%s: %s; mend that first", services->path, file, line,
		    policy_error_text(m->error));
}

static bool parse(struct rule_file *f, struct policy_mistake *mistake)
{
	return policy_rules_parse(bytes_of(f->text, f->len), f->rules, POLICY_MAX_RULES, &f->count,
				  mistake);
}

enum exit_code rule_file_read(struct store *services, const char *file, struct rule_file *out)
{
	struct policy_mistake mistake;
	ssize_t n = store_read(services, file, out->text, POLICY_MAX_TEXT, 0);

	out->len = out->count = 0;
	if (n < 0 && n != -ENOENT)
		return fail(EXIT_FAILED, "%s", services->error);
	if (n > 0)
		out->len = (size_t)n;
	if (parse(out, &mistake))
		return EXIT_DONE;
	return spoilt(services, file, &mistake);
}

enum exit_code rule_file_write(struct store *services, const char *file, const struct rule_file *f)
{
	int r = f->len ? store_write(services, file, f->text, f->len, STORE_REPLACE)
		       : store_remove(services, file);

	return r < 0 ? fail(EXIT_FAILED, "%s", services->error) : EXIT_DONE;
}

/* Where line n, from 1, begins. */
static size_t start_of(const struct rule_file *f, uint32_t n)
{
	const char *at = f->text;

	while (--n)
		at = (const char *)memchr(at, '\n', f->len - (size_t)(at - f->text)) + 1;
	return (size_t)(at - f->text);
}

static bool is_comment(const struct rule_file *f, size_t at)
{
	while (at < f->len && (f->text[at] == ' ' || f->text[at] == '\t'))
		at++;
	return at < f->len && f->text[at] == '#';
}

/* The line of the rule, or that of the first comment right above it, which is about it. */
static size_t place_before(const struct rule_file *f, uint32_t line)
{
	while (line > 1 && is_comment(f, start_of(f, line - 1)))
		line--;
	return start_of(f, line);
}

bool rule_file_insert(struct rule_file *f, size_t index, const struct policy_rule *r)
{
	char line[POLICY_RULE_TEXT + 2] = "\n";
	size_t at = index < f->count ? place_before(f, f->rules[index].line) : f->len, len;
	bool open = at == f->len && f->len && f->text[f->len - 1] != '\n';
	struct policy_mistake mistake;

	policy_rule_format(r, line + open);
	len = strlen(line);
	line[len++] = '\n';
	if (f->len + len > POLICY_MAX_TEXT)
		return false;
	memmove(f->text + at + len, f->text + at, f->len - at);
	memcpy(f->text + at, line, len);
	f->len += len;
	return parse(f, &mistake);
}

void rule_file_remove(struct rule_file *f, size_t index)
{
	size_t at = start_of(f, f->rules[index].line);
	const char *end = memchr(f->text + at, '\n', f->len - at);
	size_t len = end ? (size_t)(end + 1 - f->text) - at : f->len - at;
	struct policy_mistake mistake;
	bool good;

	memmove(f->text + at, f->text + at + len, f->len - at - len);
	f->len -= len;
	good = parse(f, &mistake);
	BUG_ON(!good);
}
