/* udp.c - sendmmsg and recvmmsg with ancillary data, and runs of datagrams in one message.
 *
 * Sticky source addresses: each datagram tells the address it was sent to (PKTINFO), the
 * engine keeps that beside the peer's endpoint, and what goes back names it as its source. The
 * interface index is named only for link-local addresses: elsewhere routing stays free to pick
 * a better way for the same source. When the address is gone the kernel refuses the datagram
 * (EINVAL, EADDRNOTAVAIL, ENETUNREACH); it is sent once more with the source left to the
 * kernel, and the peer's next answer then tells the engine the new address.
 *
 * Runs: UDP_SEGMENT cuts one message into datagrams of equal length below the kernel's routing,
 * and UDP_GRO hands over what came alike in one message. That saves most of what a datagram costs.
 * A run that the kernel refuses goes out datagram by datagram: a path with a smaller MTU is no
 * reason for loss, since single datagrams may be cut into fragments.
 */
#include "linux/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define BUFFER_BYTES (7 << 20) /* each way; without rights at most net.core.*mem_max */
#define FULL_WAIT_MS 5         /* for room in a full socket, once a call */
#define PORT_TRIES 32          /* for a port that is free in both families */
#define RUN_BYTES 65000u       /* of one message with all its datagrams */
#define SEND_PARTS 512u        /* pieces of memory in one call of the kernel */
#define RUNS_REFUSED 16u       /* after so many in a row no more are tried */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The larger PKTINFO, the DS field, the hop limit, and the length in a run. */
struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
					       3 * CMSG_SPACE(sizeof(int))];
};

static int option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* A bound socket, -EAFNOSUPPORT when the kernel lacks the family, or another negative errno. */
static int open_family(int family, uint16_t port, uint32_t mark)
{
	union address at = { .any.sa_family = (sa_family_t)family };
	socklen_t len = sizeof(at.v4);
	int err;

	const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (family == AF_INET6) {
		at.v6.sin6_port = htons(port);
		len = sizeof(at.v6);
		err = option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		if (!err)
			err = option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		if (!err)
			err = option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	} else {
		at.v4.sin_port = htons(port);
		err = option(fd, IPPROTO_IP, IP_PKTINFO, 1);
		if (!err)
			err = option(fd, IPPROTO_IP, IP_RECVTOS, 1);
	}
	if (!err && mark)
		err = option(fd, SOL_SOCKET, SO_MARK, (int)mark);
	if (!err && bind(fd, &at.any, len) < 0)
		err = errno == EADDRNOTAVAIL ? -EAFNOSUPPORT : -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* As large as we may; small buffers cost throughput, nothing else. */
static void enlarge_buffers(int fd)
{
	if (option(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES))
		(void)option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	if (option(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES))
		(void)option(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
}

static uint16_t bound_port(int fd)
{
	union address at = { 0 };
	socklen_t len = sizeof(at);

	if (getsockname(fd, &at.any, &len) < 0)
		return 0;
	return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

static int open_both(struct udp *u, uint16_t port, uint32_t mark)
{
	*u = (struct udp){ .fd4 = -1, .fd6 = -1, .port = port };
	const int fd4 = open_family(AF_INET, port, mark);
	if (fd4 < 0 && fd4 != -EAFNOSUPPORT)
		return fd4;
	if (fd4 >= 0)
		u->port = bound_port(fd4);
	u->fd4 = fd4 < 0 ? -1 : fd4;
	const int fd6 = open_family(AF_INET6, u->port, mark);
	if (fd6 < 0 && fd6 != -EAFNOSUPPORT) {
		udp_close(u);
		return fd6;
	}
	u->fd6 = fd6 < 0 ? -1 : fd6;
	if (u->fd4 < 0 && u->fd6 < 0)
		return -EAFNOSUPPORT;
	if (!u->port)
		u->port = bound_port(u->fd6);
	if (u->fd4 >= 0)
		enlarge_buffers(u->fd4);
	if (u->fd6 >= 0)
		enlarge_buffers(u->fd6);
	return 0;
}

int udp_open(struct udp *u, uint16_t port, uint32_t mark)
{
	int err = open_both(u, port, mark);

	/* A port that the kernel chose for IPv4 may be taken in IPv6. */
	for (unsigned i = 1; !port && err == -EADDRINUSE && i < PORT_TRIES; i++)
		err = open_both(u, 0, mark);
	return err;
}

static void close_extra(struct udp *u, uint16_t number)
{
	int *fd = &u->extra[number - 1];

	if (*fd)
		close(*fd); /* which takes it out of `ready`, too */
	*fd = 0;
}

/* What cannot be opened sends nothing: datagrams for it are errors. */
static void open_extra(struct udp *u, uint16_t number)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = number };

	if (!u->ready || u->extra[number - 1])
		return;
	const int fd = open_family(AF_INET, 0, 0);
	if (fd < 0)
		return;
	if (epoll_ctl(u->ready, EPOLL_CTL_ADD, fd, &event) < 0)
		close(fd);
	else
		u->extra[number - 1] = fd;
}

void udp_close(struct udp *u)
{
	if (u->fd4 >= 0)
		close(u->fd4);
	if (u->fd6 >= 0)
		close(u->fd6);
	u->fd4 = u->fd6 = -1;
	for (uint16_t i = 1; i <= UDP_EXTRA; i++)
		close_extra(u, i);
	if (u->ready)
		close(u->ready);
	u->ready = 0;
}

int udp_allow_extra(struct udp *u)
{
	u->ready = epoll_create1(EPOLL_CLOEXEC);
	if (u->ready >= 0)
		return 0;
	u->ready = 0;
	return -errno;
}

static bool kernel_is_at_least(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned a = 0, b = 0;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &a, &b) != 2)
		return false;
	return a > major || (a == major && b >= minor);
}

