/* cmd_config.c - what is in force and where it comes from.
 *
 * A daemon that runs is the truth about the settings of `up`; without one they are what `up` would
 * take by itself. The keys are read from the directory either way. */
#include "cli/command.h"
#include "cli/config_addresses.h"
#include "cli/config_rotations.h"
#include "cli/config_seeds.h"

#include "base/text.h"
#include "identity/address.h"
#include "linux/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_SETTINGS 6u

struct setting {
	const char *name;
	char text[PATH_MAX];
	int64_t number;       /* -1: text */
	const char *source;
};

struct config {
	struct store store;
	bool exists;          /* the directory */
	struct setting settings[MAX_SETTINGS];
	unsigned setting_count;
	bool running;               /* and tells its settings */
	char directory[PATH_MAX];   /* of the daemon */
	struct report_node node;
	struct prefix prefix;
	const char *source;         /* of its settings */
	struct identity identity;
	struct key_list trusted;
	struct config_orgs orgs;
	struct config_rotations rotations;
	struct config_seeds seeds;
	struct config_addresses addresses;
};

static struct setting *add_setting(struct config *c, const char *name, const char *source)
{
	struct setting *s = &c->settings[c->setting_count++];

	s->name = name;
	s->source = source;
	s->number = -1;
	return s;
}

static void add_number(struct config *c, const char *name, int64_t number)
{
	struct setting *s = add_setting(c, name, c->source);

	s->number = number;
	snprintf(s->text, sizeof(s->text), "%lld", (long long)number);
}

