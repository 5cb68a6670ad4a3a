/* The node process: sockets, TUN, control and notices are turned into events for core/node, and
 * its actions are carried out. One thread, one loop; the time is read once a turn. */
#include "linux/mesh_inside.h"

#include "crypto/aead_batch.h"
#include "identity/address.h"
#include "linux/contexts.h"
#include "linux/control_server.h"
#include "linux/event_log.h"
#include "linux/keylog.h"
#include "linux/loop.h"
#include "linux/mdns.h"
#include "linux/names.h"
#include "linux/notice.h"
#include "linux/portmap.h"
#include "linux/resume.h"
#include "linux/rtnetlink.h"
#include "linux/saver.h"
#include "linux/second.h"
#include "linux/tun.h"
#include "linux/uapi_server.h"
#include "linux/udp.h"
#include "linux/warning.h"
#include "linux/version.h"
#include "nat/punch.h"
#include "node/node.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(UDP_EXTRA == NODE_SOCKETS, "the node asks for so many sockets");

#define ITEMS 1024u
#define ARENA (4u << 20)
#define HOST_ADDRESSES 64u
#define IPV6_LEN 64
#define RESTORE_MS 500

static void *map_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void fail(struct mesh *m, const char *what, int error)
{
	if (!m->failed)
		fprintf(stderr, "meshguard: %s: %s\n", what, strerror(-error));
	m->failed = true;
}

static void send_out(void *ctx, struct outbox *out)
{
	struct mesh *m = ctx;

	if (out->count) {
		udp_send(&m->udp, out);
		if (m->tun.fd >= 0)
			tun_write(&m->tun, out);
	}
	outbox_clear(out);
}

void mesh_flush(void *ctx)
{
	struct mesh *m = ctx;

	send_out(m, &m->actions.out);
	second_flush(&m->second);
}

void mesh_wake(struct mesh *m)
{
	uint8_t fresh[32];

	if (m->turn == m->loop.turns)
		return;
	m->turn = m->loop.turns;
	node_uapi(m->node, &m->device);
	m->now = clock_now();
	entropy(fresh, sizeof(fresh));
	node_entropy(m->node, fresh);
	second_entropy(&m->second, fresh);
	wipe(fresh, sizeof(fresh));
}

/* Another key had our address: the interface gets the next one that derives from ours. */
static void set_address(struct mesh *m)
{
	struct priv_message add = { .kind = PRIV_ADDRESS, .flag = true,
				    .prefix = { m->actions.ipv4, m->child->prefix.len } };
	struct priv_message off = { .kind = PRIV_ADDRESS,
				    .prefix = { m->actions.former, m->child->prefix.len } };
	char was[IP_TEXT], is[IP_TEXT];
	int error = 0;

	m->actions.set_address = false;
	if (m->child->config->gossip_only)
		return;
	if (add.prefix.ip.family)
		error = priv_ask(m->child, &add, NULL);
	if (!error && off.prefix.ip.family)
		error = priv_ask(m->child, &off, NULL);
	ip_format(&m->actions.former, was);
	ip_format(&m->actions.ipv4, is);
	if (error)
		fprintf(stderr, "meshguard: %s could not be given %s instead of %s: %s\n",
			m->child->interface, is, was, strerror(-error));
	else
		fprintf(stderr, "meshguard: %s has address %s instead of %s, which another key "
			"has\n",
			m->child->interface, is, was);
	names_open(&m->names);
}

static void read_trust_again(struct mesh *m)
{
	struct priv_message message = { .kind = PRIV_TRUST_AGAIN };
	int error = priv_ask(m->child, &message, NULL);

	m->actions.read_trust_again = false;
	if (error)
		fprintf(stderr, "meshguard: the trust store was not read again: %s; keys that "
			"were left out wait for its next change\n", strerror(-error));
}

void mesh_make_room(struct mesh *m)
{
	if (!outbox_has_room(&m->actions.out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES))
		mesh_flush(m);
}

