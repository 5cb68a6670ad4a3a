/* priv_seeds.h - the addresses that `up` was told to ask, and those that it was told to look up.
 *
 * A literal address is given out at once. A name is looked up by a helper (linux/resolver.h) again
 * and again: when what was learned ends, but not within half a minute, and within minutes; sooner
 * while nothing was learned. All its addresses are given out, of both families.
 */
#ifndef LINUX_PRIV_SEEDS_H
#define LINUX_PRIV_SEEDS_H

#include "base/instant.h"
#include "linux/loop.h"
#include "linux/priv.h"
#include "linux/resolver.h"
#include "nat/path.h"

struct seed {
	enum seed_source source;
	uint32_t notice;                /* what tells the child: PRIV_SEED */
	struct resolver_job job;        /* what is looked up; for SEED_GIVEN nothing is */
	bool complained;
	unsigned failures;              /* in a row */
	struct instant due;             /* when to look up next */
	struct endpoint addresses[RESOLVER_ADDRESSES];
	unsigned count;
	uint32_t unsent;                /* one bit an address */
	struct seeds *seeds;
};

struct seeds {
	struct seed *list;
	unsigned count;
	struct resolver resolver;
	const char *what;               /* what they are; NULL: nobody hears what has no address */
};

/* Reads "host", "host:port", "[v6]:port"; the port is MESH_PORT where none is given. False when it
 * is none. */
bool seed_parse(const char *text, struct seed *out);
/* The same for STUN servers, which are told as PRIV_STUN: of each the first address of a family.
 * They seldom move, and are looked up again every hour. */
int stun_servers_open(struct seeds *s, const struct priv_config *config, struct loop *loop,
		      struct instant now) must_check;
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