/* What the daemon says; false when there is none that talks to us. */
static bool ask_daemon(struct config *c, const char *interface)
{
	static struct control_client client;
	static struct answer answer;
	int r = control_connect(&client, interface);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return false;
	if (r == 0)
		r = control_ask(&client, REQUEST_COUNTERS);
	if (r == 0)
		r = control_next(&client, &answer);
	control_close(&client);
	if (r != 1) {
		note("the daemon on %s does not tell its settings%s%s; these are the defaults",
		     interface, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
		return false;
	}
	c->node = answer.node; /* its names lie in the answer, which stays */
	snprintf(c->directory, sizeof(c->directory), "%s", answer.about.directory);
	return true;
}

static void take_settings(struct config *c, const struct arguments *a, const char *interface)
{
	char text[PREFIX_TEXT];
	char seed[ENDPOINT_TEXT];
	bool running = ask_daemon(c, interface);
	struct setting *s;

	c->running = running;
	c->source = running ? "running daemon" : "default";
	c->prefix = running ? c->node.prefix : mesh_ipv4_default_prefix();
	s = add_setting(c, "interface", has_option(a, "interface") ? "--interface" : "default");
	snprintf(s->text, sizeof(s->text), "%s", interface);
	add_number(c, "port", running ? c->node.port : MESH_PORT);
	add_number(c, "mtu", running ? c->node.mtu : MESH_MTU);
	prefix_format(&c->prefix, text);
	s = add_setting(c, "prefix", c->source);
	snprintf(s->text, sizeof(s->text), "%s", text);
	add_number(c, "max_members", running ? c->node.max_members : MAX_MEMBERS);
	s = add_setting(c, "seeds", c->source);

	struct text list = text_of(s->text, sizeof(s->text));

	for (unsigned i = 0; running && i < c->node.seed_count; i++) {
		endpoint_format(&c->node.seeds[i].endpoint, seed);
		text_add(&list, i ? " " : "");
		text_add(&list, seed);
		if (c->node.seeds[i].source == REPORT_GIVEN)
			continue;
		text_add(&list, " (");
		text_add(&list, report_source_word(c->node.seeds[i].source));
		text_add(&list, ")");
	}
}

/* It has a good name, which is at most MAX_NAME long. */
static void refuse(const struct config *c, struct trusted *t, const char *why)
{
	t->good = false;
	snprintf(t->problem, sizeof(t->problem), "%s/" TRUST_FOLDER "/%.*s.pub %.150s",
		 c->store.path, (int)MAX_NAME, t->name, why);
}

/* Twins side by side, of one key those in the order of their names. */
static int by_key(const void *a, const void *b)
{
	const struct trusted *x = *(struct trusted *const *)a, *y = *(struct trusted *const *)b;
	const int order = memcmp(x->key.b, y->key.b, 31);
	const int last = (x->key.b[31] & 0x7f) - (y->key.b[31] & 0x7f);

	return order ? order : last ? last : x < y ? -1 : x > y;
}

/* What the daemon, which takes them by name, too, refuses though each is a key. */
static void refuse_twins(struct config *c)
{
	struct trusted **list = reallocarray(NULL, c->trusted.count, sizeof(*list));
	const struct trusted *first = NULL;
	char why[150];
	size_t n = 0;

	if (!list && c->trusted.count)
		exit(fail(EXIT_FAILED, "out of memory"));
	for (size_t i = 0; i < c->trusted.count; i++)
		if (c->trusted.keys[i].good)
			list[n++] = &c->trusted.keys[i];
	if (n)
		qsort(list, n, sizeof(*list), by_key);
	for (size_t i = 0; i < n; i++) {
		struct trusted *t = list[i];

		if (c->identity.state == IDENTITY_GOOD
		    && keys_are_twins(&t->key, &c->identity.key)) {
			refuse(c, t, "has this machine's own tunnel key");
		} else if (!first || !keys_are_twins(&t->key, &first->key)) {
			first = t;
		} else if (memcmp(&t->key, &first->key, sizeof(first->key)) != 0) {
			snprintf(why, sizeof(why), "has the same tunnel key as %.*s; a daemon uses "
				 "that of both which it knew first", (int)MAX_NAME, first->name);
			refuse(c, t, why);
		}
	}
	free(list);
}

static void addresses(const struct config *c, const struct public_key *key,
		      char ipv4[static IP_TEXT], char ipv6[static IP_TEXT])
{
	struct ip ip;

	mesh_ipv4(key, 0, &c->prefix, &ip);
	ip_format(&ip, ipv4);
	mesh_ipv6(key, &ip);
	ip_format(&ip, ipv6);
}

static void encode_key(const struct public_key *key, char out[static BASE64_LEN(32) + 1])
{
	base64_encode(key->b, sizeof(key->b), out, BASE64_LEN(32) + 1);
}

/* True when both paths lead to one directory, as far as we may look. */
static bool is_same_directory(const char *a, const char *b)
{
	struct stat at_a, at_b;

	if (stat(a, &at_a) < 0 || stat(b, &at_b) < 0)
		return strcmp(a, b) == 0;
	return at_a.st_dev == at_b.st_dev && at_a.st_ino == at_b.st_ino;
}

/* --- for people -------------------------------------------------------------------------- */

/* The settings may be those of a daemon that has another directory, or the key of before. */
static void print_difference(const struct config *c, const struct screen *s)
{
	if (!c->running)
		return;
	if (!is_same_directory(c->directory, c->store.path)) {
		put(s, YELLOW, "another directory than this is used by the running daemon: ");
		puts(c->directory);
	} else if (c->identity.state == IDENTITY_GOOD
		   && memcmp(&c->identity.key, &c->node.key, sizeof(c->node.key)) != 0) {
		put(s, YELLOW, "the running daemon has another key until it is started again\n");
	}
}

static void print_trusted(const struct config *c, const struct screen *s)
{
	struct table t = { .columns = 4 };
	char key[BASE64_LEN(32) + 1], ipv4[IP_TEXT], ipv6[IP_TEXT];

	for (size_t i = 0; i < c->trusted.count; i++) {
		const struct trusted *p = &c->trusted.keys[i];

		if (!p->good)
			continue;
		encode_key(&p->key, key);
		addresses(c, &p->key, ipv4, ipv6);
		table_add(&t, BOLD, p->name);
		table_add(&t, PLAIN, ipv4);
		table_add(&t, PLAIN, key);
		table_add(&t, PLAIN, ipv6);
	}
	puts(t.count ? "\ntrusted keys"
		     : "\ntrusted keys: none; add one with: meshguard trust KEY");
	table_print(&t, s);
	key_list_print_bad(&c->trusted, s);
}

static void print_text(const struct config *c)
{
	struct screen s = screen_of(stdout);
	struct table t = { .columns = 3 };
	char key[BASE64_LEN(32) + 1], ipv4[IP_TEXT], ipv6[IP_TEXT];

	printf("directory  %s%s (from %s)\n\n", c->store.path, c->exists ? "" : ", not there yet",
	       c->store.because);
	for (unsigned i = 0; i < c->setting_count; i++) {
		const struct setting *v = &c->settings[i];

		table_add(&t, PLAIN, v->name);
		table_add(&t, BOLD, v->text[0] ? v->text : "none");
		table_add(&t, PLAIN, v->source);
	}
	table_print(&t, &s);
	switch (c->identity.state) {
	case IDENTITY_NONE:
		puts("\nidentity: none; make one with: meshguard keygen");
		break;
	case IDENTITY_UNUSABLE:
		fputs("\nidentity ", stdout);
		put(&s, RED, "unusable: ");
		puts(c->identity.problem);
		break;
	case IDENTITY_GOOD:
		encode_key(&c->identity.key, key);
		addresses(c, &c->identity.key, ipv4, ipv6);
		printf("\nidentity   %s\naddresses  %s, %s\n", key, ipv4, ipv6);
		break;
	}
	print_difference(c, &s);
	print_trusted(c, &s);
	config_seeds_print(&c->seeds, &s);
	config_addresses_print(&c->addresses, &s);
	config_rotations_print(&c->rotations, &s);
	config_orgs_print(&c->orgs, &s);
}

/* --- for programs ------------------------------------------------------------------------ */

/* Any bytes: what is no UTF-8 cannot stand in JSON. */
static json_t *text_json(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_string("?");
}

static json_t *key_json(const struct config *c, const struct public_key *key)
{
	char text[BASE64_LEN(32) + 1], ipv4[IP_TEXT], ipv6[IP_TEXT];

	encode_key(key, text);
	addresses(c, key, ipv4, ipv6);
	return json_pack("{s:s, s:s, s:s}", "key", text, "ipv4", ipv4, "ipv6", ipv6);
}

static json_t *identity_json(const struct config *c)
{
	json_t *o;

	switch (c->identity.state) {
	case IDENTITY_GOOD:
		return key_json(c, &c->identity.key);
	case IDENTITY_UNUSABLE:
		o = json_object();
		json_object_set_new(o, "problem", text_json(c->identity.problem));
		return o;
	case IDENTITY_NONE:
		break;
	}
	return json_null();
}

static json_t *settings_json(const struct config *c)
{
	json_t *settings = json_object();

	for (unsigned i = 0; i < c->setting_count; i++) {
		const struct setting *v = &c->settings[i];
		json_t *value = v->number >= 0 ? json_integer(v->number) : text_json(v->text);

		if (!strcmp(v->name, "seeds")) {
			char endpoint[ENDPOINT_TEXT];

			json_decref(value);
			value = json_array();
			for (unsigned n = 0; n < c->node.seed_count; n++) {
				endpoint_format(&c->node.seeds[n].endpoint, endpoint);
				json_array_append_new(value, json_string(endpoint));
			}
		}
		json_object_set_new(settings, v->name,
				    json_pack("{s:o, s:s}", "value", value, "source", v->source));
	}
	return settings;
}

static enum exit_code print_json(const struct config *c)
{
	json_t *root = json_object(), *trusted = json_array(), *unusable = json_array();
	int bad = 0;

	for (size_t i = 0; i < c->trusted.count; i++) {
		const struct trusted *t = &c->trusted.keys[i];
		json_t *o = t->good ? key_json(c, &t->key) : json_object();

		bad |= json_object_set_new(o, "name", text_json(t->name));
		if (!t->good)
			bad |= json_object_set_new(o, "problem", text_json(t->problem));
		bad |= json_array_append_new(t->good ? trusted : unusable, o);
	}
	bad |= json_object_set_new(root, "version", json_integer(CONTROL_VERSION));
	bad |= json_object_set_new(root, "directory",
				   json_pack("{s:o, s:s, s:b}", "path", text_json(c->store.path),
					     "source", c->store.because, "exists", (int)c->exists));
	bad |= json_object_set_new(root, "settings", settings_json(c));
	bad |= json_object_set_new(root, "identity", identity_json(c));
	bad |= json_object_set_new(root, "trusted", trusted);
	bad |= json_object_set_new(root, "trust_unreadable", json_boolean(c->trusted.unreadable));
	bad |= json_object_set_new(root, "rotations", config_rotations_json(&c->rotations));
	bad |= !config_seeds_json(&c->seeds, root, unusable);
	bad |= !config_addresses_json(&c->addresses, root, unusable);
	bad |= config_orgs_json(&c->orgs, root, unusable);
	bad |= json_object_set_new(root, "unusable", unusable);
	if (bad == 0)
		bad = json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return bad ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code run(const struct arguments *a)
{
	static struct config c;
	const char *interface;
	enum exit_code code = EXIT_DONE;
	int r;

	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	if (!start_crypto())
		return EXIT_FAILED;
	r = open_store(&c.store);
	if (r < 0 && r != -ENOENT)
		return EXIT_FAILED;
	c.exists = r == 0;
	take_settings(&c, a, interface);
	read_identity(&c.store, &c.identity);
	key_list_read(&c.trusted, &c.store, TRUST_FOLDER);
	config_orgs_read(&c.orgs, &c.store);
	config_seeds_read(&c.seeds, &c.store);
	config_addresses_read(&c.addresses, &c.store);
	refuse_twins(&c);
	config_rotations_read(&c.rotations, &c.store, c.identity.state == IDENTITY_GOOD
			      ? &c.identity.key : NULL, &c.trusted);
	if (has_option(a, "json"))
		code = print_json(&c);
	else
		print_text(&c);
	store_close(&c.store);
	key_list_free(&c.trusted);
	config_orgs_free(&c.orgs);
	config_seeds_free(&c.seeds);
	config_rotations_free(&c.rotations);
	return code;
}

const struct command command_config_show = {
	.name = "config show",
	.summary = "what is configured, and where each value comes from",
	.words = "",
	.options = (const struct option_spec[]){ JSON_OPTION, INTERFACE_OPTION, { 0 } },
	.text = "Settings of a running daemon, else those that `up` would use; this machine's\n"
		"identity and addresses; the trusted keys, the orgs and certificates, the denied\n"
		"keys, the address rules, and the files that are none.",
	.example = "meshguard config show",
	.run = run,
};