static enum node_token_outcome token_outcome(int error)
{
	switch (error) {
	case 0:
		return NODE_TOKEN_DONE;
	case -EINPROGRESS:
		return NODE_TOKEN_ASKED;
	case -EALREADY:
		return NODE_TOKEN_GONE;
	case -ETIME:
		return NODE_TOKEN_OVER;
	default:
		return NODE_TOKEN_FAILED;
	}
}

static void tell_token(struct mesh *m)
{
	struct node_event e = { .kind = NODE_TOKEN_TOLD };

	m->saver.token_told = false;
	e.number = token_outcome(m->saver.token_error);
	mesh_make_room(m);
	node_step(m->node, m->now, &e, &m->actions);
	saver_save(&m->saver, m->now.boot);
}

void mesh_act(struct mesh *m)
{
	saver_save(&m->saver, m->now.boot);
	if (m->saver.token_told)
		tell_token(m);
	if (m->actions.set_address)
		set_address(m);
	if (m->actions.read_trust_again)
		read_trust_again(m);
}

static void step(void *ctx, const struct node_event *e)
{
	struct mesh *m = ctx;

	mesh_make_room(m);
	node_step(m->node, m->now, e, &m->actions);
	mesh_act(m);
}

static void step_datagrams(struct mesh *m, const struct node_event *e, uint32_t count)
{
	for (uint32_t done = 0; done < count;) {
		mesh_make_room(m);
		done += node_datagrams(m->node, m->now, e + done, count - done, &m->actions);
		mesh_act(m);
	}
}

static void received(struct mesh *m, int n)
{
	/* The system may be out of memory for a while. */
	if (n < 0 && n != -ENOMEM && n != -ENOBUFS)
		fail(m, "receiving on the UDP socket", n);
	for (int i = 0; i < n;) {
		uint32_t count = 0;

		for (; i < n && count < MESH_DATAGRAMS; i++, count++) {
			const struct udp_datagram *d = &m->batch.items[i];

			m->datagrams[count] = (struct node_event){
				.kind = NODE_DATAGRAM, .from = d->from, .ecn = d->ecn,
				.data = bytes_of(d->data, d->len),
			};
		}
		step_datagrams(m, m->datagrams, second_pick(&m->second, m->datagrams, count));
	}
	mesh_flush(m);
}

static void on_udp(struct mesh *m, int fd)
{
	mesh_wake(m);
	received(m, udp_receive(&m->udp, fd, &m->batch));
}

static void on_extra(void *ctx, uint32_t events)
{
	struct mesh *m = ctx;

	(void)events;
	mesh_wake(m);
	received(m, udp_receive_extra(&m->udp, &m->batch));
}

static void on_udp4(void *ctx, uint32_t events)
{
	struct mesh *m = ctx;

	(void)events;
	on_udp(m, m->udp.fd4);
}

static void on_udp6(void *ctx, uint32_t events)
{
	struct mesh *m = ctx;

	(void)events;
	on_udp(m, m->udp.fd6);
}

/* Once for each number. */
static void tell_left_out(struct mesh *m)
{
	struct report_node report;

	node_report(m->node, &report);
	if (report.trusted < report.max_members)
		return;
	if (report.left_out && report.left_out != m->left_out)
		fprintf(stderr, "meshguard: trusted keys left out: %u, with room for %u; "
			"start with a higher --max-members, or revoke keys of no use\n",
			report.left_out, report.max_members);
	m->left_out = report.left_out;
}

/* Another node is the first one now. */
static void main_changed(struct mesh *m)
{
	node_uapi(m->node, &m->device);
	m->names.node = m->node;
	m->names.hosts_version = 0;
	m->mdns.node = m->node;
	m->mdns.version = 0;
	if (!m->child->config->gossip_only)
		names_open(&m->names);
}

static void notice(struct mesh *m, struct priv_message *p)
{
	struct node_event e;

	m->stopping |= p->kind == PRIV_STOP;
	if (p->kind == PRIV_SECOND) {
		second_notice(&m->second, p);
		if (m->names.node != m->node)
			main_changed(m);
	}
	if (p->kind == PRIV_MAPPED)
		portmap_upnp(&m->portmap, p, m->now.boot);
	if (!notice_event(&m->notices, p, &e))
		return;
	second_give(&m->second, &e);
	if (p->kind == PRIV_TRUST_END) {
		tell_left_out(m);
		priv_ready(m->child);
	}
}