/* For both sockets, or none. */
static bool both(const struct udp *u, int name, int value)
{
	return (u->fd4 < 0 || !option(u->fd4, IPPROTO_UDP, name, value)) &&
	       (u->fd6 < 0 || !option(u->fd6, IPPROTO_UDP, name, value));
}

void udp_offload(struct udp *u, bool segments, bool gathers)
{
	u->refused = 0;
	/* 0: no run, unless a message says so; who does not know the option refuses it. */
	u->segments = segments && both(u, UDP_SEGMENT, 0);
	u->gathers = gathers && kernel_is_at_least(5, 12) && both(u, UDP_GRO, 1);
	if (!u->gathers)
		(void)both(u, UDP_GRO, 0);
}

int udp_batch_make(struct udp_batch *b)
{
	const size_t buffers = UDP_BATCH * sizeof(*b->buffers);

	*b = (struct udp_batch){ 0 };
	void *memory = mmap(NULL, buffers + UDP_ITEMS * sizeof(*b->items), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	b->buffers = memory;
	b->items = (struct udp_datagram *)(void *)((uint8_t *)memory + buffers);
	return 0;
}

void udp_batch_free(struct udp_batch *b)
{
	if (b->buffers)
		munmap(b->buffers, UDP_BATCH * sizeof(*b->buffers) +
				   UDP_ITEMS * sizeof(*b->items));
	*b = (struct udp_batch){ 0 };
}

static void read_source(struct endpoint *e, const union address *at)
{
	if (at->any.sa_family == AF_INET6) {
		e->ip = ip_of(FAMILY_IPV6, &at->v6.sin6_addr);
		e->port = ntohs(at->v6.sin6_port);
		e->scope = at->v6.sin6_scope_id;
	} else {
		e->ip = ip_of(FAMILY_IPV4, &at->v4.sin_addr);
		e->port = ntohs(at->v4.sin_port);
	}
}

/* What the kernel says about a message, which are its own words, so that sizes are trusted. Returns
 * the length of each datagram in it but the last, or 0: it is one. */
static uint32_t read_control(struct udp_datagram *d, struct msghdr *m)
{
	int segment = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->from.local = ip_of(FAMILY_IPV4, &info.ipi_spec_dst);
			d->from.local_ifindex = (uint32_t)info.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->from.local = ip_of(FAMILY_IPV6, &info.ipi6_addr);
			d->from.local_ifindex = info.ipi6_ifindex;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			d->ecn = *CMSG_DATA(c);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			int value;
			memcpy(&value, CMSG_DATA(c), sizeof(value));
			d->ecn = (uint8_t)value;
		} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
		}
	}
	return segment > 0 ? (uint32_t)segment : 0;
}

