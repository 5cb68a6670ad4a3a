/* priv_seeds.c - when which name is looked up, and what the child is told of it. */
#include "linux/priv_seeds.h"

#include "dns/seeds.h"
#include "linux/priv_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long an answer is believed. Its own word counts in between. */
#define LEAST_SECONDS 30u
#define MOST_SECONDS 3600u
#define AGAIN_SECONDS 60u /* after many failures, or where nobody says how long */

static bool is_looked_up(const struct seed *s)
{
	return s->source != SEED_GIVEN;
}

bool seed_parse(const char *text, struct seed *s)
{
	struct dns_target t;

	memset(s, 0, sizeof(*s));
	s->notice = PRIV_SEED;
	s->due = INSTANT_NEVER;
	s->job.socket = -1;
	if (endpoint_parse(text, strlen(text), MESH_PORT, &s->addresses[0])) {
		s->count = 1;
		s->unsent = 1;
		return s->addresses[0].port != 0;
	}
	if (!dns_target_parse(text, strlen(text), MESH_PORT, &t))
		return false;
	s->source = SEED_NAME;
	s->job.kind = RESOLVE_HOST;
	s->job.port = t.port;
	memcpy(s->job.name, t.host, sizeof(t.host));
	return true;
}

static void domain_of(const char *domain, struct seed *s)
{
	memset(s, 0, sizeof(*s));
	s->notice = PRIV_SEED;
	s->source = SEED_DNS;
	s->job.kind = RESOLVE_SEEDS;
	s->job.socket = -1;
	strncpy(s->job.name, domain, sizeof(s->job.name) - 1);
}

/* --- answers -------------------------------------------------------------------------------- */

static bool is_new(const struct seed *s, const struct endpoint *e)
{
	for (unsigned i = 0; i < s->count; i++)
		if (endpoint_equal(&s->addresses[i], e))
			return false;
	return true;
}

/* Of a STUN server the first address of each family is enough. */
static bool is_wanted(const struct seed *s, const struct resolver_answer *a, unsigned i)
{
	for (unsigned k = 0; s->notice == PRIV_STUN && k < i; k++)
		if (a->list[k].ip.family == a->list[i].ip.family)
			return false;
	return is_new(s, &a->list[i]);
}

static void take_addresses(struct seed *s, const struct resolver_answer *a)
{
	uint32_t unsent = 0;

	for (unsigned i = 0; i < a->count; i++)
		unsent |= is_wanted(s, a, i) ? 1u << i : 0;
	memcpy(s->addresses, a->list, a->count * sizeof(*a->list));
	s->count = a->count;
	s->unsent = unsent;
	s->failures = 0;
	s->complained = false;
}

/* Once, until it works again. */
static void complain(struct seed *s, enum resolver_status why)
{
	static const char *const words[] = {
		[RESOLVED] = "", [RESOLVER_NONE] = "it has none",
		[RESOLVER_SILENT] = "no name server answers",
		[RESOLVER_NONSENSE] = "the answer is malformed",
		[RESOLVER_FAILED] = "the resolver failed",
	};

	s->failures++;
	if (s->complained || !s->seeds->what)
		return;
	s->complained = true;
	if (s->source == SEED_DNS)
		priv_say("no seeds at " DNS_SEEDS_LABELS ".%s (yet): %s; it is looked up again",
			 s->job.name, words[why]);
	else
		priv_say("the %s %s has no address (yet): %s; it is looked up again",
			 s->seeds->what, s->job.name, words[why]);
}

/* A node without a STUN server is told by members what it is seen as: no hurry. Each look-up is a
 * process. */
static unsigned retry_after(const struct seed *s)
{
	static const unsigned seed_seconds[] = { 1, 2, 5, 10, 30, AGAIN_SECONDS };
	static const unsigned stun_seconds[] = { 2, 10, 60, 300, 600 };

	return s->notice == PRIV_STUN ? stun_seconds[s->failures < 5 ? s->failures - 1 : 4] :
					seed_seconds[s->failures < 6 ? s->failures - 1 : 5];
}

