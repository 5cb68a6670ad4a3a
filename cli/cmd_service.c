/* cmd_service.c - service: changes the files below services/, which a running daemon follows.
 *
 * A change reads one file and writes it anew, under a lock on the directory: of two at once none is
 * lost. A file with a bad line is not touched, for nobody can tell what it was to mean.
 */
#include "cli/service.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct rule_file rules; /* of the file that is changed */

/* The number of a rule, from 1. */
static enum exit_code rule_number(const char *word, uint64_t *n)
{
	if (parse_u64(word, strlen(word), UINT32_MAX, n) && *n > 0)
		return EXIT_DONE;
	return fail(EXIT_USAGE, "\"%.40s\" is no number of a rule; meshguard service list shows "
		    "them", word);
}

static enum exit_code no_such_rule(const struct target *t, uint64_t n)
{
	return fail(EXIT_FAILED, "there is no rule %llu: %s has %zu", (unsigned long long)n,
		    t->label, rules.count);
}

/* --- adding */

static void warn_if_covered(const struct target *t, size_t index)
{
	const struct policy_rule *r = &rules.rules[index];
	char rule[POLICY_RULE_TEXT], other[POLICY_RULE_TEXT];
	size_t by;

	if (!policy_rules_cover(rules.rules, index, r, &by))
		return;
	policy_rule_format(r, rule);
	if (by == index) {
		note("%s can never match: the rules before it leave nothing for it", rule);
		return;
	}
	policy_rule_format(&rules.rules[by], other);
	if (rules.rules[by].action == r->action)
		note("%s can never match: " SERVICES_FOLDER "/%s:%u: %s covers it", rule, t->file,
		     rules.rules[by].line, other);
	else
		note("%s can never match: " SERVICES_FOLDER "/%s:%u: %s covers it; put it before "
		     "with: meshguard service insert %zu %s%s", rule, t->file,
		     rules.rules[by].line, other, by + 1, rule, t->option);
}

/* Two files for one peer: that of its key counts. */
static void warn_of_two_files(struct store *services, const struct target *t)
{
	char file[SERVICES_FILE];

	if (t->origin != POLICY_FROM_PEER || !t->peer.has_key || !t->peer.alias[0])
		return;
	services_file(file, POLICY_FROM_PEER, t->peer.by_key ? t->peer.alias : t->peer.hex);
	if (!store_exists(services, file))
		return;
	if (t->peer.by_key)
		note(SERVICES_FOLDER "/%s does not count any more for %s, whose key has a file now",
		     file, t->peer.alias);
	else
		note(SERVICES_FOLDER "/%s is there, so this file does not count for %s", file,
		     t->peer.alias);
}

static size_t find_rule(const struct policy_rule *r)
{
	size_t i = 0;

	while (i < rules.count && !policy_rule_equal(&rules.rules[i], r))
		i++;
	return i;
}

/* The changed file, unless it would cut our own connection. */
static enum exit_code write_rules(struct store *s, const struct arguments *a,
				  struct store *services, const struct target *t)
{
	enum exit_code code = guard_connection(s, a, &(struct outcome){
		.of = GUARD_LIST, .target = t, .gone = !rules.len, .rules = rules.rules,
		.count = rules.count });

	return code == EXIT_DONE ? rule_file_write(services, t->file, &rules) : code;
}

static enum exit_code put_rule(struct store *s, const struct arguments *a, struct store *services,
			       const struct target *t, const struct policy_rule *r, size_t index)
{
	size_t same = find_rule(r);
	bool moves = same < rules.count;
	char text[POLICY_RULE_TEXT];
	enum exit_code code;

	policy_rule_format(r, text);
	if (moves && same <= index) {
		printf("%s: rule %zu is %s already\n", t->label, same + 1, text);
		warn_if_covered(t, same);
		return EXIT_DONE;
	}
	if (moves)
		rule_file_remove(&rules, same);
	if (!rule_file_insert(&rules, index, r))
		return fail(EXIT_FAILED, "there is no room for it in " SERVICES_FOLDER "/%s: at "
			    "most %u rules and %u bytes", t->file, POLICY_MAX_RULES,
			    POLICY_MAX_TEXT);
	code = write_rules(s, a, services, t);
	if (code != EXIT_DONE)
		return code;
	printf("%s: rule %zu is %s%s\n", t->label, index + 1, text, moves ? ", moved" : "");
	warn_if_covered(t, index);
	warn_of_two_files(services, t);
	return EXIT_DONE;
}

