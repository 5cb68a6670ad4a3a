#include "linux/services.h"

#include "identity/address.h"
#include "linux/store_inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDING ".policy"
#define KEY_DIGITS 64u

static const char *const folders[] = { [POLICY_FROM_PEER] = "peer", [POLICY_FROM_ORG] = "org" };

bool services_is_key(const char *name, size_t len)
{
	size_t i = 0;

	while (i < len && strchr("0123456789abcdef", name[i]))
		i++;
	return len == KEY_DIGITS && i == len;
}

void services_file(char out[static SERVICES_FILE], enum policy_origin origin, const char *name)
{
	if (origin == POLICY_FROM_GLOBAL || origin == POLICY_FROM_DEFAULT)
		snprintf(out, SERVICES_FILE, "%s", origin == POLICY_FROM_GLOBAL
			 ? SERVICES_GLOBAL : SERVICES_DEFAULT);
	else
		snprintf(out, SERVICES_FILE, "%s/%.64s" ENDING, folders[origin], name);
}

const struct service_list *services_find(const struct services *sv, enum policy_origin origin,
					 const char *name)
{
	for (uint32_t i = 0; i < sv->list_count; i++)
		if (sv->lists[i].origin == origin && !strcmp(sv->lists[i].name, name))
			return &sv->lists[i];
	return NULL;
}

void services_free(struct services *sv)
{
	free(sv->lists);
	free(sv->rules);
	sv->lists = NULL;
	sv->rules = NULL;
	sv->list_count = sv->list_cap = sv->rule_count = sv->rule_cap = 0;
}

/* --- reading */

struct reader {
	struct store store;          /* services/ */
	struct services *out;
	enum policy_origin origin;   /* of the folder that is walked */
	uint8_t text[POLICY_MAX_TEXT + 1];
	struct policy_rule rules[POLICY_MAX_RULES];
};

