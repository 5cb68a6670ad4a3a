#include "linux/second.h"

#include "identity/address.h"
#include "identity/certificate.h"
#include "linux/event_log.h"
#include "linux/loop.h"
#include "linux/warning.h"
#include "nat/path.h"
#include "packet/ip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ITEMS 1024u
#define ARENA (4u << 20)
#define IPV4_BITS 32
#define IPV6_LEN 64

static enum priv_save clock_of(enum second_role role)
{
	return role == SECOND_FORMER ? PRIV_SAVE_FORMER_CLOCK : PRIV_SAVE_NEXT_CLOCK;
}

static void *map_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* --- addresses */

/* As an additional one, or as the first node's; one that is not there is none to take off. */
static int change(const struct second *s, const struct ip *ip, bool add, bool additional)
{
	struct priv_message m = { .kind = PRIV_ADDRESS, .flag = add, .value = additional };

	if (s->child->config->gossip_only || ip->family == FAMILY_NONE)
		return 0;
	m.prefix.ip = *ip;
	m.prefix.len = ip->family == FAMILY_IPV6 ? IPV6_LEN
		     : additional ? IPV4_BITS : s->child->prefix.len;
	return priv_ask(s->child, &m, NULL);
}

static void say_failed(const struct second *s, const struct ip *ip, int error)
{
	char text[IP_TEXT];

	if (!error)
		return;
	ip_format(ip, text);
	fprintf(stderr, "meshguard: %s could not be given or rid of %s: %s\n", s->child->interface,
		text, strerror(-error));
}

static void add_address(const struct second *s, const struct ip *ip)
{
	say_failed(s, ip, change(s, ip, true, true));
}

static void remove_address(const struct second *s, const struct ip *ip)
{
	say_failed(s, ip, change(s, ip, false, true));
}

void second_restore(const struct second *s)
{
	if (!s->node)
		return;
	if (change(s, &s->ipv4, true, true) < 0 || change(s, &s->ipv6, true, true) < 0) {
		/* The next change of the interface tries again. */
	}
}

/* Those of the first node now were additional, and the other way round. Each stays on the interface
 * all the time, for the sake of what is connected to it. */
static void swap_addresses(const struct second *s, const struct ip *first4, const struct ip *first6)
{
	add_address(s, &s->ipv4);
	say_failed(s, first4, change(s, first4, true, false));
	say_failed(s, &s->ipv4, change(s, &s->ipv4, false, false));
	remove_address(s, first4);
	say_failed(s, first6, change(s, first6, true, false));
	add_address(s, &s->ipv6);
}

/* --- steps */

/* Two nodes would take the extra sockets from each other, for they count them alike: no such socket
 * is opened, and what is to leave by one is dropped. */
static void keep_to_one_socket(struct second *s)
{
	for (uint32_t i = 0; i < s->actions.out.count; i++) {
		struct out *o = &s->actions.out.items[i];

		if (o->kind == OUT_SOCKET_OPEN || o->kind == OUT_SOCKET_CLOSE)
			o->to.socket = 0;
		else if (o->kind == OUT_DATAGRAM && o->to.socket)
			o->to.socket = UINT16_MAX; /* there is none of it */
	}
}

void second_flush(struct second *s)
{
	if (!s->node || !s->actions.out.count)
		return;
	if (s->one_socket)
		keep_to_one_socket(s);
	s->send(s->ctx, &s->actions.out);
}

static void read_trust_again(struct second *s)
{
	struct priv_message message = { .kind = PRIV_TRUST_AGAIN };

	s->actions.read_trust_again = false;
	if (priv_ask(s->child, &message, NULL)) {
		/* Keys that were left out wait for the next change of the store. */
	}
}

static void set_address(struct second *s)
{
	s->actions.set_address = false;
	if (ip_equal(&s->ipv4, &s->actions.ipv4))
		return;
	add_address(s, &s->actions.ipv4);
	remove_address(s, &s->ipv4);
	s->ipv4 = s->actions.ipv4;
}

static void step(struct second *s, const struct node_event *e)
{
	if (!outbox_has_room(&s->actions.out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES))
		second_flush(s);
	node_step(s->node, *s->now, e, &s->actions);
	s->actions.token_wish = false; /* it has no tokens */
	saver_save(&s->saver, s->now->boot);
	if (s->actions.set_address)
		set_address(s);
	if (s->actions.read_trust_again)
		read_trust_again(s);
}

