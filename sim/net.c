/* Underlay addresses are numbers: 198.18.0.0/15 or 2001:db8::/96 and the number, so that finding
 * their owner is a look into an array. */
#include "sim/net.h"

#include "base/limits.h"
#include "identity/address.h"
#include "packet/ip.h"

#include <stdlib.h>
#include <string.h>

#define OPENER_HOPS 8u
#define ADDRESSES 131072u
#define SOCKET_PORTS 55000u /* extra sockets have ports from here on */
#define PACKET_MAGIC 0x6d677369u
#define PACKET_PAYLOAD 24u

static struct ip address_of(bool ipv6, uint32_t number)
{
	uint8_t b[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	store_be32(b + 12, number);
	if (ipv6)
		return ip_of(FAMILY_IPV6, b);
	return ip_v4(198, (uint8_t)(18 + (number >> 16)), (uint8_t)(number >> 8), (uint8_t)number);
}

static uint32_t number_of(const struct ip *ip)
{
	uint32_t number = load_be32(ip->b + (ip->family == FAMILY_IPV6 ? 12 : 0));

	if (ip->family == FAMILY_IPV6)
		return load_be32(ip->b) == 0x20010db8u ? number : UINT32_MAX;
	return ip->family == FAMILY_IPV4 ? number - (198u << 24 | 18u << 16) : UINT32_MAX;
}

static uint32_t fresh_number(struct world *w)
{
	if (!w->owners) {
		w->owners = malloc(ADDRESSES * sizeof(*w->owners));
		BUG_ON(!w->owners);
		memset(w->owners, 0xff, ADDRESSES * sizeof(*w->owners));
	}
	BUG_ON(++w->addresses == ADDRESSES);
	return w->addresses;
}

static void leave_address(struct world *w, uint32_t i)
{
	struct host *h = &w->hosts[i];

	if (h->at.port && !h->box)
		w->owners[number_of(&h->at.ip)] = NOBODY;
	h->box = 0;
}

void net_give_address(struct world *w, uint32_t i)
{
	uint32_t number = fresh_number(w);

	leave_address(w, i);
	w->hosts[i].at = (struct endpoint){ .ip = address_of(w->ipv6, number), .port = MESH_PORT };
	w->owners[number] = i;
}

/* --- NATs: the inside of number b is 192.168.b.0/24, machines there from .2 on */

void world_nat(struct world *w, const bool *set, const struct nat_config *config)
{
	struct nat_config c = *config;
	uint32_t box = w->box_count++, number = fresh_number(w);
	uint8_t next = 2;

	BUG_ON(box > 255);
	c.outside = address_of(false, number);
	w->boxes = realloc(w->boxes, w->box_count * sizeof(*w->boxes));
	BUG_ON(!w->boxes);
	w->boxes[box] = natbox_new(&c, world_stream(w, "nat", box));
	w->owners[number] = w->n + box;
	for (uint32_t i = 0; i < w->n; i++) {
		struct host *h = &w->hosts[i];

		if (!set[i] || next == 255)
			continue;
		leave_address(w, i);
		h->at.ip = ip_v4(192, 168, (uint8_t)box, next++);
		h->box = box + 1;
		h->well_since = w->now;
		world_tell_addresses(w, i);
	}
}

void world_nat_reboot(struct world *w, uint32_t i)
{
	if (w->hosts[i].box)
		natbox_forget(w->boxes[w->hosts[i].box - 1]);
}

/* The socket with that port; NOBODY: none. */
static uint32_t socket_at(const struct host *h, uint16_t port)
{
	if (port == h->at.port)
		return 0;
	for (uint32_t i = 1; port >= SOCKET_PORTS && i <= NODE_SOCKETS; i++)
		if (h->sockets[i] == port)
			return i;
	return NOBODY;
}

static bool listens(const struct host *h, const struct endpoint *to)
{
	return ip_equal(&h->at.ip, &to->ip) && socket_at(h, to->port) != NOBODY;
}

static void open_socket(struct host *h, uint32_t socket, bool open)
{
	h->sockets[socket] = 0;
	if (open)
		h->sockets[socket] = (uint16_t)(SOCKET_PORTS +
						h->next_socket++ % (65536u - SOCKET_PORTS));
}

/* The machine with that inside address. */
static uint32_t inside_host(const struct world *w, uint32_t box, const struct endpoint *inside)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->hosts[i].box == box + 1 && listens(&w->hosts[i], inside))
			return i;
	return NOBODY;
}

