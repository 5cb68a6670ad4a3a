#include "cli/config_seeds.h"

#include "cli/command.h"
#include "linux/store_tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(void *ctx, const char *file)
{
	struct config_seeds *c = ctx;
	struct config_seed *seed;

	if (!is_seed_file(file))
		return 0;
	c->list = reallocarray(c->list, c->count + 1, sizeof(*c->list));
	if (!c->list)
		exit(fail(EXIT_FAILED, "out of memory"));
	seed = &c->list[c->count++];
	memset(seed, 0, sizeof(*seed));
	snprintf(seed->name, sizeof(seed->name), "%.*s", (int)(strlen(file) - 5), file);
	seed->good = seed_load(c->store, file, &seed->at) == 0;
	if (!seed->good)
		snprintf(seed->problem, sizeof(seed->problem), "%s", c->store->error);
	return 0;
}

void config_seeds_read(struct config_seeds *c, struct store *s)
{
	*c = (struct config_seeds){ .store = s };
	if (s->dir >= 0 && store_list(s, SEED_FOLDER, add, c) < 0)
		note("%s", s->error);
}

void config_seeds_free(struct config_seeds *c)
{
	free(c->list);
}

void config_seeds_print(const struct config_seeds *c, const struct screen *s)
{
	struct table t = { .columns = 2 };
	char at[ENDPOINT_TEXT];

	for (unsigned i = 0; i < c->count; i++) {
		if (!c->list[i].good)
			continue;
		endpoint_format(&c->list[i].at, at);
		table_add(&t, BOLD, c->list[i].name);
		table_add(&t, PLAIN, at);
	}
	if (t.count)
		puts("\nsaved seeds");
	table_print(&t, s);
	for (unsigned i = 0; i < c->count; i++) {
		if (c->list[i].good)
			continue;
		put(s, RED, "unusable: ");
		puts(c->list[i].problem);
	}
}

bool config_seeds_json(const struct config_seeds *c, json_t *root, json_t *unusable)
{
	json_t *list = json_array();
	char at[ENDPOINT_TEXT];
	int bad = 0;

	for (unsigned i = 0; i < c->count; i++) {
		const struct config_seed *seed = &c->list[i];

		endpoint_format(&seed->at, at);
		bad |= json_array_append_new(
			seed->good ? list : unusable,
			json_pack("{s:s, s:s}", "name", seed->name, seed->good ? "endpoint"
				  : "problem", seed->good ? at : seed->problem));
	}
	bad |= json_object_set_new(root, "saved_seeds", list);
	return bad == 0;
}