/* --- beginning and end */

static void end(struct second *s, bool goodbye)
{
	const struct node_event stop = { .kind = NODE_STOP };
	const enum priv_save clock = clock_of(s->role);
	bool saving;
	int result;

	if (!s->node)
		return;
	if (goodbye)
		step(s, &stop);
	second_flush(s);
	saving = s->saver.saving;
	saver_finish(&s->saver, s->now->boot);
	if (saving && priv_told(s->child, &result) < 0) {
		/* The parent is gone, which the other socket tells. */
	}
	/* The same key may come again. */
	memcpy(s->child->saved[clock], s->actions.clock, NODE_CLOCK_LEN);
	s->child->saved_len[clock] = NODE_CLOCK_LEN;
	node_wipe(s->node);
	munmap(s->memory, node_size(s->child->config->members, 0));
	s->node = NULL;
	s->role = SECOND_NONE;
}

void second_close(struct second *s)
{
	end(s, false);
}

static void take_servers(struct second *s)
{
	static const enum seed_source sources[] = {
		[REPORT_GIVEN] = SEED_GIVEN, [REPORT_SAVED] = SEED_SAVED,
		[REPORT_NAME] = SEED_NAME, [REPORT_DNS] = SEED_DNS,
		[REPORT_MDNS] = SEED_MDNS,
	};
	static struct report_node report;
	struct node_event e = { .kind = NODE_SEED };

	node_report(*s->first.node, &report);
	for (unsigned i = 0; i < report.seed_count; i++) {
		e.from = report.seeds[i].endpoint;
		e.number = sources[report.seeds[i].source];
		step(s, &e);
	}
	e.kind = NODE_MAPPED;
	e.from = s->mapped;
	e.number = 0;
	step(s, &e);
	e.kind = NODE_STUN;
	for (unsigned i = 0; i < s->stun_count; i++) {
		e.from = s->stun[i].at;
		e.number = s->stun[i].server;
		step(s, &e);
	}
}

static bool open_memory(struct second *s)
{
	struct out *items = s->actions.out.items;
	uint8_t *arena = s->actions.out.arena;

	if (!items)
		items = map_memory(ITEMS * sizeof(*items));
	if (!arena)
		arena = map_memory(ARENA);
	s->memory = map_memory(node_size(s->child->config->members, 0));
	if (!items || !arena || !s->memory)
		return false;
	s->actions = (struct node_actions){ 0 };
	outbox_init(&s->actions.out, items, ITEMS, arena, ARENA);
	s->events_told = s->events_seen = 0;
	return true;
}

/* As the first one is made, and with the paths that it has. */
static void make_node(struct second *s, const struct secret_key *secret)
{
	const struct priv_child *c = s->child;
	const enum priv_save clock = clock_of(s->role);
	static uint8_t peers[NODE_PEERS_MAX];
	size_t len = node_peers(*s->first.node, peers);
	struct node_config config;

	s->configure(s->ctx, &config);
	config.secret = *secret;
	config.public = s->key;
	config.clock = bytes_of(c->saved[clock], c->saved_len[clock]);
	config.peers = len ? bytes_of(peers, len)
		     : bytes_of(c->saved[PRIV_SAVE_PEERS], c->saved_len[PRIV_SAVE_PEERS]);
	s->node = node_init(s->memory, &config, *s->now);
	wipe(&config, sizeof(config));
}

static void read_addresses(struct second *s)
{
	static struct report_node report;

	node_report(s->node, &report);
	s->ipv4 = report.ipv4;
	s->ipv6 = report.ipv6;
}

/* Nothing is said to anybody before its clock is saved. */
static void begin(struct second *s, const struct priv_second *p)
{
	const struct node_event first = { .kind = NODE_ADDRESSES };

	if (!open_memory(s)) {
		fprintf(stderr, "meshguard: no memory for a second key\n");
		return;
	}
	s->role = p->role;
	s->key = p->key;
	s->until = p->until;
	make_node(s, &p->secret);
	s->saver = (struct saver){ .child = s->child, .actions = &s->actions,
				   .clock = clock_of(s->role), .clock_only = true };
	read_addresses(s);
	add_address(s, &s->ipv4);
	add_address(s, &s->ipv6);
	step(s, &first);
	s->saver.serving = true;
	s->one_socket = true;
	s->renew(s->ctx);
	take_servers(s);
}