static void take_message(struct udp_batch *b, struct udp_datagram d, uint32_t segment)
{
	uint32_t left = d.len;

	if (!segment)
		segment = left;
	for (bool first = true; (left || first) && b->count < UDP_ITEMS; first = false) {
		d.len = left < segment ? left : segment;
		b->items[b->count++] = d;
		d.data += d.len;
		left -= d.len;
	}
}

int udp_receive(struct udp *u, int fd, struct udp_batch *b)
{
	struct mmsghdr m[UDP_BATCH] = { 0 };
	struct iovec data[UDP_BATCH];
	union address from[UDP_BATCH];
	struct control control[UDP_BATCH];
	int n;

	for (unsigned i = 0; i < UDP_BATCH; i++) {
		data[i] = (struct iovec){ b->buffers[i], sizeof(b->buffers[i]) };
		m[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i], .msg_namelen = sizeof(from[i]),
			.msg_iov = &data[i], .msg_iovlen = 1,
			.msg_control = &control[i], .msg_controllen = sizeof(control[i]),
		};
	}
	b->count = 0;
	do {
		n = recvmmsg(fd, m, UDP_BATCH, MSG_DONTWAIT, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct udp_datagram d = { .data = b->buffers[i], .len = m[i].msg_len };
		uint32_t segment;

		read_source(&d.from, &from[i]);
		segment = read_control(&d, &m[i].msg_hdr);
		take_message(b, d, segment);
	}
	u->received += b->count;
	return (int)b->count;
}

int udp_receive_extra(struct udp *u, struct udp_batch *b)
{
	struct epoll_event event;
	int n;

	b->count = 0;
	if (!u->ready || epoll_wait(u->ready, &event, 1, 0) != 1)
		return 0;
	n = udp_receive(u, u->extra[event.data.u32 - 1], b);
	for (unsigned i = 0; i < b->count; i++)
		b->items[i].from.socket = (uint16_t)event.data.u32;
	return n;
}

/* What is in front of a message on its way out. */
struct message {
	union address to;
	struct control control;
};

/* Datagrams that go out in one message: where they lie, one behind the other in each part. */
struct run {
	const struct out *first; /* tells how */
	struct iovec *data;
	unsigned parts;
	unsigned count;          /* of datagrams, */
	size_t segment, last;    /* of that length, and the last of this */
	size_t bytes;
};

static void add_control(struct msghdr *m, int level, int type, const void *value, size_t len)
{
	uint8_t *at = (uint8_t *)m->msg_control + m->msg_controllen;
	const struct cmsghdr head = {
		.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type,
	};

	memset(at, 0, CMSG_SPACE(len));
	memcpy(at, &head, sizeof(head));
	memcpy(at + CMSG_LEN(0), value, len);
	m->msg_controllen += CMSG_SPACE(len);
}

