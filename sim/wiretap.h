/* wiretap.h - reads the control channel of the simulated network: the simulator has all keys. */
#ifndef SIM_WIRETAP_H
#define SIM_WIRETAP_H

#include "sim/world.h"

enum tapped {
	TAPPED_OTHER,    /* no sealed datagram */
	TAPPED_BLIND,    /* sealed for another machine than the addressed one: a seed is asked */
	TAPPED_BAD,      /* its receiver could not read it */
	TAPPED_PATH,     /* core/nat's */
	TAPPED_SWIM,
};

/* ABOUT_DEAD: the sender's verdict, after ABOUT_LISTED. */
enum about {
	ABOUT_RECORD, ABOUT_ACCUSED, ABOUT_ACCUSER, ABOUT_LISTED, ABOUT_WANTED, ABOUT_TARGET,
	ABOUT_DEAD,
};

struct tap_reader {
	/* One thing said about a machine (NOBODY: about nobody there is). */
	void (*about)(void *ctx, enum about what, uint32_t subject, uint64_t sequence);
	void *ctx;
};

struct wiretap;
struct wiretap *wiretap_new(const struct world *w);
void wiretap_free(struct wiretap *t);
/* A datagram of machine `from` to machine `to`, as it was sent. *epoch and *counter: of its
 * sender, where the result is not OTHER, BLIND or BAD. */
enum tapped wiretap_read(struct wiretap *t, uint32_t from, uint32_t to, struct bytes data,
			 const struct tap_reader *reader, uint64_t *epoch, uint64_t *counter);

#endif