/* at: the number before which it goes, or NULL. */
static enum exit_code add_rule(struct store *s, const struct arguments *a, const char *at,
			       const char *const *words, unsigned count)
{
	struct store services;
	struct policy_rule r;
	struct target t;
	enum policy_error wrong = policy_rule_parse(words, count, &r);
	enum exit_code code;
	uint64_t n = 0;

	if (wrong)
		return fail(EXIT_USAGE, "%s; see: meshguard help service",
			    policy_error_text(wrong));
	code = at ? rule_number(at, &n) : EXIT_DONE;
	if (code == EXIT_DONE)
		code = find_target(s, a, &t);
	if (code == EXIT_DONE)
		code = open_services(s, &services);
	if (code != EXIT_DONE)
		return code;
	code = rule_file_read(&services, t.file, &rules);
	if (code == EXIT_DONE && n > rules.count + 1)
		code = no_such_rule(&t, n);
	if (code == EXIT_DONE)
		code = put_rule(s, a, &services, &t, &r, n ? (size_t)n - 1 : rules.count);
	store_close(&services);
	if (code == EXIT_DONE)
		warn_of_the_rest(s);
	return code;
}

/* --- the verbs */

static enum exit_code verb_add(struct store *s, const struct arguments *a,
			       const char *const *words, unsigned count)
{
	return add_rule(s, a, option_text(a, "at", NULL), words - 1, count + 1);
}

static enum exit_code verb_insert(struct store *s, const struct arguments *a,
				  const char *const *words, unsigned count)
{
	return add_rule(s, a, words[0], words + 1, count - 1);
}

static enum exit_code take_rule_out(struct store *s, const struct arguments *a,
				    struct store *services, const struct target *t, uint64_t n)
{
	enum exit_code code = rule_file_read(services, t->file, &rules);
	char text[POLICY_RULE_TEXT];

	if (code == EXIT_DONE && n > rules.count)
		code = no_such_rule(t, n);
	if (code != EXIT_DONE)
		return code;
	policy_rule_format(&rules.rules[n - 1], text);
	rule_file_remove(&rules, (size_t)n - 1);
	code = write_rules(s, a, services, t);
	if (code == EXIT_DONE)
		printf("%s: rule %llu was %s\n", t->label, (unsigned long long)n, text);
	return code;
}

static enum exit_code verb_delete(struct store *s, const struct arguments *a,
				  const char *const *words, unsigned count)
{
	struct store services;
	struct target t;
	uint64_t n;
	enum exit_code code = rule_number(words[0], &n);

	(void)count;
	if (code == EXIT_DONE)
		code = find_target(s, a, &t);
	if (code == EXIT_DONE && !store_exists(s, SERVICES_FOLDER))
		code = fail(EXIT_FAILED, "there are no service rules");
	if (code == EXIT_DONE)
		code = open_services(s, &services);
	if (code != EXIT_DONE)
		return code;
	code = take_rule_out(s, a, &services, &t, n);
	store_close(&services);
	if (code == EXIT_DONE)
		warn_of_the_rest(s);
	return code;
}

/* --- which verb */

enum { PEER = 1, ORG = 2, AT = 4, FORCE = 8, DAEMON = 16, SINCE = 32, CONFIRM = 64,
       JSON = 128, MAKES = 256 /* the directory */, CHANGES = CONFIRM | DAEMON | FORCE };

static const struct verb {
	const char *name;
	unsigned min, max;      /* words after it */
	unsigned takes;
	const char *words;
	enum exit_code (*run)(struct store *s, const struct arguments *a,
			      const char *const *words, unsigned count);
} verbs[] = {
	{ "list", 0, 0, PEER | ORG | FORCE | DAEMON | JSON, "", service_list },
	{ "show", 0, 1, ORG | FORCE | JSON, " [PEER]", service_show },
	{ "allow", 1, 2, PEER | ORG | AT | CHANGES | MAKES, " PROTO [PORT]", verb_add },
	{ "deny", 1, 2, PEER | ORG | AT | CHANGES | MAKES, " PROTO [PORT]", verb_add },
	{ "reject", 1, 2, PEER | ORG | AT | CHANGES | MAKES, " PROTO [PORT]", verb_add },
	{ "insert", 3, 4, PEER | ORG | CHANGES | MAKES, " N allow|deny|reject PROTO [PORT]",
	  verb_insert },
	{ "delete", 1, 1, PEER | ORG | CHANGES, " N", verb_delete },
	{ "default", 1, 1, CHANGES | MAKES, " allow|deny|observe", service_default },
	{ "reset", 0, 0, PEER | ORG | CHANGES, "", service_reset },
	{ "confirm", 0, 0, 0, "", service_confirm },
	{ "explain", 2, 3, ORG | FORCE | JSON, " PEER PROTO [PORT]", service_explain },
	{ "who", 1, 2, JSON, " PROTO [PORT]", service_who },
	{ "learn", 0, 0, DAEMON | SINCE | JSON, "", service_learn },
};

