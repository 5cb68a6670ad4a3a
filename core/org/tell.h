/* tell.h - who trusts which of our orgs: ORGS, and the prints in it. */
#ifndef ORG_TELL_H
#define ORG_TELL_H

#include "org/state.h"

/* An org as `from` calls it when it talks to `to`; ids of keys. */
uint64_t tell_print(uint64_t from, uint64_t to, const struct public_key *org);
/* A digest of what is held of it, likewise. */
uint64_t tell_digest(uint64_t from, uint64_t to, const struct public_key *org, uint64_t digest);
/* The org that a peer means by this print; NONE: none of ours. That peer trusts it, too. */
uint32_t tell_find(struct spread *s, uint32_t from, uint64_t print);

/* Our orgs go to this peer soon; again until it answers, a few times. */
void tell_later(struct spread *s, uint32_t slot);
/* In about a second, while it was not told often enough: the answer came at a bad moment. */
void tell_again(struct spread *s, uint32_t slot);
/* At once, to be answered; at once, and not to be. */
void tell_ask(struct spread *s, uint32_t slot);
void tell_now(struct spread *s, uint32_t slot);
/* ORGS came. */
void tell_input(struct spread *s, uint32_t from, const struct spread_message *m);
/* Those that are due, some at a time. */
void tell_tick(struct spread *s);

#endif
