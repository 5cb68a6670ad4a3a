/* resolver_helper.c - one question to DNS, in a process without rights.
 *
 * c-ares sends, retries, takes answers over TCP where they are truncated, and refuses those that
 * are not to its question. What TXT and SRV records say is read by core/dns. A domain's seeds are
 * hosts, whose addresses are asked for next; all of it within RESOLVER_SECONDS, and what is known
 * by then is the answer.
 */
#include "linux/resolver.h"

#include "dns/seeds.h"
#include "linux/helper.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_TRY_MS 1500
#define TRIES 3
#define UDP_SIZE 1232

struct lookup {
	ares_channel channel;
	struct resolver_answer answer;
	struct dns_seeds seeds;
	unsigned open;                  /* queries without an answer yet */
	uint32_t ttl_s;
	bool hosts_asked;
};

/* --- answers -------------------------------------------------------------------------------- */

static void note_ttl(struct lookup *l, int64_t ttl)
{
	if (ttl >= 0 && ttl < (int64_t)l->ttl_s)
		l->ttl_s = (uint32_t)ttl;
}

static enum resolver_status status_of(int error)
{
	switch (error) {
	case ARES_SUCCESS:
		return RESOLVED;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return RESOLVER_NONE;
	case ARES_EBADRESP:
	case ARES_EBADSTR:
	case ARES_EFORMERR:
		return RESOLVER_NONSENSE;
	case ARES_ENOMEM:
	case ARES_EFILE:
	case ARES_ENOTINITIALIZED:
		return RESOLVER_FAILED;
	default:
		return RESOLVER_SILENT;
	}
}

/* Of several failures the gravest is told. */
static void note_status(struct lookup *l, enum resolver_status status)
{
	if (status > l->answer.status)
		l->answer.status = status;
}

static void add(struct lookup *l, const struct endpoint *e)
{
	for (unsigned i = 0; i < l->answer.count; i++)
		if (endpoint_equal(&l->answer.list[i], e))
			return;
	if (l->answer.count < RESOLVER_ADDRESSES)
		l->answer.list[l->answer.count++] = *e;
}

static bool from_sockaddr(const struct sockaddr *a, struct endpoint *out)
{
	const struct sockaddr_in *v4 = (const void *)a;
	const struct sockaddr_in6 *v6 = (const void *)a;

	memset(out, 0, sizeof(*out));
	if (a->sa_family == AF_INET) {
		out->ip = ip_of(FAMILY_IPV4, &v4->sin_addr);
		out->port = ntohs(v4->sin_port);
		return true;
	}
	if (a->sa_family != AF_INET6)
		return false;
	out->ip = ip_of(FAMILY_IPV6, &v6->sin6_addr);
	out->port = ntohs(v6->sin6_port);
	out->scope = v6->sin6_scope_id;
	return true;
}

static void got_host(void *ctx, int error, int timeouts, struct ares_addrinfo *found)
{
	struct lookup *l = ctx;
	struct endpoint e;

	(void)timeouts;
	l->open--;
	note_status(l, error ? status_of(error) : RESOLVED);
	for (const struct ares_addrinfo_node *a = found ? found->nodes : NULL; a; a = a->ai_next) {
		note_ttl(l, a->ai_ttl);
		if (from_sockaddr(a->ai_addr, &e))
			add(l, &e);
	}
	if (found)
		ares_freeaddrinfo(found);
}

static void ask_host(struct lookup *l, const char *host, uint16_t port)
{
	const struct ares_addrinfo_hints wish = {
		.ai_flags = ARES_AI_NUMERICSERV | ARES_AI_NOSORT, .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
	};
	struct endpoint e = { .port = port };
	char service[8];

	if (ip_parse(host, strlen(host), &e.ip)) {
		add(l, &e);
		return;
	}
	snprintf(service, sizeof(service), "%u", port);
	l->open++;
	ares_getaddrinfo(l->channel, host, service, &wish, got_host, l);
}

static void got_records(struct lookup *l, int error, const uint8_t *data, int len,
			enum dns_type type)
{
	l->open--;
	if (error)
		note_status(l, status_of(error));
	else if (!dns_seeds_read(bytes_of(data, (size_t)len), type, &l->seeds))
		note_status(l, RESOLVER_NONSENSE);
}

