/* service_hits.c - what a running daemon counted. Everything else that `service` says is about
 * files and needs none, so without a daemon, or with one of another directory, nothing is said. */
#include "cli/service.h"

#include "linux/control_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool is_directory_of(const struct store *s, const char *path)
{
	struct stat ours, theirs;

	return !strcmp(path, s->path)
	       || (s->dir >= 0 && fstat(s->dir, &ours) == 0 && stat(path, &theirs) == 0
		   && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino);
}

static bool ask_directory(struct control_client *client, struct answer *answer,
			  const struct store *s)
{
	bool same = control_ask(client, REQUEST_COUNTERS) == 0 && control_next(client, answer) == 1
		    && answer->kind == ANSWER_NODE && is_directory_of(s, answer->about.directory);

	return same && control_next(client, answer) == 0 && answer->kind == ANSWER_DONE;
}

static bool keep(struct service_hits *h, const struct report_service *rule)
{
	if (h->count == h->cap) {
		size_t cap = h->cap ? 2 * h->cap : 64;
		struct report_service *rules = reallocarray(h->rules, cap, sizeof(*rules));

		if (!rules)
			return false;
		h->rules = rules;
		h->cap = cap;
	}
	h->rules[h->count++] = *rule;
	return true;
}

void service_hits_read(struct service_hits *h, const char *interface, const struct store *s)
{
	static struct control_client client;
	static struct answer answer;
	int r;

	*h = (struct service_hits){ 0 };
	if (control_connect(&client, interface) < 0)
		return;
	r = ask_directory(&client, &answer, s) ? control_ask(&client, REQUEST_SERVICES)
						       : -1;
	while (r == 0 && control_next(&client, &answer) == 1)
		if (answer.kind == ANSWER_RULE && !keep(h, &answer.rule))
			break;
	control_close(&client);
}

void service_hits_free(struct service_hits *h)
{
	free(h->rules);
	*h = (struct service_hits){ 0 };
}

/* A file that was changed just now may not be in force yet: then line or text differ. */
const struct report_service *service_hits_find(const struct service_hits *h, const char *origin,
					       const char *list, uint32_t line, const char *rule)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct report_service *r = &h->rules[i];

		if (r->line == line && !strcmp(r->origin, origin) && !strcmp(r->list, list)
		    && (!line || !strcmp(r->rule, rule)))
			return r;
	}
	return NULL;
}

void service_hits_print(const struct service_hits *h, const char *origin, const char *list,
			uint32_t line, const char *rule)
{
	const struct report_service *r = service_hits_find(h, origin, list, line, rule);

	if (r)
		printf("  %llu packet%s, %llu flow%s", (unsigned long long)r->packets,
		       r->packets == 1 ? "" : "s", (unsigned long long)r->flows,
		       r->flows == 1 ? "" : "s");
}
