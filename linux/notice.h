/* notice.h - what the privileged process tells (linux/priv.h), as events of the node. */
#ifndef LINUX_NOTICE_H
#define LINUX_NOTICE_H

#include "linux/priv.h"
#include "node/node.h"

/* A list of service rules comes in parts, which wait here for the last one. */
struct notices {
	struct policy_rule rules[POLICY_MAX_RULES];
	uint32_t count;
	char name[POLICY_NAME + 1];
	struct policy_list list;
	struct node_token token;
	struct instant pending_until; /* a change of the rules waits; zero: none does */
};

/* False: nothing that the node is to know, or not yet. *e borrows from both until the next one. */
bool notice_event(struct notices *n, const struct priv_message *m, struct node_event *e) must_check;

#endif