/* --- places */

static void swap_bytes(void *a, void *b, size_t size)
{
	uint8_t *x = a, *y = b;

	for (size_t i = 0; i < size; i++) {
		uint8_t t = x[i];

		x[i] = y[i];
		y[i] = t;
	}
}

static void settle(const struct node_place *p, enum priv_save clock, bool clock_only)
{
	p->saver->actions = p->actions;
	p->saver->clock = clock;
	p->saver->clock_only = clock_only;
	p->actions->save_clock = true; /* in the other one's file */
}

/* The second node is the first one from now on; neither notices. */
static void change_places(struct second *s)
{
	const struct node_place *a = &s->first;
	const struct node_place b = {
		&s->node, &s->memory, &s->actions, &s->saver, &s->events_told, &s->events_seen,
	};
	const struct public_key former = s->child->public;
	static struct report_node report;

	swap_bytes(a->node, b.node, sizeof(*a->node));
	swap_bytes(a->memory, b.memory, sizeof(*a->memory));
	swap_bytes(a->actions, b.actions, sizeof(*a->actions));
	swap_bytes(a->saver, b.saver, sizeof(*a->saver));
	swap_bytes(a->events_told, b.events_told, sizeof(*a->events_told));
	swap_bytes(a->events_seen, b.events_seen, sizeof(*a->events_seen));
	settle(a, PRIV_SAVE_CLOCK, false);
	settle(&b, PRIV_SAVE_FORMER_CLOCK, true);
	s->child->public = s->key;
	s->key = former;
	s->role = SECOND_FORMER;
	s->one_socket = false; /* it has them open, perhaps */
	step(s, &(struct node_event){ .kind = NODE_TOKENS_BEGIN });
	step(s, &(struct node_event){ .kind = NODE_TOKENS_END });
	read_addresses(s);
	node_report(*a->node, &report);
	swap_addresses(s, &report.ipv4, &report.ipv6);
}

static void take(struct second *s, const struct public_key *main, const struct priv_second *p)
{
	if (s->node && !memcmp(main, &s->key, sizeof(*main)))
		change_places(s);
	if (s->node && (p->role == SECOND_NONE
			      || memcmp(&p->key, &s->key, sizeof(s->key)) != 0)) {
		const struct ip ipv4 = s->ipv4, ipv6 = s->ipv6;

		end(s, true);
		remove_address(s, &ipv4);
		remove_address(s, &ipv6);
	}
	if (p->role == SECOND_NONE)
		return;
	if (!s->node)
		begin(s, p);
	s->role = p->role;
	s->until = p->until;
}

void second_notice(struct second *s, struct priv_message *m)
{
	struct priv_second p;

	if (m->data_len == sizeof(p)) {
		memcpy(&p, m->data, sizeof(p));
		take(s, &m->key, &p);
		wipe(&p, sizeof(p));
	}
	wipe(m->data, sizeof(m->data));
}

/* --- events */

/* A certificate belongs to one of the keys, and by a token one comes to the main key. */
static bool is_of(const struct second *s, const struct node_event *e, const struct public_key *key)
{
	struct certificate_claim claim;

	if (e->kind >= NODE_TOKENS_BEGIN && e->kind <= NODE_TOKEN_TOLD)
		return key == &s->child->public;
	return e->kind != NODE_TRUST_CERTIFICATE || !certificate_decode(e->data, &claim)
	       || !memcmp(&claim.body.node, key, sizeof(*key));
}

void second_give(struct second *s, const struct node_event *e)
{
	struct node_event deny = { .kind = NODE_TRUST_DENY };

	if (e->kind == NODE_STUN && s->stun_count < SECOND_STUN)
		s->stun[s->stun_count++] = (struct second_stun){ e->from, e->number };
	if (e->kind == NODE_MAPPED)
		s->mapped = e->from;
	if (!s->node) {
		s->step(s->ctx, e);
		return;
	}
	if (is_of(s, e, &s->child->public))
		s->step(s->ctx, e);
	if (is_of(s, e, &s->key))
		step(s, e);
	if (e->kind != NODE_TRUST_BEGIN)
		return;
	/* An org may let both in, and this host is not its own peer. */
	deny.key = s->key;
	s->step(s->ctx, &deny);
	deny.key = s->child->public;
	step(s, &deny);
}