static void on_channel(void *ctx, uint32_t events)
{
	struct mesh *m = ctx;
	struct priv_message message;
	int n;

	(void)events;
	mesh_wake(m);
	while ((n = priv_next_notice(m->child, &message)) == 1)
		notice(m, &message);
	if (n < 0) {
		m->stopping = true;
		if (n != -EPIPE)
			fail(m, "the channel to the privileged process", n);
	}
	mesh_flush(m);
}

static void take_answer(struct mesh *m)
{
	const bool statement = m->actions.save_statement;

	/* That the parent is gone is told by its other socket, too. */
	if (!saver_answer(&m->saver, m->now.boot))
		loop_remove(&m->loop, m->child->requests);
	if (m->saver.token_told)
		tell_token(m);
	if (statement && !m->actions.save_statement) /* there may be another one */
		step(m, &(struct node_event){ .kind = NODE_TIME });
	mesh_flush(m);
}

static void on_answer(void *ctx, uint32_t events)
{
	struct mesh *m = ctx;

	(void)events;
	mesh_wake(m);
	if (!second_answer(&m->second))
		take_answer(m);
}

struct address_list {
	struct ip list[HOST_ADDRESSES];
	uint32_t count;
	int own;
};

static int add_address(void *ctx, const struct rtnl_address *a)
{
	struct address_list *l = ctx;

	if (a->index != l->own && a->scope == RT_SCOPE_UNIVERSE && !ip_is_loopback(&a->ip) &&
	    !(a->flags & (IFA_F_DEPRECATED | IFA_F_TENTATIVE)) && l->count < HOST_ADDRESSES)
		l->list[l->count++] = a->ip;
	return 0;
}

static void tell_addresses(void *ctx)
{
	struct mesh *m = ctx;
	struct address_list l = { .own = m->link };
	struct node_event e = { .kind = NODE_ADDRESSES };
	int error = rtnl_addresses(add_address, &l);

	if (error) { /* those of before hold until the next change */
		fprintf(stderr, "meshguard: the addresses of this host cannot be listed: %s\n",
			strerror(-error));
		return;
	}
	e.addresses = l.list;
	e.number = l.count;
	second_give(&m->second, &e);
}

/* Setting the interface down, or its MTU below what IPv6 needs, takes its IPv6 addresses away for
 * good, and other programs flush interfaces. Without its addresses this host is cut off. A moment
 * after the change, lest a flush that goes on until nothing is left never ends; while they cannot
 * be had (the MTU is still too small) the next change tries again. */
static void restore_addresses(struct mesh *m)
{
	struct report_node report;

	m->restore = INSTANT_NEVER;
	if (m->child->config->gossip_only)
		return;
	node_report(m->node, &report);

	struct priv_message add[] = {
		{ .kind = PRIV_ADDRESS, .flag = true, .prefix = { report.ipv6, IPV6_LEN } },
		{ .kind = PRIV_ADDRESS, .flag = true,
		  .prefix = { report.ipv4, m->child->prefix.len } },
	};

	for (unsigned i = 0; i < 2; i++) {
		if (!add[i].prefix.ip.family)
			continue;

		int error = priv_ask(m->child, &add[i], NULL);

		if (error == -EPIPE || error == -ETIMEDOUT)
			return;
	}
	second_restore(&m->second);
}

static void wake_for_names(void *ctx)
{
	mesh_wake(ctx);
}

static void on_neighbour(void *ctx, const struct node_event *e)
{
	struct mesh *m = ctx;

	mesh_wake(m);
	second_give(&m->second, e);
	mesh_flush(m);
}

static int open_mdns(struct mesh *m)
{
	m->mdns = (struct mdns){
		.loop = &m->loop, .node = m->node, .socket = m->child->mdns,
		.port = m->child->port, .found = on_neighbour, .ctx = m,
	};
	return mdns_open(&m->mdns);
}

static void open_names(struct mesh *m)
{
	m->names = (struct names){
		.child = m->child, .loop = &m->loop, .node = m->node, .link = m->link,
		.loopback = (int)if_nametoindex("lo"), .fd4 = -1, .fd6 = -1,
		.wake = wake_for_names, .ctx = m,
	};
	if (!m->child->config->gossip_only)
		names_open(&m->names);
}

