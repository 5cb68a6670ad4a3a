/* priv_seeds.h - addresses of the seeds, and the helpers that resolve their names.
 *
 * A literal address is given out at once. A name is resolved by a child process of its own that
 * has no rights and no descriptor but a pipe; it lives at most 20 s. Names are looked up again
 * every minute, and soon while they have no address.
 */
#ifndef LINUX_PRIV_SEEDS_H
#define LINUX_PRIV_SEEDS_H

#include "base/instant.h"
#include "linux/loop.h"
#include "linux/priv.h"

#define SEED_ADDRESSES 16u

struct seed {
	char host[256];
	uint16_t port;
	bool named;
	bool complained;
	unsigned failures;              /* in a row */
	struct instant due;             /* named: when to look up next */
	pid_t helper;                   /* 0: none */
	int pipe;
	struct instant give_up;         /* of the helper */
	uint8_t answer[SEED_ADDRESSES * sizeof(struct endpoint)];
	size_t answer_len;
	struct endpoint addresses[SEED_ADDRESSES];
	unsigned count;
	unsigned unsent;                /* one bit an address */
	struct seeds *seeds;
};

struct seeds {
	struct seed *list;
	unsigned count;
	unsigned helpers;               /* at work */
	struct loop *loop;              /* for their pipes */
	uid_t uid;                      /* whom they become */
	gid_t gid;
};

/* Splits "host", "host:port", "[v6]:port"; default port 51821. False when it is none. */
bool seed_parse(const char *text, struct seed *out);
int seeds_open(struct seeds *s, const struct priv_config *config, struct loop *loop,
	       struct instant now) must_check;
void seeds_close(struct seeds *s);
struct instant seeds_deadline(const struct seeds *s);
void seeds_tick(struct seeds *s, struct instant now);
/* True when the process that ended was a helper. */
bool seeds_reaped(struct seeds *s, pid_t pid);
bool seeds_next(const struct seeds *s, struct priv_message *m);
void seeds_sent(struct seeds *s);

#endif