static void got_txt(void *ctx, int error, int timeouts, unsigned char *data, int len)
{
	(void)timeouts;
	got_records(ctx, error, data, len, DNS_TXT);
}

static void got_srv(void *ctx, int error, int timeouts, unsigned char *data, int len)
{
	(void)timeouts;
	got_records(ctx, error, data, len, DNS_SRV);
}

static bool ask_seeds(struct lookup *l, const char *domain)
{
	char name[DNS_NAME_TEXT];
	int n = snprintf(name, sizeof(name), DNS_SEEDS_LABELS ".%s", domain);

	if (n < 0 || (size_t)n >= sizeof(name))
		return false;
	l->open += 2;
	ares_query(l->channel, name, DNS_IN, DNS_TXT, got_txt, l);
	ares_query(l->channel, name, DNS_IN, DNS_SRV, got_srv, l);
	return true;
}

/* When both answers are there: the hosts that they name. What only one of the two has is fine. */
static void ask_hosts(struct lookup *l)
{
	if (l->hosts_asked || l->open)
		return;
	l->hosts_asked = true;
	if (l->seeds.count)
		l->answer.status = RESOLVED;
	else
		note_status(l, RESOLVER_NONE);
	note_ttl(l, l->seeds.ttl);
	for (unsigned i = 0; i < l->seeds.count; i++)
		ask_host(l, l->seeds.list[i].host, l->seeds.list[i].port);
}

/* --- the process ---------------------------------------------------------------------------- */

static bool prepare(struct lookup *l, const struct resolver_job *job)
{
	struct ares_options o = {
		.flags = ARES_FLAG_EDNS | (job->kind == RESOLVE_SEEDS ? ARES_FLAG_NOSEARCH : 0),
		.timeout = FIRST_TRY_MS, .tries = TRIES, .ednspsz = UDP_SIZE,
	};
	const int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ;

	return ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS
	       && ares_init_options(&l->channel, &o, given) == ARES_SUCCESS;
}

static void ask(struct lookup *l, const struct resolver_job *job)
{
	if (job->kind == RESOLVE_HOST)
		ask_host(l, job->name, job->port);
	else if (!ask_seeds(l, job->name))
		note_status(l, RESOLVER_NONE);
}

static void wait_for_answers(struct lookup *l, const struct resolver_job *job)
{
	const struct instant end = instant_add(clock_now().boot, span_s(RESOLVER_SECONDS));

	for (;;) {
		struct timeval most = { 1, 0 }, timeout, *wait;
		fd_set in, out;
		int n;

		if (job->kind == RESOLVE_SEEDS)
			ask_hosts(l);
		if (!l->open || instant_reached(end, clock_now().boot))
			return;
		FD_ZERO(&in);
		FD_ZERO(&out);
		n = ares_fds(l->channel, &in, &out);
		wait = ares_timeout(l->channel, &most, &timeout);
		if (select(n, &in, &out, NULL, wait) < 0 && errno != EINTR)
			return;
		ares_process(l->channel, &in, &out);
	}
}

_Noreturn void resolver_help(const struct resolver_job *job, int out, pid_t parent)
{
	static const char *const files[] = {
		"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", NULL,
	};
	const struct helper self = {
		.name = "meshguard: dns", .socket = out, .parent = parent, .files = files,
	};
	struct lookup lookup = { .ttl_s = UINT32_MAX, .seeds.ttl = UINT32_MAX }, *l = &lookup;

	if (helper_become(&self) < 0)
		_exit(1);
	alarm(RESOLVER_SECONDS + 2);
	if (!prepare(l, job))
		_exit(1);
	ask(l, job);
	wait_for_answers(l, job);
	if (l->answer.count)
		l->answer.status = RESOLVED;
	else if (l->open)
		note_status(l, RESOLVER_SILENT);
	l->answer.ttl_s = l->ttl_s == UINT32_MAX ? 0 : l->ttl_s;
	_exit(send(out, &l->answer, sizeof(l->answer), MSG_NOSIGNAL) < 0);
}
