/* Two who come by one token: what the shell says of the first is never told to the second. */
#include "node_world.h"

#include "node/node_impl.h"

static struct node_token token;

static void start(void)
{
	world(false);
	switch_on(&machines[0]);
	token = (struct node_token){ .role = NODE_TOKEN_INVITED, .id = { 7 } };
	event(&machines[0], &(struct node_event){ .kind = NODE_TOKENS_BEGIN });
	event(&machines[0], &(struct node_event){ .kind = NODE_TOKEN, .token = &token });
	event(&machines[0], &(struct node_event){ .kind = NODE_TOKENS_END });
	run_ms(1000);
}

static void comes(unsigned who)
{
	static struct introduced one;

	one = (struct introduced){ .key = machines[who].public, .from = machines[who].at,
				   .token = true };
	memcpy(one.token_id, token.id, TOKEN_ID);
	connect_introduced(machines[0].node, &one, now, &actions.out);
	event(&machines[0], &(struct node_event){ .kind = NODE_TIME }); /* the end of that step */
}

static bool is_held(unsigned who)
{
	const struct node_connect *c = &machines[0].node->connect;

	return c->holding && !memcmp(&c->held.key, &machines[who].public, sizeof(c->held.key));
}

/* The disk may take a minute. */
static void the_shells_word_is_of_whom_it_was_asked_about(void)
{
	start();
	comes(1);
	ok(is_held(1));
	run_ms(60000);
	ok(actions.token_wish && !memcmp(&actions.wish.key, &machines[1].public, 32));
	actions.token_wish = false;
	comes(2);
	ok(is_held(1));
	event(&machines[0], &(struct node_event){ .kind = NODE_TOKEN_TOLD,
						  .number = NODE_TOKEN_DONE });
	ok(!machines[0].node->connect.holding);
	comes(2);
	ok(is_held(2));
	ok(actions.token_wish && !memcmp(&actions.wish.key, &machines[2].public, 32));
	actions.token_wish = false;
}

TAP_TESTS(T(the_shells_word_is_of_whom_it_was_asked_about))