bool second_took_packet(struct second *s, const struct node_event *e, uint8_t hops)
{
	struct ip_packet ip;
	uint32_t before;

	if (!s->node || !ip_packet_parse(e->data, &ip)
	    || !(ip_equal(&ip.src, &s->ipv4) || ip_equal(&ip.src, &s->ipv6)))
		return false;
	if (!outbox_has_room(&s->actions.out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES))
		second_flush(s);
	before = s->actions.out.count;
	step(s, e);
	for (uint32_t i = before; i < s->actions.out.count; i++)
		s->actions.out.items[i].hops = hops;
	return true;
}

/* Whoever asks gets one answer at the most, lest it be longer than what he sent. */
static bool took_datagram(struct second *s, const struct node_event *e)
{
	const struct outbox *out = &s->first.actions->out;
	uint32_t before;

	switch (node_expects(*s->first.node, e->data)) {
	case NODE_CLAIMS:
		return false;
	case NODE_DISCLAIMS:
		step(s, e);
		return true;
	case NODE_CANNOT_SAY:
		break;
	}
	if (!outbox_has_room(out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES))
		s->send(s->ctx, &s->first.actions->out);
	before = out->count;
	s->step(s->ctx, e);
	if (out->count == before)
		step(s, e);
	return true;
}

uint32_t second_pick(struct second *s, struct node_event *datagrams, uint32_t count)
{
	uint32_t left = 0;

	if (!s->node)
		return count;
	for (uint32_t i = 0; i < count; i++)
		if (!took_datagram(s, &datagrams[i]))
			datagrams[left++] = datagrams[i];
	return left;
}

/* --- the loop */

void second_entropy(struct second *s, const uint8_t fresh[32])
{
	if (s->node)
		node_entropy(s->node, fresh);
}

void second_tick(struct second *s)
{
	const struct node_event e = { .kind = NODE_TIME };

	if (!s->node)
		return;
	if (instant_reached(node_deadline(s->node), s->now->boot))
		step(s, &e);
	if (s->child->config->log_events)
		event_log_write(STDERR_FILENO, node_events(s->node), &s->events_told);
	warn_endings(s->node, &s->events_seen);
	saver_save(&s->saver, s->now->boot);
	second_flush(s);
}

struct instant second_deadline(const struct second *s)
{
	return s->node ? instant_min(node_deadline(s->node), saver_deadline(&s->saver))
			     : INSTANT_NEVER;
}

bool second_answer(struct second *s)
{
	const bool statement = s->actions.save_statement;

	if (!s->node || !s->saver.saving)
		return false;
	if (!saver_answer(&s->saver, s->now->boot))
		return true; /* the parent is gone, which its other socket tells */
	if (statement && !s->actions.save_statement)
		step(s, &(struct node_event){ .kind = NODE_TIME });
	second_flush(s);
	return true;
}

/* --- the report */

void second_report(const struct second *s, struct report_node *out)
{
	const uint64_t now = clock_now().wall.s;
	static struct report_peer peer;
	uint32_t at = UINT32_MAX;

	if (!s->node)
		return;
	out->denied -= out->denied > 0; /* the second key, for the first node */
	out->second.role = s->role == SECOND_FORMER ? REPORT_FORMER : REPORT_NEXT;
	out->second.key = s->key;
	out->second.ipv4 = s->ipv4;
	out->second.ipv6 = s->ipv6;
	out->second.until = s->until;
	out->second.left_s = s->until > now ? s->until - now : 0;
	while ((at = node_report_peer(s->node, at, &peer)) != UINT32_MAX) {
		out->second.reached += peer.path_up;
		out->second.peers++;
	}
}

void second_report_peer(const struct second *s, struct report_peer *out)
{
	out->second_reached = s->node && node_reaches(s->node, &out->key);
}
