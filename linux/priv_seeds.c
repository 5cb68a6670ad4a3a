/* priv_seeds.c - the resolver of libc reads bytes from the network, so it runs where it can do no
 * harm: a fork that is nobody, has no capability and no descriptor but a pipe to us. What comes
 * out of the pipe is judged like a stranger's bytes.
 */
#include "linux/priv_seeds.h"

#include "linux/priv_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELPER_SECONDS 20
#define MAX_HELPERS 8u
#define AGAIN_SECONDS 60

static const unsigned retry_seconds[] = { 1, 2, 5, 10, 30 };
#define RETRIES (sizeof(retry_seconds) / sizeof(*retry_seconds))

/* --- parsing -------------------------------------------------------------------------------- */

static bool take_host(struct seed *s, const char *host, size_t len)
{
	if (len == 0 || len >= sizeof(s->host))
		return false;
	memcpy(s->host, host, len);
	s->host[len] = '\0';
	return true;
}

static bool take_port(struct seed *s, const char *text)
{
	uint64_t port;

	if (!parse_u64(text, strlen(text), UINT16_MAX, &port) || port == 0)
		return false;
	s->port = (uint16_t)port;
	return true;
}

static bool split(const char *text, struct seed *s)
{
	const char *close_bracket = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *colon = strrchr(text, ':');

	if (close_bracket)
		return take_host(s, text + 1, (size_t)(close_bracket - text - 1))
		       && (!close_bracket[1]
			   || (close_bracket[1] == ':' && take_port(s, close_bracket + 2)));
	if (!colon || colon != strchr(text, ':')) /* none, or an IPv6 address without a port */
		return text[0] != '[' && take_host(s, text, strlen(text));
	return take_host(s, text, (size_t)(colon - text)) && take_port(s, colon + 1);
}

bool seed_parse(const char *text, struct seed *s)
{
	struct endpoint e;

	memset(s, 0, sizeof(*s));
	s->pipe = -1;
	s->port = MESH_PORT;
	s->due = INSTANT_NEVER;
	if (!split(text, s))
		return false;
	s->named = !ip_parse(s->host, strlen(s->host), &e.ip);
	if (endpoint_parse(text, strlen(text), MESH_PORT, &e)) { /* also with a numeric scope */
		s->named = false;
		s->addresses[0] = e;
		s->count = 1;
		s->unsent = 1;
	}
	return s->named || s->count;
}

