/* saver.h - the state that the node wishes to keep over restarts, on its way to the disk.
 *
 * The privileged process writes it. A disk may take seconds, and peers find a node dead that does
 * not answer for so long: so the write is waited for before the first word to anybody and after the
 * last, and not in between. What could not be written is tried again every ten seconds, and said
 * once. `now` is the boot clock.
 */
#ifndef LINUX_SAVER_H
#define LINUX_SAVER_H

#include "linux/priv.h"
#include "node/node.h"

struct saver {
	struct priv_child *child;      /* borrowed, as are the actions */
	struct node_actions *actions;  /* save_clock, save_peers: cleared here, and set again */
	struct instant again;          /* what could not be saved: not before; zero: nothing */
	bool told[PRIV_SAVES];         /* the user knows that it is not saved */
	bool serving;                  /* we must not wait for the disk */
	bool saving;                   /* a write is under way: */
	enum priv_save which;
};

/* Saves what the actions ask for: waits for it unless serving. */
void saver_save(struct saver *s, struct instant now);
/* Takes the answer to a write under way, if it has come. False: the parent is gone. */
bool saver_answer(struct saver *s, struct instant now) must_check;
/* Nothing is served any more: what is left is saved, and waited for. */
void saver_finish(struct saver *s, struct instant now);
struct instant saver_deadline(const struct saver *s);

#endif