static bool is_inside(const struct ip *ip)
{
	return ip->family == FAMILY_IPV4 && ip->b[0] == 192 && ip->b[1] == 168;
}

/* The host or (from n on) NAT with that public address. */
static uint32_t owner(const struct world *w, const struct endpoint *to)
{
	uint32_t number = number_of(&to->ip);

	if (number >= ADDRESSES || w->owners[number] == NOBODY || w->owners[number] >= w->n)
		return number >= ADDRESSES ? NOBODY : w->owners[number];
	return listens(&w->hosts[w->owners[number]], to) ? w->owners[number] : NOBODY;
}

/* Whom a datagram is for as things are when it is sent: decides by which link it goes. */
static uint32_t addressee(const struct world *w, uint32_t from, const struct endpoint *to)
{
	uint32_t who = owner(w, to), box;
	struct endpoint inside;

	if (is_inside(&to->ip))
		return w->hosts[from].box ? inside_host(w, w->hosts[from].box - 1, to) : NOBODY;
	if (who < w->n || who == NOBODY)
		return who;
	box = who - w->n;
	if (natbox_owner(w->boxes[box], w->now, to->port, &inside))
		return inside_host(w, box, &inside);
	return NOBODY;
}

/* The source as the receiver sees it; false: lost in the sender's own NAT. */
static bool leaves(struct world *w, uint32_t from, const struct endpoint *to, struct endpoint *as)
{
	const struct host *h = &w->hosts[from];
	struct natbox *box = h->box ? w->boxes[h->box - 1] : NULL;
	struct endpoint outside = *to, inside = h->at;

	outside.socket = 0;
	outside.channel = 0;
	if (to->socket)
		inside.port = h->sockets[to->socket];
	*as = inside;
	if (!inside.port)
		return false;
	if (!box || is_inside(&to->ip))
		return true;
	if (ip_equal(&to->ip, &natbox_config(box)->outside) && !natbox_config(box)->hairpin)
		return false;
	return natbox_out(box, w->now, &inside, &outside, as);
}

uint32_t net_receiver(struct world *w, struct datagram *d)
{
	uint32_t who = owner(w, &d->to);
	struct endpoint to = d->to;

	if (is_inside(&d->to.ip)) {
		who = addressee(w, d->sender, &to);
	} else if (who >= w->n && who != NOBODY) {
		const uint32_t box = who - w->n;

		who = natbox_in(w->boxes[box], w->now, &d->from, d->to.port, &to) ?
		      inside_host(w, box, &to) : NOBODY;
	}
	if (who != NOBODY)
		d->from.socket = (uint16_t)socket_at(&w->hosts[who], to.port);
	return who;
}

uint32_t world_through(const struct world *w, uint32_t from, uint32_t to)
{
	struct report_peer r;

	if (!world_runs(w, from))
		return NOBODY;
	for (uint32_t slot = UINT32_MAX;;) {
		slot = node_report_peer(w->hosts[from].node, slot, &r);
		if (slot == UINT32_MAX)
			return NOBODY;
		if (world_find(w, &r.key) == to)
			break;
	}
	if (!r.path_up || !*r.relay)
		return r.path_up ? to : NOBODY;
	return world_at(w, &r.endpoint.ip);
}

uint32_t world_at(const struct world *w, const struct ip *ip)
{
	const uint32_t number = number_of(ip);

	return number < ADDRESSES && w->owners[number] < w->n ? w->owners[number] : NOBODY;
}

/* --- sending */

static const struct link_quality *quality(const struct world *w, uint32_t from, uint32_t to)
{
	const struct direction *d = &w->directions[(size_t)from * w->n + to];

	return d->own ? &d->quality : &w->quality;
}