int seeds_open(struct seeds *s, const struct priv_config *config, struct loop *loop,
	       struct instant now)
{
	*s = (struct seeds){ .loop = loop, .uid = 65534, .gid = 65534 };
	priv_user("nobody", &s->uid, &s->gid);
	if (config->seed_count == 0)
		return 0;
	s->list = calloc(config->seed_count, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (unsigned i = 0; i < config->seed_count; i++) {
		struct seed *seed = &s->list[i];

		if (!seed_parse(config->seeds[i], seed))
			return -EINVAL;
		seed->seeds = s;
		seed->due = seed->named ? now : INSTANT_NEVER;
		s->count++;
	}
	return 0;
}

/* --- the helper ------------------------------------------------------------------------------ */

static bool from_sockaddr(const struct sockaddr *a, uint16_t port, struct endpoint *out)
{
	const struct sockaddr_in *v4 = (const void *)a;
	const struct sockaddr_in6 *v6 = (const void *)a;

	memset(out, 0, sizeof(*out));
	out->port = port;
	if (a->sa_family == AF_INET) {
		out->ip = ip_of(FAMILY_IPV4, &v4->sin_addr);
		return true;
	}
	if (a->sa_family != AF_INET6)
		return false;
	out->ip = ip_of(FAMILY_IPV6, &v6->sin6_addr);
	out->scope = v6->sin6_scope_id;
	return true;
}

_Noreturn static void resolve(const struct seed *s, int out, pid_t parent)
{
	const struct addrinfo wish = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	const struct priv_drop drop = {
		.uid = s->seeds->uid, .gid = s->seeds->gid, .parent = parent,
		.name = "meshguard: dns", .keep = &out, .keep_count = 1,
	};
	struct endpoint found[SEED_ADDRESSES];
	struct addrinfo *list;
	const char *step;
	size_t n = 0;
	sigset_t none;

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (priv_drop(&drop, &step) < 0)
		_exit(1);
	alarm(HELPER_SECONDS);
	if (getaddrinfo(s->host, NULL, &wish, &list) != 0)
		_exit(1);
	for (const struct addrinfo *a = list; a && n < SEED_ADDRESSES; a = a->ai_next)
		n += from_sockaddr(a->ai_addr, s->port, &found[n]);
	_exit(write(out, found, n * sizeof(*found)) < 0);
}

static void end_helper(struct seed *s)
{
	if (s->pipe >= 0) {
		loop_remove(s->seeds->loop, s->pipe);
		close(s->pipe);
	}
	s->pipe = -1;
	s->give_up = INSTANT_ZERO;
}

static bool is_new(const struct seed *s, const struct endpoint *e)
{
	for (unsigned i = 0; i < s->count; i++)
		if (endpoint_equal(&s->addresses[i], e))
			return false;
	return true;
}

/* What the helper may say: addresses of hosts, at the port that was asked for. */
static bool usable(const struct seed *s, struct endpoint *e)
{
	struct endpoint clean;

	if (e->ip.family != FAMILY_IPV4 && e->ip.family != FAMILY_IPV6)
		return false;
	memset(&clean, 0, sizeof(clean));
	clean.ip = ip_of((enum family)e->ip.family, e->ip.b);
	clean.port = s->port;
	clean.scope = ip_is_link_local(&clean.ip) ? e->scope : 0;
	*e = clean;
	return ip_is_unicast(&clean.ip);
}

static void take_answer(struct seed *s)
{
	struct endpoint fresh[SEED_ADDRESSES], e;
	unsigned n = 0, unsent = 0;

	for (size_t at = 0; at + sizeof(e) <= s->answer_len; at += sizeof(e)) {
		memcpy(&e, s->answer + at, sizeof(e));
		if (!usable(s, &e))
			continue;
		unsent |= is_new(s, &e) ? 1u << n : 0;
		fresh[n++] = e;
	}
	if (n == 0) {
		if (!s->complained)
			priv_say("the seed %s has no address (yet); it is looked up again",
				 s->host);
		s->complained = true;
		s->failures++;
		return;
	}
	memcpy(s->addresses, fresh, n * sizeof(*fresh));
	s->count = n;
	s->unsent = unsent;
	s->failures = 0;
	s->complained = false;
}

static void finish(struct seed *s, struct instant now)
{
	unsigned wait = AGAIN_SECONDS;

	end_helper(s);
	take_answer(s);
	if (s->failures && s->failures <= RETRIES)
		wait = retry_seconds[s->failures - 1];
	s->due = instant_add(now, span_s(wait));
}

static void pipe_ready(void *ctx, uint32_t events)
{
	struct seed *s = ctx;
	ssize_t n;

	(void)events;
	for (;;) {
		n = read(s->pipe, s->answer + s->answer_len, sizeof(s->answer) - s->answer_len);
		if (n <= 0)
			break;
		s->answer_len += (size_t)n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	finish(s, clock_now().boot);
}

static void start_helper(struct seed *s, struct instant now)
{
	pid_t parent = getpid();
	int ends[2];

	s->due = instant_add(now, span_s(AGAIN_SECONDS));
	s->answer_len = 0;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	s->pipe = ends[0];
	if (loop_add(s->seeds->loop, s->pipe, EPOLLIN, pipe_ready, s) < 0) {
		end_helper(s);
		close(ends[1]);
		return;
	}
	s->helper = fork();
	if (s->helper == 0)
		resolve(s, ends[1], parent);
	close(ends[1]);
	if (s->helper < 0) {
		s->helper = 0;
		end_helper(s);
		return;
	}
	s->give_up = instant_add(now, span_s(HELPER_SECONDS));
	s->seeds->helpers++;
}

void seeds_close(struct seeds *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (s->list[i].helper > 0)
			kill(s->list[i].helper, SIGKILL);
		end_helper(&s->list[i]);
	}
	free(s->list);
	s->list = NULL;
	s->count = 0;
}

static bool is_waiting(const struct seed *s)
{
	return s->named && s->helper == 0;
}

struct instant seeds_deadline(const struct seeds *s)
{
	struct instant first = INSTANT_NEVER;

	for (unsigned i = 0; i < s->count; i++) {
		const struct seed *seed = &s->list[i];

		if (is_waiting(seed) && s->helpers < MAX_HELPERS)
			first = instant_min(first, seed->due);
		else if (instant_is_set(seed->give_up))
			first = instant_min(first, seed->give_up);
	}
	return first;
}

void seeds_tick(struct seeds *s, struct instant now)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct seed *seed = &s->list[i];

		if (instant_is_set(seed->give_up) && instant_reached(seed->give_up, now)) {
			kill(seed->helper, SIGKILL);
			finish(seed, now);
		}
		if (is_waiting(seed) && s->helpers < MAX_HELPERS
		    && instant_reached(seed->due, now))
			start_helper(seed, now);
	}
}

bool seeds_reaped(struct seeds *s, pid_t pid)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (s->list[i].helper != pid)
			continue;
		s->list[i].helper = 0;
		s->helpers--;
		return true;
	}
	return false;
}

bool seeds_next(const struct seeds *s, struct priv_message *m)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct seed *seed = &s->list[i];

		if (!seed->unsent)
			continue;
		message_init(m, PRIV_SEED);
		m->endpoint = seed->addresses[__builtin_ctz(seed->unsent)];
		m->value = i;
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