static void on_watch(void *ctx, uint32_t events)
{
	struct mesh *m = ctx;
	struct rtnl_news news;

	(void)events;
	mesh_wake(m);
	if (!rtnl_watch_read(m->watch, m->link, &news))
		return;
	if (news.mtu)
		m->mtu = news.mtu;
	if (news.addresses || news.overrun)
		tell_addresses(m);
	if (news.addresses || news.routes || news.overrun)
		portmap_network(&m->portmap, m->now.boot);
	if (!news.removed && (news.lost || news.overrun || (news.link && news.up)))
		m->restore = instant_min(m->restore,
					 instant_add(m->now.boot, span_ms(RESTORE_MS)));
	mesh_flush(m);
}

static void on_mapped(void *ctx, const struct endpoint *external)
{
	struct mesh *m = ctx;
	struct node_event e = { .kind = NODE_MAPPED };

	if (external)
		e.from = *external;
	second_give(&m->second, &e);
	mesh_flush(m);
}

static void on_status(void *ctx, struct report_node *out)
{
	struct mesh *m = ctx;

	node_report(m->node, out);
	portmap_report(&m->portmap, out);
	out->wakeups = m->loop.turns;
	snprintf(out->aead, sizeof(out->aead), "%s", aead_name());
	snprintf(out->offloads, sizeof(out->offloads), "%s%s%s%s",
		 m->tun.segments ? "tso " : "", m->tun.uso ? "uso " : "",
		 m->udp.segments ? "udp-segment " : "", m->udp.gathers ? "udp-gro " : "");
	out->mtu = m->mtu;
	out->services_until = m->notices.pending_until;
	second_report(&m->second, out);
}

static uint32_t on_peer(void *ctx, uint32_t after, struct report_peer *out)
{
	struct mesh *m = ctx;
	uint32_t slot = node_report_peer(m->node, after, out);

	second_report_peer(&m->second, out);
	return slot;
}

static uint32_t on_service(void *ctx, uint32_t after, struct report_service *out)
{
	struct mesh *m = ctx;

	return node_report_service(m->node, after, out);
}

static uint32_t on_observed(void *ctx, uint32_t after, struct report_observed *out)
{
	struct mesh *m = ctx;

	return node_report_observed(m->node, after, out);
}

static uint32_t on_ping(void *ctx, const struct public_key *key)
{
	struct mesh *m = ctx;

	mesh_wake(m);
	return node_ping(m->node, m->now, key);
}

static bool on_pinged(void *ctx, uint32_t ping, uint64_t *rtt_us)
{
	struct mesh *m = ctx;

	return node_pinged(m->node, ping, rtt_us);
}

static void on_ping_end(void *ctx, uint32_t ping)
{
	struct mesh *m = ctx;

	node_ping_end(m->node, ping);
}

static uint32_t on_peer_of(void *ctx, const struct public_key *key, struct report_peer *out)
{
	struct mesh *m = ctx;
	const uint32_t slot = node_report_key(m->node, key, out);

	second_report_peer(&m->second, out);
	return slot;
}

static void on_down(void *ctx)
{
	struct mesh *m = ctx;

	m->stopping = true;
}

static int open_servers(struct mesh *m)
{
	struct control_config config = {
		.listener = m->child->control, .owner = m->child->owner,
		.directory = m->child->store_path,
		.handlers = { on_status, on_peer, on_service, on_observed, on_ping,
			      on_pinged, on_ping_end, on_peer_of, on_down, m },
	};
	int error = control_server_open(&m->control, &m->loop, &config);

	if (error)
		return error;
	node_uapi(m->node, &m->device);
	m->uapi = (struct uapi_server){
		.loop = &m->loop, .listener = m->child->uapi, .device = &m->device,
		.hide_secrets = true, .out = &m->actions.out, .flush = mesh_flush, .ctx = m,
	};
	return uapi_server_open(&m->uapi);
}