static void post(struct world *w, uint32_t from, const struct endpoint *as, const struct out *o,
		 struct instant at, uint32_t damage)
{
	struct datagram *d = malloc(sizeof(*d) + o->len);

	BUG_ON(!d);
	*d = (struct datagram){ .from = *as, .to = o->to, .sender = from };
	d->len = o->len;
	d->to.local = (struct ip){ 0 };
	d->to.socket = 0;
	d->to.channel = 0;
	memcpy(d->data, o->data, o->len);
	d->damage = damage;
	if (damage)
		d->data[(damage - 1) / 8] ^= (uint8_t)(1u << (damage - 1) % 8);
	queue_push(&w->queue, at, d);
}

/* An opener: beyond its own NAT it meets more routers than its TTL allows. */
static bool dies(const struct out *o)
{
	return o->hops && o->hops <= OPENER_HOPS && !is_inside(&o->to.ip);
}

static void send(struct world *w, uint32_t from, const struct out *o)
{
	struct host *h = &w->hosts[from];
	uint32_t to = addressee(w, from, &o->to), size = o->len + IP_UDP(&o->to.ip);
	/* A port of a NAT that is nobody's yet may be somebody's when it arrives. */
	uint32_t link = to != NOBODY ? to : from;
	size_t pair = (size_t)from * w->n + link;
	struct link_fate fate;
	struct endpoint as;

	h->sent_datagrams++;
	h->sent_bytes += size;
	trace_mix(&w->trace, w->now.ns, (uint64_t)from << 32 | to, bytes_of(o->data, o->len));
	if (w->watch.sent)
		w->watch.sent(w->watch.ctx, from, to, bytes_of(o->data, o->len));
	if (w->trace.datagrams)
		trace_line(&w->trace, w->now, "%u > %d: %u bytes, first 0x%02x", from, (int)to,
			   o->len, o->data[0]);
	if (!leaves(w, from, &o->to, &as) || o->to.ip.family != h->at.ip.family || w->cuts[pair] ||
	    dies(o) || (to == NOBODY && owner(w, &o->to) == NOBODY)) {
		w->lost++;
		return;
	}
	link_carry(quality(w, from, link), &w->directions[pair].free, &w->link_rngs[from], w->now,
		   size, o->len, &fate);
	w->lost += !fate.copies;
	w->carried += fate.copies;
	for (unsigned i = 0; i < fate.copies; i++)
		post(w, from, &as, o, fate.at[i], fate.damage[i]);
}

static const uint8_t *payload_of(struct bytes p)
{
	struct ip_packet ip;
	size_t header = p.len && p.data[0] >> 4 == 6 ? 40 : 20;

	if (!ip_packet_parse(p, &ip) || p.len != header + PACKET_PAYLOAD ||
	    load_be32(p.data + header) != PACKET_MAGIC)
		return NULL;
	return p.data + header;
}

static void mesh_address(const struct world *w, uint32_t i, bool ipv6, struct ip *out)
{
	if (ipv6)
		mesh_ipv6(&w->hosts[i].public, out);
	else
		mesh_ipv4(&w->hosts[i].public, 0, &w->hosts[i].prefix, out);
}

/* What must hold for each packet that comes out of a tunnel. */
static void check_packet(struct world *w, uint32_t at, struct bytes p)
{
	const uint8_t *payload = payload_of(p);
	bool ipv6 = p.data[0] >> 4 == 6;
	struct ip src, dst;

	if (!payload)
		return; /* an ICMP error of the node itself */
	uint32_t from = load_be32(payload + 4), to = load_be32(payload + 8);
	uint64_t number = load_be64(payload + 12);
	if (to != at || from >= w->n || number >= w->packets) {
		world_violation(w, "machine %u got packet %ju from %u to %u", at, (uintmax_t)number,
				from, to);
		return;
	}
	mesh_address(w, from, ipv6, &src);
	mesh_address(w, to, ipv6, &dst);
	if (memcmp(p.data + (ipv6 ? 8 : 12), src.b, ipv6 ? 16 : 4) ||
	    memcmp(p.data + (ipv6 ? 24 : 16), dst.b, ipv6 ? 16 : 4))
		world_violation(w, "machine %u got packet %ju with foreign addresses", at,
				(uintmax_t)number);
	w->passed[(size_t)from * w->n + to]++;
	if (w->arrived[number]++)
		world_violation(w, "machine %u got packet %ju twice", at, (uintmax_t)number);
}

