/* service_learn.c - service learn: what the default `observe` let in, as the rules that would allow
 * it. They are printed as commands, to be read, thinned out and run; nothing is changed. */
#include "cli/config_orgs.h"
#include "cli/daemon.h"
#include "cli/format.h"
#include "cli/service_json.h"
#include "cli/words.h"

#include "base/text.h"
#include "linux/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define PROTO_ICMP 1u
#define PROTO_ICMPV6 58u

struct lesson {
	char who[POLICY_NAME + 1];   /* as --peer takes it */
	char rule[16];               /* "tcp 5432"; empty: only `all` covers it */
	struct report_observed seen;
};

struct lessons {
	struct lesson *list;
	size_t count, cap;
	struct key_list trusted;
	uint64_t since;              /* seconds before now */
	struct instant now;
};

static void name_of(const struct lessons *l, const struct public_key *key,
		    char out[static POLICY_NAME + 1])
{
	for (size_t i = 0; i < l->trusted.count; i++) {
		const struct trusted *t = &l->trusted.keys[i];

		if (!t->good || memcmp(&t->key, key, sizeof(*key)) != 0)
			continue;
		snprintf(out, POLICY_NAME + 1, "%.63s", t->name);
		return;
	}
	hex_encode(key->b, sizeof(key->b), out, POLICY_NAME + 1);
}

static void rule_of(const struct report_observed *o, char out[static 16])
{
	if (o->protocol == PROTO_TCP || o->protocol == PROTO_UDP)
		snprintf(out, 16, "%s %u", o->protocol == PROTO_TCP ? "tcp" : "udp", o->port);
	else
		snprintf(out, 16, "%s", o->protocol == PROTO_ICMP || o->protocol == PROTO_ICMPV6
			 ? "icmp" : "");
}

static uint64_t age_of(const struct lessons *l, const struct report_observed *o)
{
	/* It may have come since we began. */
	return instant_before(o->last, l->now) ? span_in_s(instant_since(l->now, o->last)) : 0;
}

/* Both kinds of ICMP are one rule. */
static bool joins(struct lessons *l, const struct lesson *new)
{
	for (size_t i = 0; i < l->count; i++) {
		struct lesson *old = &l->list[i];

		if (!new->rule[0] || strcmp(old->rule, new->rule) != 0
		    || strcmp(old->who, new->who) != 0)
			continue;
		old->seen.times += new->seen.times;
		if (age_of(l, &new->seen) < age_of(l, &old->seen))
			old->seen.last = new->seen.last;
		return true;
	}
	return false;
}

static void learn(struct lessons *l, const struct report_observed *o)
{
	struct lesson new = { .seen = *o };

	if (age_of(l, o) > l->since)
		return;
	name_of(l, &o->key, new.who);
	rule_of(o, new.rule);
	if (joins(l, &new))
		return;
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->list = reallocarray(l->list, l->cap, sizeof(*l->list));
		if (!l->list)
			exit(fail(EXIT_FAILED, "out of memory"));
	}
	l->list[l->count++] = new;
}

static int by_peer(const void *a, const void *b)
{
	const struct lesson *p = a, *q = b;
	int d = strcmp(p->who, q->who);

	if (d)
		return d;
	if (p->seen.protocol != q->seen.protocol)
		return p->seen.protocol < q->seen.protocol ? -1 : 1;
	return p->seen.port < q->seen.port ? -1 : p->seen.port > q->seen.port;
}

static enum exit_code collect(struct lessons *l, const char *interface)
{
	static struct control_client client;
	static struct answer answer;
	int r = control_connect(&client, interface);

	if (r < 0)
		return no_daemon(interface, r);
	r = control_ask(&client, REQUEST_OBSERVED);
	while (r >= 0 && (r = control_next(&client, &answer)) > 0)
		if (answer.kind == ANSWER_OBSERVED)
			learn(l, &answer.observed);
	control_close(&client);
	if (r < 0)
		return lost_daemon(interface, r);
	return answer.kind == ANSWER_ERROR ? refused_by_daemon(interface, answer.problem)
					   : EXIT_DONE;
}

static void print_lessons(const struct lessons *l)
{
	char age[FORMAT_TEXT];

	for (size_t i = 0; i < l->count; i++) {
		const struct lesson *x = &l->list[i];

		format_age(age, age_of(l, &x->seen));
		if (x->rule[0])
			printf("meshguard service allow --peer %s %s  # %llu times, last %s ago\n",
			       x->who, x->rule, (unsigned long long)x->seen.times, age);
		else
			printf("# only `allow all` covers protocol %u of %s: %llu times, last %s "
			       "ago\n", x->seen.protocol, x->who,
			       (unsigned long long)x->seen.times, age);
	}
	if (!l->count)
		puts("# nothing was let in that the default deny would have denied");
}

static enum exit_code lessons_json(const struct lessons *l)
{
	json_t *list = json_array();
	bool good = list != NULL;

	for (size_t i = 0; good && i < l->count; i++) {
		const struct lesson *x = &l->list[i];

		good = json_array_append_new(list, json_pack(
			"{s:s, s:s?, s:i, s:I, s:I}", "peer", x->who, "rule",
			x->rule[0] ? x->rule : NULL, "protocol", x->seen.protocol, "times",
			(json_int_t)(x->seen.times & INT64_MAX), "last_age_s",
			(json_int_t)age_of(l, &x->seen))) == 0;
	}
	if (!good) {
		json_decref(list);
		list = NULL;
	}
	return print_service_json(json_pack("{s:i, s:o}", "version", SERVICE_JSON, "observed",
					    list));
}

enum exit_code service_learn(struct store *s, const struct arguments *a, const char *const *words,
			     unsigned count)
{
	const char *since = option_text(a, "since", NULL), *interface;
	struct lessons l = { .since = UINT64_MAX, .now = clock_now().boot };
	enum exit_code code;

	(void)words;
	(void)count;
	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	/* Only what ends in a unit is a span. */
	if (since && (!*since || !strchr("dhm", since[strlen(since) - 1])
		      || !parse_when(since, 0, &l.since)))
		return fail(EXIT_USAGE, "--since %.40s: how long ago, as in 7d, 12h or 30m", since);
	key_list_read(&l.trusted, s, TRUST_FOLDER);
	code = collect(&l, interface);
	if (code == EXIT_DONE && l.count)
		qsort(l.list, l.count, sizeof(*l.list), by_peer);
	if (code == EXIT_DONE && has_option(a, "json"))
		code = lessons_json(&l);
	else if (code == EXIT_DONE)
		print_lessons(&l);
	key_list_free(&l.trusted);
	free(l.list);
	return code;
}