static int bad(struct services *out, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int bad(struct services *out, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(out->bad, sizeof(out->bad), format, ap);
	va_end(ap);
	/* Names of files may hold anything, and this goes to a terminal. */
	for (char *c = out->bad; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return error;
}

static int mistaken(struct services *out, const char *file, const struct policy_mistake *m)
{
	if (m->line)
		return bad(out, -EBADMSG, "%s:%u: %s", file, m->line, policy_error_text(m->error));
	return bad(out, -EBADMSG, "%s: %s", file, policy_error_text(m->error));
}

/* The text of a file; -ENOENT for one that is gone, which says nothing. */
static ssize_t read_text(struct reader *r, const char *file)
{
	/* One byte more than a file may have, so that the parser says that it is too long. */
	ssize_t n = store_read(&r->store, file, r->text, sizeof(r->text), 0);

	if (n == -EFBIG)
		return mistaken(r->out, file, &(struct policy_mistake){ POLICY_TOO_LONG, 0 });
	return n < 0 && n != -ENOENT ? bad(r->out, (int)n, "%s", r->store.error) : n;
}

/* Doubles an array until it has room for so many. */
static bool grow(void **array, uint32_t *cap, uint32_t want, size_t size)
{
	uint32_t more = *cap ? *cap : 16;
	void *p;

	if (want <= *cap)
		return true;
	while (more < want)
		more *= 2;
	p = reallocarray(*array, more, size);
	if (!p)
		return false;
	*array = p;
	*cap = more;
	return true;
}

static int add_list(struct services *out, enum policy_origin origin, const char *name,
		    const struct policy_rule *rules, size_t count)
{
	struct service_list *list;

	if (out->list_count == SERVICES_LISTS || out->rule_count + count > SERVICES_RULES)
		return bad(out, -E2BIG, "there are more than %u rules, or files of them than %u",
			   SERVICES_RULES, SERVICES_LISTS);
	if (!grow((void **)&out->lists, &out->list_cap, out->list_count + 1, sizeof(*list))
	    || !grow((void **)&out->rules, &out->rule_cap, out->rule_count + (uint32_t)count,
		     sizeof(*rules)))
		return bad(out, -ENOMEM, "there is no memory for the rules");
	list = &out->lists[out->list_count++];
	*list = (struct service_list){ .origin = origin, .first = out->rule_count,
				       .count = (uint32_t)count };
	snprintf(list->name, sizeof(list->name), "%s", name);
	if (count)
		memcpy(&out->rules[out->rule_count], rules, count * sizeof(*rules));
	out->rule_count += (uint32_t)count;
	return 0;
}

static int read_list(struct reader *r, enum policy_origin origin, const char *name)
{
	struct policy_mistake mistake;
	char file[SERVICES_FILE];
	size_t count;
	ssize_t n;

	services_file(file, origin, name);
	n = read_text(r, file);
	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	if (!policy_rules_parse(bytes_of(r->text, (size_t)n), r->rules, POLICY_MAX_RULES, &count,
				&mistake))
		return mistaken(r->out, file, &mistake);
	return add_list(r->out, origin, name, r->rules, count);
}

static int read_default(struct reader *r)
{
	struct policy_mistake mistake;
	ssize_t n = read_text(r, SERVICES_DEFAULT);

	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	r->out->has_default = true;
	if (policy_default_parse(bytes_of(r->text, (size_t)n), &r->out->fallback, &mistake))
		return 0;
	return mistaken(r->out, SERVICES_DEFAULT, &mistake);
}

/* The length of NAME if the file is NAME.policy, else 0. */
static size_t name_of(const char *file)
{
	size_t len = strlen(file), ending = sizeof(ENDING) - 1;

	return len > ending && !strcmp(file + len - ending, ENDING) ? len - ending : 0;
}

static bool may_be_called(enum policy_origin origin, const char *name, size_t len)
{
	return name_valid(name, len) || (origin == POLICY_FROM_PEER && services_is_key(name, len));
}

static int visit(void *ctx, const char *file)
{
	struct reader *r = ctx;
	char name[POLICY_NAME + 1] = "";
	size_t len = name_of(file);

	if (!len)
		return 0;
	/* It may be meant to keep somebody out. */
	if (!may_be_called(r->origin, file, len))
		return bad(r->out, -EBADMSG, "%s/%.200s: no %s can have this name",
			   folders[r->origin], file, folders[r->origin]);
	memcpy(name, file, len);
	return read_list(r, r->origin, name);
}

static int read_folder(struct reader *r, enum policy_origin origin)
{
	int error;

	r->origin = origin;
	error = store_list(&r->store, folders[origin], visit, r);
	if (error < 0 && !r->out->bad[0])
		bad(r->out, error, "%s", r->store.error);
	return error;
}

static int read_all(struct reader *r)
{
	int error = read_default(r);

	if (!error)
		error = read_folder(r, POLICY_FROM_PEER);
	if (!error)
		error = read_folder(r, POLICY_FROM_ORG);
	return error ? error : read_list(r, POLICY_FROM_GLOBAL, "");
}

int services_read(struct store *s, struct services *out)
{
	struct reader *r = malloc(sizeof(*r));
	int error;

	memset(out, 0, sizeof(*out));
	if (!r)
		return bad(out, -ENOMEM, "there is no memory to read the rules");
	r->out = out;
	error = store_enter(s, SERVICES_FOLDER, false, &r->store);
	out->is_there = error != -ENOENT;
	if (error && error != -ENOENT)
		bad(out, error, "%s", s->error);
	if (!error)
		error = read_all(r);
	else if (error == -ENOENT)
		error = 0;
	if (error)
		services_free(out);
	store_close(&r->store);
	free(r);
	return error;
}

void services_drop(struct services *sv, enum policy_origin origin, const char *name)
{
	for (uint32_t i = 0; i < sv->list_count; i++) {
		struct service_list *l = &sv->lists[i];

		if (l->origin != origin || strcmp(l->name, name) != 0)
			continue;
		memmove(l, l + 1, (sv->list_count - i - 1) * sizeof(*l));
		sv->list_count--;
		return;
	}
}

bool services_set(struct services *sv, enum policy_origin origin, const char *name,
		  const struct policy_rule *rules, size_t count)
{
	services_drop(sv, origin, name);
	return add_list(sv, origin, name, rules, count) == 0;
}
