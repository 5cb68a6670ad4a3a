/* linux/resolver.h - names of the Internet become addresses, in processes that can do no harm.
 *
 * Answers of DNS servers are strangers' bytes. They are read, by c-ares, in a process of its own
 * for each question: it is nobody, has no capability, no descriptor but a socket to its parent, of
 * all files only those that say how to resolve, bounded memory and time. It says addresses and for
 * how long they hold, and ends; the parent waits for nothing and takes its word for no more than
 * that. Since each question has a fresh process, /etc/resolv.conf is read anew each time.
 *
 * For whoever has a loop and children that it reaps: the privileged process.
 */
#ifndef LINUX_RESOLVER_H
#define LINUX_RESOLVER_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/instant.h"
#include "linux/loop.h"

#include <sys/types.h>

enum resolver_kind {
	RESOLVE_HOST,        /* A and AAAA of the name, also by /etc/hosts and search domains */
	RESOLVE_SEEDS,       /* TXT and SRV of _meshguard._udp below the name (dns/seeds.h), and the
	                        addresses of the hosts that they name */
};

enum resolver_status {
	RESOLVED,            /* there is an address at least */
	RESOLVER_NONE,       /* there is no such name, or nothing of use at it */
	RESOLVER_SILENT,     /* no server answered in time */
	RESOLVER_NONSENSE,   /* the answer is malformed */
	RESOLVER_FAILED,     /* the helper did not work */
};

#define RESOLVER_ADDRESSES 32u
#define RESOLVER_NAME 256u
#define RESOLVER_HELPERS 8u        /* at once */
#define RESOLVER_SECONDS 15u       /* for one question */

struct resolver_answer {
	uint32_t status;           /* enum resolver_status */
	uint32_t ttl_s;            /* of what is shortest; 0 where it is not known */
	uint32_t count;
	struct endpoint list[RESOLVER_ADDRESSES]; /* unicast, all different */
};

struct resolver {
	struct loop *loop;
	unsigned helpers;          /* at work, or not reaped yet */
	struct resolver_job *jobs; /* those at work */
	pid_t dying[RESOLVER_HELPERS]; /* their job is over, and they were not reaped yet */
};

/* One question. The caller owns it and fills in the first part; it must stay in place while it is
 * at work. */
struct resolver_job {
	enum resolver_kind kind;
	char name[RESOLVER_NAME];
	uint16_t port;             /* of the addresses of RESOLVE_HOST */
	/* Once for each job that was started and not cancelled, from within the loop or
	 * resolver_tick. It may start the job again, later. */
	void (*done)(void *ctx, const struct resolver_answer *answer, struct instant now);
	void *ctx;

	struct resolver *resolver; /* NULL: not at work. The rest is resolver.c's */
	struct resolver_job *next;
	pid_t helper;
	int socket;
	struct instant give_up;
};

void resolver_open(struct resolver *r, struct loop *loop);
/* Kills the helpers; jobs are forgotten. */
void resolver_close(struct resolver *r);
/* 0, or negative errno; -EAGAIN: enough helpers are at work, try again after an answer. */
int resolver_start(struct resolver *r, struct resolver_job *job, struct instant now) must_check;
bool resolver_has_room(const struct resolver *r);
struct instant resolver_deadline(const struct resolver *r);
void resolver_tick(struct resolver *r, struct instant now);
/* True when the process that ended was a helper. */
bool resolver_reaped(struct resolver *r, pid_t pid);

/* resolver_helper.c: what runs in the helper, which has the socket `out` and its rights yet. */
_Noreturn void resolver_help(const struct resolver_job *job, int out, pid_t parent);

#endif