/* What holds for both keys, should there be two; not the keys, and nothing that was saved. */
static void configure(void *ctx, struct node_config *config)
{
	struct mesh *m = ctx;
	struct priv_child *c = m->child;

	*config = (struct node_config){
		.port = c->port, .mtu = c->mtu, .prefix = c->prefix,
		.gossip_only = c->config->gossip_only, .closed = true,
		.no_birthday = c->config->no_birthday,
		.open = c->config->open, .built = MESHGUARD_RELEASED,
		.relay = c->config->relay, .announce_count = c->config->announce_count,
		.profile = c->config->profile, .members = c->config->members,
	};
	memcpy(config->announce, c->config->announce, sizeof(config->announce));
	config->rules = c->rules;
	if (c->keylog >= 0) {
		config->keylog = keylog_write;
		config->keylog_ctx = &c->keylog;
	}
	/* What this host is called; a label, believed by nobody. */
	if (gethostname(config->label, sizeof(config->label)) ||
	    !name_valid(config->label, strnlen(config->label, sizeof(config->label))))
		memset(config->label, 0, sizeof(config->label));
	config->label[MAX_NAME] = '\0';
	memcpy(config->interface, c->interface, sizeof(config->interface));
	entropy(config->entropy, sizeof(config->entropy));
}

static int open_node(struct mesh *m)
{
	struct priv_child *c = m->child;
	struct node_config config;
	void *memory = map_memory(node_size(c->config->members, 0));
	struct out *items = map_memory(ITEMS * sizeof(*items));
	uint8_t *arena = map_memory(ARENA);

	m->packet = map_memory(MAX_PACKET + 1);
	m->segments = map_memory(MESH_SEGMENT_BYTES);
	if (!memory || !items || !arena || !m->packet || !m->segments)
		return -ENOMEM;
	configure(m, &config);
	config.secret = c->secret;
	config.public = c->public;
	config.clock = bytes_of(c->saved[PRIV_SAVE_CLOCK], c->saved_len[PRIV_SAVE_CLOCK]);
	config.peers = bytes_of(c->saved[PRIV_SAVE_PEERS], c->saved_len[PRIV_SAVE_PEERS]);
	outbox_init(&m->actions.out, items, ITEMS, arena, ARENA);
	m->now = clock_now();
	m->node = node_init(memory, &config, m->now);
	m->memory = memory;
	wipe(&config, sizeof(config));
	wipe(&c->secret, sizeof(c->secret));
	udp_offload(&m->udp, !c->config->off.udp_segment, !c->config->off.udp_gro);
	tun_offload(&m->tun, c->tun, !c->config->off.tso, !c->config->off.uso);
	return udp_batch_make(&m->batch);
}

static int add_descriptors(struct mesh *m)
{
	struct priv_child *c = m->child;
	int error = loop_add(&m->loop, c->channel, EPOLLIN, on_channel, m);

	if (!error)
		error = loop_add(&m->loop, c->requests, EPOLLIN, on_answer, m);
	if (!error && c->tun >= 0)
		error = loop_add(&m->loop, c->tun, EPOLLIN, mesh_on_tun, m);
	if (!error && m->udp.fd4 >= 0)
		error = loop_add(&m->loop, m->udp.fd4, EPOLLIN, on_udp4, m);
	if (!error && m->udp.fd6 >= 0)
		error = loop_add(&m->loop, m->udp.fd6, EPOLLIN, on_udp6, m);
	if (!error)
		error = udp_allow_extra(&m->udp);
	if (!error)
		error = loop_add(&m->loop, m->udp.ready, EPOLLIN, on_extra, m);
	if (error)
		return error;
	m->watch = rtnl_watch_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				   RTMGRP_IPV4_ROUTE);
	if (m->watch < 0)
		return m->watch;
	return loop_add(&m->loop, m->watch, EPOLLIN, on_watch, m);
}

static struct instant deadline(const struct mesh *m)
{
	struct instant first = instant_min(node_deadline(m->node), uapi_server_deadline(&m->uapi));