static void add_source(struct msghdr *m, const struct endpoint *to)
{
	if (to->local.family != to->ip.family)
		return;
	if (to->ip.family == FAMILY_IPV4) {
		struct in_pktinfo info = { 0 };
		memcpy(&info.ipi_spec_dst, to->local.b, 4);
		add_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = { 0 };
		memcpy(&info.ipi6_addr, to->local.b, 16);
		if (ip_is_link_local(&to->local))
			info.ipi6_ifindex = (typeof(info.ipi6_ifindex))to->local_ifindex;
		add_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static void fill(struct msghdr *m, struct message *room, const struct run *run, bool with_source)
{
	const struct out *o = run->first;
	const bool is_v6 = o->to.ip.family == FAMILY_IPV6;
	const int level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, ds = o->ecn, hops = o->hops;
	const uint16_t segment = (uint16_t)run->segment;

	*m = (struct msghdr){ .msg_name = &room->to, .msg_iov = run->data,
			      .msg_iovlen = run->parts, .msg_control = &room->control };
	room->to = (union address){ 0 };
	if (is_v6) {
		room->to.v6.sin6_family = AF_INET6;
		room->to.v6.sin6_port = htons(o->to.port);
		room->to.v6.sin6_scope_id = o->to.scope;
		memcpy(&room->to.v6.sin6_addr, o->to.ip.b, 16);
		m->msg_namelen = sizeof(room->to.v6);
	} else {
		room->to.v4.sin_family = AF_INET;
		room->to.v4.sin_port = htons(o->to.port);
		memcpy(&room->to.v4.sin_addr, o->to.ip.b, 4);
		m->msg_namelen = sizeof(room->to.v4);
	}
	if (with_source)
		add_source(m, &o->to);
	if (ds)
		add_control(m, level, is_v6 ? IPV6_TCLASS : IP_TOS, &ds, sizeof(ds));
	if (hops)
		add_control(m, level, is_v6 ? IPV6_HOPLIMIT : IP_TTL, &hops, sizeof(hops));
	if (run->count > 1)
		add_control(m, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (!m->msg_controllen)
		m->msg_control = NULL;
}

static bool source_may_be_gone(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH ||
	       error == EHOSTUNREACH;
}

/* True if sending shall be tried once more: interrupted, or there was no room. *waited: already. */
static bool may_go_on(int fd, bool *waited)
{
	struct pollfd room_for = { .fd = fd, .events = POLLOUT };

	if (errno == EINTR)
		return true;
	if (errno != EAGAIN || *waited)
		return false;
	poll(&room_for, 1, FULL_WAIT_MS);
	*waited = true;
	return true;
}

/* One datagram, and nothing else. */
static void send_one(struct udp *u, int fd, const struct run *one, bool *waited)
{
	struct message room;
	struct msghdr m;
	bool with_source = true;

	fill(&m, &room, one, true);
	while (sendmsg(fd, &m, MSG_DONTWAIT) < 0) {
		if (may_go_on(fd, waited))
			continue;
		if (!source_may_be_gone(errno) || !with_source || !one->first->to.local.family) {
			u->send_errors++;
			return;
		}
		with_source = false;
		fill(&m, &room, one, false);
	}
	u->sent++;
}

/* Whatever the kernel believes of the path's MTU, and no fragment: who sent it wants to know. */
static void send_whole(struct udp *u, int fd, const struct out *o, bool *waited)
{
	struct iovec data = { o->data, o->len };
	const struct run one = { o, &data, 1, 1, o->len, o->len, o->len };
	const bool is_v6 = o->to.ip.family == FAMILY_IPV6;
	const int level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	const int name = is_v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER;

	_Static_assert(IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE &&
		       IP_PMTUDISC_WANT == IPV6_PMTUDISC_WANT, "of both families");
	if (!option(fd, level, name, IP_PMTUDISC_PROBE))
		send_one(u, fd, &one, waited);
	else
		u->send_errors++;
	(void)option(fd, level, name, IP_PMTUDISC_WANT);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The kernel did not take it as it was. Where its datagrams do not go out one by one either, that
 * was not because it is a run. */
static void send_apart(struct udp *u, int fd, const struct run *run, bool *waited)
{
	const int error = errno;
	const uint64_t sent = u->sent;

	for (unsigned i = 0; i < run->parts; i++) {
		struct iovec left = run->data[i];

		do {
			struct iovec data = { left.iov_base, least(left.iov_len, run->segment) };
			const struct run one = { run->first, &data, 1, 1, data.iov_len,
						 data.iov_len, data.iov_len };

			send_one(u, fd, &one, waited);
			left.iov_base = (uint8_t *)left.iov_base + data.iov_len;
			left.iov_len -= data.iov_len;
		} while (left.iov_len);
	}
	if (run->count < 2 || error == EAGAIN || u->sent == sent)
		return;
	if (error == EIO || ++u->refused == RUNS_REFUSED)
		u->segments = false;
}

/* Sends up to a batch of runs of one family. */
static void send_batch(struct udp *u, int fd, const struct run *runs, unsigned count,
		       bool *waited)
{
	struct mmsghdr m[UDP_BATCH] uninitialized;
	struct message room[UDP_BATCH] uninitialized;
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++)
		fill(&m[i].msg_hdr, &room[i], &runs[i], true);
	while (done < count) {
		const int n = sendmmsg(fd, m + done, count - done, MSG_DONTWAIT);

		for (int i = 0; i < n; i++, done++) {
			u->sent += runs[done].count;
			if (runs[done].count > 1)
				u->refused = 0;
		}
		if (n > 0 || may_go_on(fd, waited))
			continue;
		send_apart(u, fd, &runs[done], waited);
		done++;
	}
}

static int socket_for(const struct udp *u, const struct endpoint *to)
{
	if (to->socket)
		return to->socket <= UDP_EXTRA && to->ip.family == FAMILY_IPV4 &&
		       u->extra[to->socket - 1] ? u->extra[to->socket - 1] : -1;
	return to->ip.family == FAMILY_IPV4 ? u->fd4 : to->ip.family == FAMILY_IPV6 ? u->fd6 : -1;
}

/* False: the item has nothing to do with sockets. */
static bool change_sockets(struct udp *u, const struct out *o)
{
	const bool open = o->kind == OUT_SOCKET_OPEN, close = o->kind == OUT_SOCKET_CLOSE;

	if ((open || close) && o->to.socket && o->to.socket <= UDP_EXTRA)
		open ? open_extra(u, o->to.socket) : close_extra(u, o->to.socket);
	return open || close;
}

/* What is to be sent by one call. */
struct sending {
	struct udp *u;
	int fd;
	struct run runs[UDP_BATCH];
	unsigned count;
	struct iovec parts[SEND_PARTS];
	unsigned held;
	bool waited;
};

static void send_held(struct sending *s)
{
	if (s->count)
		send_batch(s->u, s->fd, s->runs, s->count, &s->waited);
	s->held = s->count = 0;
}

/* Whether a datagram of that length may follow in the run: nothing but a shorter last one
 * differs. */
static bool continues(const struct udp *u, const struct run *run, const struct out *o, size_t len)
{
	const struct out *first = run->first;

	return u->segments && run->count < UDP_RUN && len && len <= run->segment &&
	       run->last == run->segment && run->bytes + len <= RUN_BYTES &&
	       o->ecn == first->ecn && o->hops == first->hops &&
	       endpoint_equal(&o->to, &first->to) &&
	       ip_equal(&o->to.local, &first->to.local) &&
	       o->to.local_ifindex == first->to.local_ifindex;
}

/* The item's first datagrams from `at` on, as many as go into the last run; the bytes. */
static size_t add_to_run(struct sending *s, const struct out *o, size_t segment, size_t at)
{
	struct run *run = &s->runs[s->count - 1];
	size_t most = 1, len;

	if (s->u->segments && segment == run->segment)
		most = least(UDP_RUN - run->count, (RUN_BYTES - run->bytes) / segment);
	len = least(o->len - at, (most ? most : 1) * segment);
	run->data[run->parts++] = (struct iovec){ o->data + at, len };
	s->held++;
	run->count += len ? (unsigned)((len + segment - 1) / segment) : 1;
	run->bytes += len;
	run->last = len % segment ? len % segment : segment;
	return len;
}

static void add_item(struct sending *s, const struct out *o)
{
	const size_t segment = o->segment ? o->segment : o->len ? o->len : 1;
	size_t at = 0;

	do {
		const size_t next = least(segment, o->len - at);
		const struct run *last = s->count ? &s->runs[s->count - 1] : NULL;
		const bool more = last && continues(s->u, last, o, next);

		if (s->held == SEND_PARTS || (!more && s->count == UDP_BATCH))
			send_held(s);
		if (!more || !s->count)
			s->runs[s->count++] = (struct run){
				.first = o, .data = &s->parts[s->held], .segment = next,
			};
		at += add_to_run(s, o, segment, at);
	} while (at < o->len);
}

void udp_send(struct udp *u, const struct outbox *out)
{
	struct sending s uninitialized;

	s.u = u;
	s.fd = -1;
	s.count = s.held = 0;
	s.waited = false;
	for (uint32_t i = 0; i < out->count; i++) {
		const struct out *o = &out->items[i];
		const bool sends = o->kind == OUT_DATAGRAM;
		const int its = sends ? socket_for(u, &o->to) : -1;

		if (!sends && o->kind != OUT_SOCKET_OPEN && o->kind != OUT_SOCKET_CLOSE)
			continue;
		if (its != s.fd)
			send_held(&s);
		s.fd = its;
		if (change_sockets(u, o) || !sends)
			continue;
		if (its < 0) {
			u->send_errors++;
		} else if (o->whole) {
			send_held(&s);
			send_whole(u, its, o, &s.waited);
		} else {
			add_item(&s, o);
		}
	}
	send_held(&s);
}
