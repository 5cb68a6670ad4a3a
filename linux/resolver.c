#include "linux/resolver.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void resolver_open(struct resolver *r, struct loop *loop)
{
	*r = (struct resolver){ .loop = loop };
}

bool resolver_has_room(const struct resolver *r)
{
	return r->helpers < RESOLVER_HELPERS;
}

/* Takes the job from the list; its helper is told by the end of the socket, and killed. */
static void end_job(struct resolver_job *job)
{
	struct resolver *r = job->resolver;
	struct resolver_job **at = &r->jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	loop_remove(r->loop, job->socket);
	close(job->socket);
	job->socket = -1;
	job->resolver = NULL;
	if (job->helper <= 0)
		return;
	kill(job->helper, SIGKILL);
	for (unsigned i = 0; i < RESOLVER_HELPERS; i++) {
		if (r->dying[i])
			continue;
		r->dying[i] = job->helper;
		break;
	}
	job->helper = 0;
}

/* A domain's seeds are other hosts, on the Internet or in a network of its own. */
static bool usable(enum resolver_kind kind, const struct endpoint *e)
{
	return ip_is_unicast(&e->ip) && e->port
	       && (kind != RESOLVE_SEEDS || !(ip_is_loopback(&e->ip) || ip_is_link_local(&e->ip)));
}

/* What the helper may say: addresses of hosts, each once. A port of 0 is none. */
static void judge(enum resolver_kind kind, const struct resolver_answer *said,
		  struct resolver_answer *out)
{
	struct endpoint e;
	unsigned k;

	memset(out, 0, sizeof(*out));
	out->status = said->status <= RESOLVER_FAILED ? said->status : RESOLVER_FAILED;
	out->ttl_s = said->ttl_s;
	for (unsigned i = 0; i < said->count && i < RESOLVER_ADDRESSES; i++) {
		const struct endpoint *s = &said->list[i];

		if (s->ip.family != FAMILY_IPV4 && s->ip.family != FAMILY_IPV6)
			continue;
		memset(&e, 0, sizeof(e));
		e.ip = ip_of((enum family)s->ip.family, s->ip.b);
		e.port = s->port;
		e.scope = ip_is_link_local(&e.ip) ? s->scope : 0;
		if (!usable(kind, &e))
			continue;
		for (k = 0; k < out->count && !endpoint_equal(&out->list[k], &e); k++)
			;
		if (k == out->count)
			out->list[out->count++] = e;
	}
	if (out->status == RESOLVED && !out->count)
		out->status = RESOLVER_NONE;
	if (out->status != RESOLVED)
		out->count = 0;
}

static void finish(struct resolver_job *job, const struct resolver_answer *said, struct instant now)
{
	struct resolver_answer answer;

	judge(job->kind, said, &answer);
	end_job(job);
	job->done(job->ctx, &answer, now);
}

static void socket_ready(void *ctx, uint32_t events)
{
	struct resolver_job *job = ctx;
	struct resolver_answer said = { .status = RESOLVER_FAILED };
	ssize_t n = recv(job->socket, &said, sizeof(said), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(said))
		said = (struct resolver_answer){ .status = RESOLVER_FAILED };
	finish(job, &said, clock_now().boot);
}

int resolver_start(struct resolver *r, struct resolver_job *job, struct instant now)
{
	pid_t parent = getpid();
	int ends[2], error;

	BUG_ON(job->resolver || !job->done);
	if (!resolver_has_room(r))
		return -EAGAIN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	error = loop_add(r->loop, ends[0], EPOLLIN, socket_ready, job);
	if (error) {
		close(ends[0]);
		close(ends[1]);
		return error;
	}
	job->resolver = r;
	job->next = r->jobs;
	r->jobs = job;
	job->socket = ends[0];
	job->give_up = instant_add(now, span_s(RESOLVER_SECONDS + 3));
	job->helper = fork();
	if (job->helper == 0)
		resolver_help(job, ends[1], parent);
	error = job->helper < 0 ? -errno : 0;
	close(ends[1]);
	if (error)
		end_job(job);
	else
		r->helpers++;
	return error;
}

void resolver_close(struct resolver *r)
{
	while (r->jobs)
		end_job(r->jobs);
}

struct instant resolver_deadline(const struct resolver *r)
{
	struct instant first = INSTANT_NEVER;

	for (const struct resolver_job *job = r->jobs; job; job = job->next)
		first = instant_min(first, job->give_up);
	return first;
}

/* A helper that cannot end itself in time is ended. */
void resolver_tick(struct resolver *r, struct instant now)
{
	const struct resolver_answer silent = { .status = RESOLVER_SILENT };
	struct resolver_job *next;

	for (struct resolver_job *job = r->jobs; job; job = next) {
		next = job->next;
		if (instant_reached(job->give_up, now))
			finish(job, &silent, now);
	}
}

bool resolver_reaped(struct resolver *r, pid_t pid)
{
	for (struct resolver_job *job = r->jobs; job; job = job->next) {
		if (job->helper != pid)
			continue;
		job->helper = 0; /* what it said may still be in the socket */
		r->helpers--;
		return true;
	}
	for (unsigned i = 0; i < RESOLVER_HELPERS; i++) {
		if (r->dying[i] != pid)
			continue;
		r->dying[i] = 0;
		r->helpers--;
		return true;
	}
	return false;
}