void net_carry_out(struct world *w, uint32_t i)
{
	struct outbox *out = &w->actions.out;

	for (uint32_t k = 0; k < out->count; k++) {
		const struct out *o = &out->items[k];

		if (o->kind == OUT_DATAGRAM)
			send(w, i, o);
		else if (o->kind == OUT_SOCKET_OPEN || o->kind == OUT_SOCKET_CLOSE)
			open_socket(&w->hosts[i], o->to.socket, o->kind == OUT_SOCKET_OPEN);
		else if (o->kind == OUT_PACKET)
			check_packet(w, i, bytes_of(o->data, o->len));
	}
	if (out->refused)
		world_violation(w, "machine %u: %ju items did not fit the outbox", i,
				(uintmax_t)out->refused);
	out->refused = 0;
	outbox_clear(out);
}

struct link_quality *world_quality(struct world *w, uint32_t from, uint32_t to)
{
	struct direction *d = &w->directions[(size_t)from * w->n + to];

	if (!d->own)
		d->quality = w->quality;
	d->own = true;
	return &d->quality;
}

void world_cut(struct world *w, uint32_t from, uint32_t to, bool yes)
{
	w->cuts[(size_t)from * w->n + to] = yes;
	w->cut_changed = w->now;
}

void world_heal(struct world *w)
{
	memset(w->cuts, 0, (size_t)w->n * w->n * sizeof(*w->cuts));
	for (size_t i = 0; i < (size_t)w->n * w->n; i++)
		w->directions[i].own = false;
	w->cut_changed = w->now;
}

/* The payload says who sent what to whom. */
static size_t make_packet(struct world *w, uint8_t *p, uint32_t from, uint32_t to, bool ipv6)
{
	size_t header = ipv6 ? 40 : 20;
	struct ip src, dst;

	mesh_address(w, from, ipv6, &src);
	mesh_address(w, to, ipv6, &dst);
	memset(p, 0, header + PACKET_PAYLOAD);
	if (ipv6) {
		p[0] = 0x60;
		store_be16(p + 4, PACKET_PAYLOAD);
		p[6] = 253;
		p[7] = 64;
		memcpy(p + 8, src.b, 16);
		memcpy(p + 24, dst.b, 16);
	} else {
		p[0] = 0x45;
		store_be16(p + 2, (uint16_t)(header + PACKET_PAYLOAD));
		p[8] = 64;
		p[9] = 253;
		memcpy(p + 12, src.b, 4);
		memcpy(p + 16, dst.b, 4);
	}
	store_be32(p + header, PACKET_MAGIC);
	store_be32(p + header + 4, from);
	store_be32(p + header + 8, to);
	store_be64(p + header + 12, w->packets);
	return header + PACKET_PAYLOAD;
}

uint64_t world_ping(struct world *w, uint32_t from, uint32_t to, bool ipv6)
{
	uint8_t p[64];
	size_t len = make_packet(w, p, from, to, ipv6);
	uint64_t number = w->packets++;

	if (number == w->arrived_cap) {
		w->arrived_cap = w->arrived_cap ? 2 * w->arrived_cap : 1024;
		w->arrived = realloc(w->arrived, w->arrived_cap);
		BUG_ON(!w->arrived);
	}
	w->arrived[number] = 0;
	world_event(w, from, &(struct node_event){ .kind = NODE_PACKET, .data = bytes_of(p, len) });
	return number;
}

unsigned world_arrived(const struct world *w, uint64_t number)
{
	return w->arrived[number];
}