static void looked_up(void *ctx, const struct resolver_answer *a, struct instant now)
{
	struct seed *s = ctx;
	unsigned wait = s->notice == PRIV_STUN ? MOST_SECONDS : a->ttl_s ? a->ttl_s : AGAIN_SECONDS;

	if (a->count)
		take_addresses(s, a);
	else
		complain(s, (enum resolver_status)a->status);
	wait = wait < LEAST_SECONDS ? LEAST_SECONDS : wait > MOST_SECONDS ? MOST_SECONDS : wait;
	if (s->failures)
		wait = retry_after(s);
	s->due = instant_add(now, span_s(wait));
}

/* --- all of them ---------------------------------------------------------------------------- */

static void add(struct seeds *s, struct seed *seed, struct instant now)
{
	seed->seeds = s;
	seed->job.done = looked_up;
	seed->job.ctx = seed;
	seed->due = is_looked_up(seed) ? now : INSTANT_NEVER;
	s->count++;
}

int seeds_open(struct seeds *s, const struct priv_config *config, struct loop *loop,
	       struct instant now)
{
	const unsigned most = config->seed_count + config->dns_count;

	*s = (struct seeds){ .what = "seed" };
	resolver_open(&s->resolver, loop);
	if (most == 0)
		return 0;
	s->list = calloc(most, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (unsigned i = 0; i < most; i++) {
		struct seed *seed = &s->list[i];

		if (i >= config->seed_count)
			domain_of(config->dns[i - config->seed_count], seed);
		else if (!seed_parse(config->seeds[i], seed))
			return -EINVAL;
		add(s, seed, now);
	}
	return 0;
}

int stun_servers_open(struct seeds *s, const struct priv_config *config, struct loop *loop,
		      struct instant now)
{
	*s = (struct seeds){ .what = config->stun_given ? "STUN server" : NULL };
	resolver_open(&s->resolver, loop);
	if (config->stun_count == 0)
		return 0;
	s->list = calloc(config->stun_count, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (unsigned i = 0; i < config->stun_count; i++) {
		if (!seed_parse(config->stun[i], &s->list[i]))
			return -EINVAL;
		s->list[i].notice = PRIV_STUN;
		add(s, &s->list[i], now);
	}
	return 0;
}

void seeds_close(struct seeds *s)
{
	resolver_close(&s->resolver);
	free(s->list);
	s->list = NULL;
	s->count = 0;
}

static bool is_waiting(const struct seed *s)
{
	return is_looked_up(s) && !s->job.resolver;
}

struct instant seeds_deadline(const struct seeds *s)
{
	struct instant first = resolver_deadline(&s->resolver);

	if (!resolver_has_room(&s->resolver))
		return first;
	for (unsigned i = 0; i < s->count; i++)
		if (is_waiting(&s->list[i]))
			first = instant_min(first, s->list[i].due);
	return first;
}

void seeds_tick(struct seeds *s, struct instant now)
{
	resolver_tick(&s->resolver, now);
	for (unsigned i = 0; i < s->count && resolver_has_room(&s->resolver); i++) {
		struct seed *seed = &s->list[i];

		if (!is_waiting(seed) || !instant_reached(seed->due, now))
			continue;
		seed->due = instant_add(now, span_s(AGAIN_SECONDS));
		if (resolver_start(&s->resolver, &seed->job, now) < 0)
			complain(seed, RESOLVER_FAILED);
	}
}

bool seeds_reaped(struct seeds *s, pid_t pid)
{
	return resolver_reaped(&s->resolver, pid);
}

bool seeds_next(const struct seeds *s, struct priv_message *m)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct seed *seed = &s->list[i];

		if (!seed->unsent)
			continue;
		message_init(m, seed->notice);
		m->endpoint = seed->addresses[__builtin_ctz(seed->unsent)];
		m->value = i;
		m->which = seed->source;
		return true;
	}
	return false;
}

void seeds_sent(struct seeds *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (!s->list[i].unsent)
			continue;
		s->list[i].unsent &= s->list[i].unsent - 1;
		return;
	}
}