	first = instant_min(first, m->restore);
	first = instant_min(first, names_deadline(&m->names));
	first = instant_min(first, mdns_deadline(&m->mdns));
	first = instant_min(first, portmap_deadline(&m->portmap));
	first = instant_min(first, saver_deadline(&m->saver));
	first = instant_min(first, second_deadline(&m->second));
	return instant_min(first, control_server_deadline(m->control));
}

/* From a sleep, perhaps elsewhere: nothing of the network may be as it was. */
static void woken(struct mesh *m)
{
	const struct node_event e = { .kind = NODE_RESUMED };

	second_give(&m->second, &e);
	tell_addresses(m);
	portmap_network(&m->portmap, m->now.boot);
	mesh_flush(m);
}

static void turn(struct mesh *m)
{
	int error;

	if (m->saver.saving) /* the answer may have come while we waited for another */
		take_answer(m);
	(void)second_answer(&m->second);
	if (m->stopping || m->failed)
		return;
	error = loop_turn(&m->loop, deadline(m));
	if (error)
		fail(m, "waiting for events", error);
	mesh_wake(m);
	if (instant_reached(node_deadline(m->node), m->now.boot)) {
		struct node_event e = { .kind = NODE_TIME };

		step(m, &e);
		mesh_flush(m);
	}
	if (m->child->config->log_events)
		event_log_write(STDERR_FILENO, node_events(m->node), &m->events_told);
	warn_endings(m->node, &m->events_seen);
	saver_save(&m->saver, m->now.boot);
	second_tick(&m->second);
	if (instant_reached(m->restore, m->now.boot))
		restore_addresses(m);
	names_tick(&m->names, m->now.boot);
	mdns_tick(&m->mdns, m->now.boot);
	portmap_tick(&m->portmap, m->now.boot);
	if (resume_noticed(&m->resume, m->now.boot, resume_monotonic()))
		woken(m);
	control_server_tick(m->control, m->now.boot);
	uapi_server_tick(&m->uapi, m->now.boot);
}

/* What is left to be saved waits until everybody has been told. */
static void say_goodbye(struct mesh *m)
{
	const struct node_event e = { .kind = NODE_STOP };

	m->now = clock_now();
	m->saver.again = INSTANT_NEVER;
	second_give(&m->second, &e);
	mesh_flush(m);
	second_close(&m->second);
	saver_finish(&m->saver, m->now.boot);
}

int mesh_child(struct priv_child *child)
{
	static struct mesh mesh;
	struct mesh *m = &mesh;
	struct crypto_contexts contexts;
	int error;

	m->child = child;
	m->saver = (struct saver){ .child = child, .actions = &m->actions };
	m->second = (struct second){
		.child = child, .now = &m->now, .step = step, .send = send_out,
		.configure = configure, .renew = tell_addresses, .ctx = m,
		.first = { &m->node, &m->memory, &m->actions, &m->saver, &m->events_told,
			   &m->events_seen },
	};
	m->link = child->tun < 0 ? 0 : (int)if_nametoindex(child->interface);
	m->mtu = child->mtu;
	m->restore = INSTANT_NEVER;
	m->udp = (struct udp){ .fd4 = child->udp4, .fd6 = child->udp6, .port = child->port };
	error = crypto_contexts_make(&contexts, !child->config->off.ipsec_mb);
	if (!error) {
		crypto_use(&contexts);
		error = loop_init(&m->loop);
	}
	if (!error)
		error = open_node(m);
	if (!error)
		error = open_servers(m);
	if (!error)
		error = add_descriptors(m);
	if (!error)
		error = open_mdns(m);
	if (error) {
		fail(m, "starting the node", error);
		return 1;
	}
	open_names(m);
	m->portmap.mapped = on_mapped;
	m->portmap.ctx = m;
	m->portmap.link = m->link;
	portmap_open(&m->portmap, child, &m->loop, !child->config->no_mapping);
	tell_addresses(m);
	mesh_flush(m);
	m->saver.serving = true;
	while (!m->stopping && !m->failed)
		turn(m);

	portmap_close(&m->portmap);
	say_goodbye(m);
	names_close(&m->names);
	mdns_close(&m->mdns);
	control_server_close(m->control);
	uapi_server_close(&m->uapi);
	node_wipe(m->node);
	crypto_contexts_free(&contexts);
	return m->failed;
}
