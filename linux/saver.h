/* saver.h - what the node wishes to keep over restarts, on its way to the disk.
 *
 * The privileged process writes it. A disk may take seconds, and peers find a node dead that does
 * not answer for so long: so the write is waited for before the first word to anybody and after the
 * last, and not in between. What could not be written is tried again every ten seconds, and said
 * once. Statements go one by one, fifty a second at the most, for they come from the network; the
 * node keeps the others until then. What the node wishes about a token is done once, and told
 * whether it was. `now` is the boot clock.
 */
#ifndef LINUX_SAVER_H
#define LINUX_SAVER_H

#include "linux/priv.h"
#include "node/node.h"

enum saver_wish { SAVER_CLOCK, SAVER_PEERS, SAVER_STATEMENT, SAVER_TOKEN, SAVER_WISHES };

struct saver {
	struct priv_child *child;      /* borrowed, as are the actions */
	struct node_actions *actions;  /* save_clock, save_peers: cleared here, and set again;
	                                  save_statement: cleared when it is written */
	enum priv_save clock;          /* whose clock it is: of the main key unless said */
	bool clock_only;               /* peers are kept for the main key */
	struct instant again;          /* what could not be saved: not before; zero: nothing */
	struct instant statement;      /* the next one: not before */
	bool token_told;               /* what became of token_wish: */
	int token_error;               /* as of connect_feed_wish; the owner clears it */
	bool told[SAVER_WISHES];       /* the user knows that it is not saved */
	bool serving;                  /* we must not wait for the disk */
	bool saving;                   /* a write is under way: */
	enum saver_wish which;
};

/* Saves what the actions ask for: waits for it unless serving. */
void saver_save(struct saver *s, struct instant now);
/* Takes the answer to a write under way, if it has come. False: the parent is gone. When it was
 * that of a statement, save_statement is clear: the node may have another one. */
bool saver_answer(struct saver *s, struct instant now) must_check;
/* Nothing is served any more: what is left is saved, and waited for. */
void saver_finish(struct saver *s, struct instant now);
struct instant saver_deadline(const struct saver *s);

#endif