static const struct verb *find_verb(const char *word)
{
	const char *best = NULL;
	unsigned distance = 0;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (!strcmp(verbs[i].name, word))
			return &verbs[i];
		suggest(word, verbs[i].name, &best, &distance);
	}
	if (best)
		fail(EXIT_USAGE, "unknown word \"%.60s\" after service; did you mean service %s?",
		     word, best);
	else
		fail(EXIT_USAGE, "unknown word \"%.60s\" after service; see: meshguard help "
		     "service", word);
	return NULL;
}

static bool options_fit(const struct verb *v, const struct arguments *a)
{
	static const struct option { const char *name; unsigned bit; } options[] = {
		{ "peer", PEER }, { "org", ORG }, { "at", AT }, { "force", FORCE },
		{ "interface", DAEMON }, { "since", SINCE }, { "confirm-within", CONFIRM },
		{ "json", JSON },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (has_option(a, options[i].name) && !(v->takes & options[i].bit)) {
			fail(EXIT_USAGE, "service %s takes no --%s", v->name, options[i].name);
			return false;
		}
	return true;
}

static enum exit_code run_change(struct store *s, const struct arguments *a, const struct verb *v,
				 unsigned count)
{
	struct change c;
	enum exit_code code = change_begin(s, a, &c);

	if (code == EXIT_DONE)
		code = v->run(s, a, a->words + 1, count);
	return change_end(s, &c, code);
}

static enum exit_code run_service(const struct arguments *a)
{
	const struct verb *v = find_verb(a->words[0]);
	unsigned count = a->word_count - 1;
	enum exit_code code;
	struct store s;
	int r;

	if (!v || !options_fit(v, a))
		return EXIT_USAGE;
	if (count < v->min || count > v->max)
		return fail(EXIT_USAGE, "service %s: %s; usage: meshguard service %s%s", v->name,
			    count < v->min ? "something is missing" : "there is a word too many",
			    v->name, v->words);
	if (!start_crypto())
		return EXIT_FAILED;
	r = v->takes & MAKES ? create_store(&s) : open_store(&s);
	if (r < 0 && (v->takes & MAKES || r != -ENOENT))
		return EXIT_FAILED;
	code = v->takes & CONFIRM ? run_change(&s, a, v, count)
				  : v->run(&s, a, a->words + 1, count);
	store_close(&s);
	return code;
}

const struct command command_service = {
	.name = "service",
	.summary = "which services of this host the peers may reach",
	.words = "VERB [WORD]...",
	.min_words = 1,
	.max_words = 6,
	.options = (const struct option_spec[]){
		{ .name = "peer", .kind = OPTION_TEXT, .value = "NAME|KEY",
		  .help = "rules for this peer alone" },
		{ .name = "org", .kind = OPTION_TEXT, .value = "NAME",
		  .help = "for members of this org; show, explain: as one of them" },
		{ .name = "at", .kind = OPTION_TEXT, .value = "N" /* see insert */ },
		{ .name = "force", .kind = OPTION_FLAG,
		  .help = "also unknown names, and what cuts this connection" },
		{ .name = "confirm-within", .kind = OPTION_TEXT, .value = "SPAN",
		  .help = "roll back unless confirmed within 10s to 1h" },
		{ .name = "interface", .kind = OPTION_TEXT, .value = "NAME",
		  .help = "of the daemon that counts, or rolls back (default: mg0)" },
		JSON_OPTION,
		{ .name = "since", .kind = OPTION_TEXT, .value = "SPAN" /* see learn */ },
		{ 0 } },
	.text = "  allow|deny|reject PROTO [PORT]   add a rule: tcp|udp|icmp|all, 22|8000-9000\n"
		"  insert N allow|deny|reject ...   the same, before rule N\n"
		"  delete N, reset                  take rule N away; take all away\n"
		"  default allow|deny|observe       what happens when no rule matches\n"
		"  list, show [PEER]                all rules; those that a peer meets, in order\n"
		"  explain PEER PROTO [PORT]        the verdict, and the rule that gives it\n"
		"  who PROTO [PORT]                 which peers can reach it\n"
		"  learn [--since 7d|12h|30m]       rules for what came in under observe\n"
		"  confirm                          keep what --confirm-within would roll back\n"
		"Of the peer's rules, those of its org, the global ones and the default, the\n"
		"first that matches counts. Replies to what this host opened always come in.",
	.example = "meshguard service allow --peer node-1 tcp 5432",
	.run = run_service,
};
