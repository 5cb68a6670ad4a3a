/* netcheck_survey.c - `netcheck` asks STUN servers itself, from sockets of its own. */
#include "cli/netcheck.h"

#include "cli/reach_options.h"
#include "dns/seeds.h"
#include "identity/record.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define LIFETIME_MOST_S 118u   /* what is longer makes no difference to keepalives */

struct servers {
	struct endpoint list[SURVEY_SERVERS];
	unsigned count;
};

static void add(struct servers *s, const struct endpoint *e)
{
	if (s->count < SURVEY_SERVERS)
		s->list[s->count++] = *e;
}

/* One address of each family. */
static void add_name(struct servers *s, const char *text)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG };
	bool had4 = false, had6 = false;
	struct addrinfo *found = NULL;
	struct dns_target t;

	if (!dns_target_parse(text, strlen(text), 0, &t) ||
	    getaddrinfo(t.host, NULL, &hints, &found) != 0)
		return;
	for (const struct addrinfo *f = found; f; f = f->ai_next) {
		struct endpoint e = { .port = t.port };

		if (f->ai_family == AF_INET && !had4) {
			const struct sockaddr_in *four = (const void *)f->ai_addr;

			e.ip = ip_of(FAMILY_IPV4, &four->sin_addr);
			had4 = true;
		} else if (f->ai_family == AF_INET6 && !had6) {
			const struct sockaddr_in6 *six = (const void *)f->ai_addr;

			e.ip = ip_of(FAMILY_IPV6, &six->sin6_addr);
			had6 = true;
		} else {
			continue;
		}
		add(s, &e);
	}
	freeaddrinfo(found);
}

/* False after a line. */
static bool choose(const struct netcheck *c, const struct arguments *a, struct servers *s)
{
	static struct priv_config config;
	struct endpoint e;

	memset(&config, 0, sizeof(config));
	if (!take_stun("netcheck", &config, a))
		return false;
	if (c->daemon && !option_nth(a, "stun", 0)) {
		for (unsigned i = 0; i < c->node.stun_count; i++)
			add(s, &c->node.stun[i].server);
		return true;
	}
	for (unsigned i = 0; i < config.stun_count; i++) {
		if (endpoint_parse(config.stun[i], strlen(config.stun[i]), 0, &e))
			add(s, &e);
		else
			add_name(s, config.stun[i]);
	}
	return true;
}

static uint8_t kind_of(enum survey_mapping m)
{
	switch (m) {
	case SURVEY_NO_NAT: return NAT_PUBLIC;
	case SURVEY_INDEPENDENT: return NAT_EASY;
	case SURVEY_ADDRESS:
	case SURVEY_ADDRESS_AND_PORT:
	case SURVEY_DEPENDENT: return NAT_HARD;
	case SURVEY_MAPPING_UNKNOWN:
	case SURVEY_MAPPINGS: break;
	}
	return NAT_UNKNOWN;
}

/* Who has no daemon sees as the node's what we saw. */
static void fill_node(struct report_node *n, const struct survey *s, enum survey_mapping m)
{
	n->nat_kind = kind_of(m);
	for (unsigned i = 0; i < s->servers && i < REPORT_STUN; i++) {
		const struct survey_question *q = &s->q[i];
		struct report_stun *r = &n->stun[n->stun_count++];

		*r = (struct report_stun){ .server = q->to, .mapped = q->mapped,
					   .answered = q->answered, .rtt_us = q->rtt.ns / 1000 };
		r->server.socket = 0;
	}
}

static void measure_lifetime(struct netcheck *c)
{
	struct lifetime l;
	int error = c->helper.ip.family ? survey_lifetime(&l, &c->helper, LIFETIME_MOST_S) :
		    -EOPNOTSUPP;

	if (error == -EOPNOTSUPP)
		note("netcheck: no STUN server that was asked can measure the lifetime of a "
		     "mapping (RFC 5780, RESPONSE-PORT); name one with --stun");
	else if (error)
		note("netcheck: the lifetime of a mapping could not be measured: %s",
		     strerror(-error));
	c->lifetime_known = !error;
	c->lifetime_s = error ? 0 : l.seconds;
}

enum exit_code netcheck_survey(struct netcheck *c, const struct arguments *a)
{
	static struct survey survey;
	struct servers servers = { .count = 0 };
	int error;

	if (!choose(c, a, &servers))
		return EXIT_USAGE;
	if (servers.count) {
		error = survey_run(&survey, servers.list, servers.count);
		if (error)
			return fail(EXIT_FAILED, "netcheck: %s", strerror(-error));
		c->surveyed = true;
		c->mapping = survey_mapping(&survey);
		c->filtering = survey_filtering(&survey);
		c->hairpin = survey_hairpin(&survey);
		c->helper = survey_helper(&survey);
		if (!c->daemon)
			fill_node(&c->node, &survey, c->mapping);
	}
	if (has_option(a, "lifetime"))
		measure_lifetime(c);
	return EXIT_DONE;
}

const char *survey_mapping_word(enum survey_mapping m)
{
	static const char *const words[] = {
		[SURVEY_MAPPING_UNKNOWN] = "unknown", [SURVEY_NO_NAT] = "none",
		[SURVEY_INDEPENDENT] = "endpoint-independent",
		[SURVEY_ADDRESS] = "address-dependent",
		[SURVEY_ADDRESS_AND_PORT] = "address-and-port-dependent",
		[SURVEY_DEPENDENT] = "endpoint-dependent",
	};

	return words[m];
}

const char *survey_filtering_word(enum survey_filtering f)
{
	static const char *const words[] = {
		[SURVEY_FILTERING_UNKNOWN] = "unknown", [SURVEY_LETS_ALL] = "open",
		[SURVEY_LETS_ADDRESS] = "address-dependent",
		[SURVEY_LETS_ADDRESS_AND_PORT] = "address-and-port-dependent",
	};

	return words[f];
}
